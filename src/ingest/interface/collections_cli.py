"""`seoga collections`: what they hold, and the deletion of a whole one, which goes on by itself."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any, Final, Protocol
from urllib.parse import quote

import typer

from ingest.interface.finding_documents import pages
from ingest.interface.shown_documents import size
from shared.runtime.client import Connect, json_of, patient, print_json, printable, problems_to_stderr

if TYPE_CHECKING:
    import httpx

JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]
_COLLECTIONS: Final = "/api/v1/collections"
_LOOK_SECONDS: Final = 0.3
_PATIENCE_SECONDS: Final = 60.0


class _Progress(Protocol):
    def __call__(self, done: int, total: int, /) -> None: ...


def build_collection_commands(connect: Connect) -> typer.Typer:
    """The group `collections`; `connect` gives a client of the API."""
    commands = typer.Typer(name="collections", help="The collections: list, delete.", no_args_is_help=True)

    @commands.command("list")
    def list_collections(as_json: JsonOption = False) -> None:
        """List the collections, and how many documents of each are in which state."""
        with problems_to_stderr(), connect() as client:
            found = [one for page in pages(client, _COLLECTIONS, {}) for one in page["items"]]
        if as_json:
            print_json({"items": found})
            return
        width = max(len(one["name"]) for one in found) if found else 0
        for one in found:
            typer.echo(printable(f"{one['name']:<{width}}  {size(one['bytes']):>8}  {_states(one)}"))

    @commands.command()
    def delete(
        name: Annotated[str, typer.Argument(metavar="NAME", help="As `collections list` shows it.")],
        yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before.")] = False,
        wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Until all of it is gone from search.")] = True,
        as_json: JsonOption = False,
    ) -> None:
        """Delete a collection with all its documents.

        Once begun it goes on by itself, whatever becomes of this command. Their bytes wait in the trash for some
        days (`seoga trash`).
        """
        path = f"{_COLLECTIONS}/{quote(name, safe='')}"
        with problems_to_stderr(), connect() as client:
            counts = [one for page in pages(client, _COLLECTIONS, {}) for one in page["items"] if one["name"] == name]
            if counts and not yes:
                documents = sum(counts[0]["documents"].values())
                typer.confirm(
                    printable(f"Delete {name} with its {documents:,} documents ({size(counts[0]['bytes'])})?"),
                    abort=True,
                    err=True,
                )
            removal = json_of(client.delete(path))
            if removal is None:
                removal = json_of(client.get(f"{path}/removal"))
            elif wait:
                removal = _follow(client, path, show=not as_json and sys.stderr.isatty())
        if as_json:
            print_json(removal)
        elif removal["finished_at"]:
            typer.echo(printable(f"{name} is deleted, with {removal['total']:,} documents."))
        else:
            done = removal["total"] - removal["remaining"]
            typer.echo(printable(f"{name} is being deleted: {done:,} of {removal['total']:,} documents are gone."))

    return commands


def _follow(client: "httpx.Client", path: str, *, show: bool) -> dict[str, Any]:
    """Until it is finished; how it ended."""
    with _progress(show=show) as tell:
        while True:
            removal: dict[str, Any] = json_of(client.get(f"{path}/removal", extensions=patient(_PATIENCE_SECONDS)))
            tell(removal["total"] - removal["remaining"], removal["total"])
            if removal["finished_at"]:
                return removal
            time.sleep(_LOOK_SECONDS)


@contextmanager
def _progress(*, show: bool) -> Iterator[_Progress]:
    if not show:
        yield lambda done, total, /: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("deleting"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("deleting", total=None)
        yield lambda done, total, /: progress.update(task, completed=done, total=total)


def _states(collection: dict[str, Any]) -> str:
    return ", ".join(f"{number:,} {state}" for state, number in collection["documents"].items() if number) or "empty"
