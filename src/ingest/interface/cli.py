"""`seoga ingest`: uploads files and folders, and waits until each is searchable or failed."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from ingest.interface.collections_cli import build_collection_commands
from ingest.interface.documents_cli import build_document_commands, metadata_of
from ingest.interface.storage_cli import add_storage_commands
from shared.runtime.client import (
    EXIT_FAILED,
    EXIT_REFUSED,
    EXIT_USAGE,
    Connect,
    print_json,
    printable,
    problems_to_stderr,
)
from shared.vocabulary import DEFAULT_COLLECTION

if TYPE_CHECKING:
    from ingest.interface.bulk_upload.outcome import Outcome

_MOST_LISTED: Final = 50
_FEW: Final = 3


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
        early: Annotated[
            bool, typer.Option("--early", help="First pages of large documents are searchable before the rest is read.")
        ] = False,
    ) -> None:
        """Upload files and folders (hidden files left out) and wait until they are searchable.

        Exit code 1 when a file failed or could not be taken in, 4 when some were only of types that are not read; they
        are listed with the reason. What systems and offices leave in folders (Thumbs.db, .DS_Store, ~$…) is skipped.
        """
        from ingest.interface.bulk_upload.finding import find_files, same_names
        from ingest.interface.bulk_upload.run import BulkUpload
        from ingest.interface.bulk_upload.unread_languages import unread_languages

        labels = metadata_of(metadata or [], hint="--metadata")
        found = find_files(paths)
        files = found.files
        if not files:
            typer.echo(f"There are no files to ingest{_skipped(len(found.litter))}.", err=True)
            raise typer.Exit(EXIT_FAILED)
        if doubles := same_names(files):
            shown = "; ".join(f"{name}: {', '.join(map(str, found))}" for name, found in list(doubles.items())[:5])
            typer.echo(
                f"Several files would get the same name and replace one another: {printable(shown)}. "
                "Ingest their common folder, or each into a collection of its own.",
                err=True,
            )
            raise typer.Exit(EXIT_USAGE)
        with problems_to_stderr(), connect("make") as client:
            upload = BulkUpload(
                client, collection, labels, early=early, show_progress=not as_json and sys.stderr.isatty()
            )
            outcomes = upload.run(files, wait=wait)
            note = None if as_json else unread_languages(client, outcomes)
        counts: dict[str, int] = {}
        for outcome in outcomes:
            counts[outcome.status] = counts.get(outcome.status, 0) + 1
        bad = [outcome for outcome in outcomes if outcome.is_bad]
        if as_json:
            print_json(
                {
                    "documents": [outcome.as_json() for outcome in outcomes],
                    "counts": counts,
                    "skipped": len(found.litter),
                }
            )
        else:
            _print_summary(collection, outcomes, counts, skipped=len(found.litter))
        if note is not None:
            typer.echo(note, err=True)
        if bad:
            raise typer.Exit(EXIT_REFUSED if all(outcome.is_of_a_wrong_type for outcome in bad) else EXIT_FAILED)

    commands.add_typer(build_document_commands(connect))
    commands.add_typer(build_collection_commands(connect))
    add_storage_commands(commands, connect)
    return commands


def _print_summary(collection: str, outcomes: "list[Outcome]", counts: dict[str, int], *, skipped: int) -> None:
    known = sum(outcome.duplicate for outcome in outcomes)
    parts = [f"{number} {status}" for status, number in sorted(counts.items(), key=lambda item: -item[1])]
    there = f" ({known} known already)" if known else ""
    typer.echo(
        f"{len(outcomes)} file{'s' * (len(outcomes) != 1)} in {collection}: {', '.join(parts)}{there}"
        + _skipped(skipped)
    )
    bad = [outcome for outcome in outcomes if outcome.is_bad]
    listed = [outcome for outcome in bad if not outcome.is_of_a_wrong_type]
    for outcome in listed[:_MOST_LISTED]:
        typer.echo(printable(f"  {outcome.status}  {outcome.name}: {outcome.reason}"), err=True)
    if len(listed) > _MOST_LISTED:
        typer.echo(f"  … and {len(listed) - _MOST_LISTED} more; --json lists all.", err=True)
    # A folder of pictures among documents: a line each would bury what failed.
    by_reason: dict[str, list[str]] = {}
    for outcome in bad:
        if outcome.is_of_a_wrong_type:
            by_reason.setdefault(outcome.reason.replace(repr(outcome.name), "…"), []).append(outcome.name)
    for reason, names in list(by_reason.items())[:_MOST_LISTED]:
        shown = ", ".join(names[:_FEW]) + (f", … ({len(names):,} in all)" if len(names) > _FEW else "")
        typer.echo(printable(f"  refused  {shown}: {reason}"), err=True)


def _skipped(number: int) -> str:
    return f"; {number} skipped (Thumbs.db, .DS_Store, ~$… and the like)" if number else ""
