"""`seoga ingest`: uploads files and folders, and waits until each is searchable or failed."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from ingest.interface.storage_cli import add_storage_commands
from shared.runtime.client import EXIT_FAILED, EXIT_USAGE, Connect, print_json, printable, problems_to_stderr
from shared.vocabulary import DEFAULT_COLLECTION

_MOST_LISTED = 50


def build_commands(connect: Connect) -> typer.Typer:
    """The commands of Ingest; `connect` gives a client of the API."""
    commands = typer.Typer()

    @commands.command()
    def ingest(
        paths: Annotated[list[Path], typer.Argument(exists=True, metavar="PATH…", help="Files and folders.")],
        collection: Annotated[str, typer.Option("--collection", "-c", help="Where they go.")] = DEFAULT_COLLECTION,
        metadata: Annotated[
            list[str] | None, typer.Option("--metadata", "-m", help="KEY=VALUE for all files; repeatable.")
        ] = None,
        as_json: Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")] = False,
        wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Until all are searchable or failed.")] = True,
    ) -> None:
        """Upload files and folders (hidden files left out) and wait until they are searchable.

        Exit code 1 when a file was refused or failed; they are listed with the reason.
        """
        from ingest.interface.bulk_upload.finding import find_files, same_names
        from ingest.interface.bulk_upload.run import BulkUpload

        labels = _metadata(metadata or [])
        files = find_files(paths)
        if not files:
            typer.echo("There are no files to ingest.", err=True)
            raise typer.Exit(EXIT_FAILED)
        if doubles := same_names(files):
            shown = "; ".join(f"{name}: {', '.join(map(str, found))}" for name, found in list(doubles.items())[:5])
            typer.echo(
                f"Several files would get the same name and replace one another: {printable(shown)}. "
                "Ingest their common folder, or each into a collection of its own.",
                err=True,
            )
            raise typer.Exit(EXIT_USAGE)
        with problems_to_stderr(), connect() as client:
            upload = BulkUpload(client, collection, labels, show_progress=not as_json and sys.stderr.isatty())
            outcomes = upload.run(files, wait=wait)
        counts: dict[str, int] = {}
        for outcome in outcomes:
            counts[outcome.status] = counts.get(outcome.status, 0) + 1
        bad = [outcome for outcome in outcomes if outcome.is_bad]
        if as_json:
            print_json({"documents": [outcome.as_json() for outcome in outcomes], "counts": counts})
        else:
            _print_summary(collection, outcomes, counts, bad)
        if bad:
            raise typer.Exit(EXIT_FAILED)

    add_storage_commands(commands, connect)
    return commands


def _print_summary(collection: str, outcomes: list[Any], counts: dict[str, int], bad: list[Any]) -> None:
    known = sum(outcome.duplicate for outcome in outcomes)
    parts = [f"{number} {status}" for status, number in sorted(counts.items(), key=lambda item: -item[1])]
    there = f" ({known} known already)" if known else ""
    typer.echo(f"{len(outcomes)} file{'s' * (len(outcomes) != 1)} in {collection}: {', '.join(parts)}{there}")
    for outcome in bad[:_MOST_LISTED]:
        typer.echo(printable(f"  {outcome.status}  {outcome.name}: {outcome.reason}"), err=True)
    if len(bad) > _MOST_LISTED:
        typer.echo(f"  … and {len(bad) - _MOST_LISTED} more; --json lists all.", err=True)


def _metadata(pairs: list[str]) -> dict[str, Any]:
    """`year=2026` is a number, `open=true` a truth value, anything else text. Raises typer.BadParameter."""
    metadata: dict[str, Any] = {}
    for pair in pairs:
        key, equals, text = pair.partition("=")
        if not key.strip() or not equals:
            raise typer.BadParameter(f"{pair!r} is not KEY=VALUE.", param_hint="--metadata")
        try:
            value = json.loads(text)
        except ValueError:
            value = text
        metadata[key.strip()] = value if isinstance(value, str | int | float | bool) else text
    return metadata
