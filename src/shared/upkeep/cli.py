"""`seoga repair`: a data directory is mended while no server runs on it."""

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

    return commands


def _show(files: list[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        print_json({"files": files})
        return
    for file in files:
        typer.echo(printable(f"{file['file']}: {file['detail']}"))
