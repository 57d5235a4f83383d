"""`seoga backup`, `restore` and `repair`: a data directory is copied, put back, and mended."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from shared.runtime.client import EXIT_FAILED, Connect, print_json, printable, problems_to_stderr
from shared.settings import load_settings

JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]


def build_commands(_: Connect) -> typer.Typer:
    """They need no server."""
    commands = typer.Typer()

    @commands.command()
    def repair(
        remake: Annotated[
            list[str] | None,
            typer.Option("--remake", metavar="NAME", help="Make this file again though it looks sound: search, …"),
        ] = None,
        as_json: JsonOption = False,
    ) -> None:
        """Look through the files of a data directory; set damaged ones aside, which the next start makes again.

        No server may run on it. Exit code 1 when a file is damaged that nothing can replace.
        """
        from shared.upkeep import repairing

        with problems_to_stderr():
            done = repairing.repair(load_settings().data_dir, remake=remake or ())
        _show([{"file": one.file, "state": one.state, "detail": one.detail} for one in done], as_json)
        if not all(one.is_well for one in done):
            raise typer.Exit(EXIT_FAILED)

    folder = Annotated[Path, typer.Argument(metavar="DIR", help="The folder of the backup, best on another disk.")]

    @commands.command()
    def backup(
        directory: folder,
        verify: Annotated[bool, typer.Option("--verify", help="Read all of it again when it is done.")] = False,
        as_json: JsonOption = False,
    ) -> None:
        """Copy the data directory to DIR, also while a server runs; only what is new since the last time is copied.

        Exit code 1 when originals turn out to be damaged; they are copied as they are.
        """
        from shared.upkeep import backing_up, restoring

        with problems_to_stderr():
            done = backing_up.back_up(load_settings(), directory)
            if verify:
                restoring.verify(directory)
        if as_json:
            print_json(asdict(done))
        else:
            typer.echo(
                f"{done.files:,} files, {_size(done.total_bytes)} in {directory}; "
                f"{done.copied:,} of them, {_size(done.copied_bytes)}, were copied now."
            )
            for note in done.notes:
                typer.echo(printable(note))
            for name in done.damaged:
                typer.echo(printable(f"Damaged: {name}. Upload this file again."), err=True)
        if done.damaged:
            raise typer.Exit(EXIT_FAILED)

    @commands.command()
    def restore(directory: folder, as_json: JsonOption = False) -> None:
        """Put a backup back into an empty data directory (SEOGA_DATA_DIR); everything is checked first."""
        from shared.upkeep import restoring

        with problems_to_stderr():
            done = restoring.restore(directory, load_settings().data_dir)
        if as_json:
            print_json(asdict(done))
            return
        typer.echo(
            f"{done.files:,} files, {_size(done.total_bytes)}, as of {done.made_at}. "
            "The next start builds the index again; until then part of it is found."
        )

    return commands


def _size(count: int) -> str:
    return f"{count / 1e6:,.1f} MB"


def _show(files: list[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        print_json({"files": files})
        return
    for file in files:
        typer.echo(printable(f"{file['file']}: {file['detail']}"))
