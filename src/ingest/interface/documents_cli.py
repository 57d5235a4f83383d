"""`seoga documents`: what is there, why something failed, and everything that can be done with one document."""

import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from ingest.application.listing_order import DocumentSort
from ingest.interface.finding_documents import DOCUMENTS, documents, find, media_type_named
from ingest.interface.shown_documents import details, line, reason
from shared.kernel import Conflict
from shared.runtime.client import ApiProblem, Connect, json_of, print_json, printable, problems_to_stderr

if TYPE_CHECKING:
    import httpx

JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]
CollectionOption = Annotated[str | None, typer.Option("--collection", "-c", help="Only there.")]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before.")]
Reference = Annotated[str, typer.Argument(metavar="DOCUMENT", help="Its id, or its name.")]
References = Annotated[list[str], typer.Argument(metavar="DOCUMENT…", help="Ids or names.")]
_PIECE_BYTES: Final = 1 << 18
_STANDARD_OUTPUT: Final = Path("-")


class DocumentStatus(StrEnum):
    """Where a document stands."""

    RECEIVED = "received"
    PROCESSING = "processing"
    SEARCHABLE = "searchable"
    FAILED = "failed"
    WITHDRAWN = "withdrawn"


def build_document_commands(connect: Connect) -> typer.Typer:
    """The group `documents`; `connect` gives a client of the API."""
    commands = typer.Typer(
        name="documents", help="The documents: list, show, get, delete, rename, …", no_args_is_help=True
    )

    @commands.command("list")
    def list_documents(
        collection: CollectionOption = None,
        status: Annotated[DocumentStatus | None, typer.Option("--status", "-s", help="Only with this status.")] = None,
        failed: Annotated[bool, typer.Option("--failed", help="Only what failed, with the reasons.")] = False,
        name: Annotated[str | None, typer.Option("--name", help="Only with this in a name.")] = None,
        media_type: Annotated[
            str | None, typer.Option("--type", "-t", help="Only of this type: pdf, docx, …, or text/* and the like.")
        ] = None,
        parent: Annotated[
            str | None, typer.Option("--parent", metavar="DOCUMENT", help="Only what came in this archive or mail.")
        ] = None,
        sort: Annotated[
            DocumentSort, typer.Option("--sort", help="By time, by name, the largest first, or what failed first.")
        ] = DocumentSort.NEWEST,
        limit: Annotated[int | None, typer.Option("--limit", "-n", min=1, help="The first so many; else all.")] = None,
        as_json: JsonOption = False,
    ) -> None:
        """List the documents, newest first if nothing else is asked for."""
        if failed and status not in (None, DocumentStatus.FAILED):
            raise typer.BadParameter("goes without another --status.", param_hint="--failed")
        wanted = "failed" if failed else status.value if status else None
        filters = {"collection": collection, "status": wanted, "name": name}
        shown: list[dict[str, Any]] = []
        count, is_whole = 0, True
        with problems_to_stderr():
            kind = media_type_named(media_type) if media_type is not None else None
            with connect() as client:
                filters["parent"] = find(client, parent, collection)["id"] if parent is not None else None
                for document in documents(client, {**filters, "sort": sort.value}, media_type=kind):
                    if limit is not None and count == limit:
                        is_whole = False
                        break
                    count += 1
                    if as_json:
                        shown.append(document)
                        continue
                    typer.echo(line(document))
                    if document["problem"] and (failed or status is DocumentStatus.FAILED):
                        typer.echo(f"    {reason(document)}")
        if as_json:
            print_json({"items": shown, "complete": is_whole})
        elif not count:
            typer.echo("There are no such documents." if any(filters.values()) or kind else "There are no documents.")
        else:
            more = "" if is_whole else "; there are more, see --limit"
            typer.echo(f"{count:,} document{'s' * (count != 1)}{more}", err=True)

    @commands.command()
    def show(document: Reference, collection: CollectionOption = None, as_json: JsonOption = False) -> None:
        """Show all that is known of one document: where it stands, why it failed, what was left out."""
        with problems_to_stderr(), connect() as client:
            found = json_of(client.get(f"{DOCUMENTS}/{find(client, document, collection)['id']}"))
            chunks = _count_chunks(client, found["id"])
        print_json({**found, "chunks": chunks}) if as_json else typer.echo(details(found, chunks))

    @commands.command()
    def get(
        document: Reference,
        collection: CollectionOption = None,
        output: Annotated[
            Path | None, typer.Option("--output", "-o", help="File or folder; `-` is standard output. Else its name.")
        ] = None,
        text: Annotated[bool, typer.Option("--text", help="Its text, as it is searched, not its bytes.")] = False,
        revision: Annotated[
            int | None, typer.Option(min=1, help="Its bytes as they were then; else the newest.")
        ] = None,
        force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
        as_json: JsonOption = False,
    ) -> None:
        """Fetch the original file of a document, or its text."""
        if text and revision is not None:
            raise typer.BadParameter("is of the newest revision that was read.", param_hint="--text")
        with problems_to_stderr(), connect() as client:
            found = find(client, document, collection)
            parameters = {} if revision is None else {"revision": str(revision)}
            with client.stream("GET", found["links"]["text" if text else "content"], params=parameters) as answer:
                if answer.is_error:
                    answer.read()
                    json_of(answer)
                if output == _STANDARD_OUTPUT:
                    for piece in answer.iter_bytes(_PIECE_BYTES):
                        sys.stdout.buffer.write(piece)
                    return
                target = _target(output, found["name"], text=text)
                size = _write(answer, target, force=force)
        if as_json:
            print_json({"id": found["id"], "name": found["name"], "path": str(target), "size": size})
        else:
            typer.echo(printable(f"{target}: {size:,} bytes"))

    @commands.command()
    def delete(
        document: References, collection: CollectionOption = None, yes: YesOption = False, as_json: JsonOption = False
    ) -> None:
        """Delete documents. Their bytes wait in the trash for some days (`seoga trash`)."""
        with problems_to_stderr(), connect() as client:
            found = [find(client, reference, collection) for reference in document]
            if not yes:
                names = ", ".join(f"{one['name']} ({one['collection']})" for one in found[:5])
                more = f" and {len(found) - 5} more" if len(found) > 5 else ""
                typer.confirm(printable(f"Delete {names}{more}?"), abort=True, err=True)
            for one in found:
                json_of(client.delete(f"{DOCUMENTS}/{one['id']}"))
                if not as_json:
                    typer.echo(printable(f"{one['name']} is deleted."))
        if as_json:
            print_json({"deleted": [{"id": one["id"], "name": one["name"]} for one in found]})

    @commands.command()
    def rename(
        document: Reference,
        name: Annotated[str, typer.Argument(metavar="NAME", help="What it is called from now on.")],
        collection: CollectionOption = None,
        as_json: JsonOption = False,
    ) -> None:
        """Give a document another name; nothing is read again."""
        with problems_to_stderr(), connect() as client:
            found = find(client, document, collection)
            changed = json_of(client.patch(f"{DOCUMENTS}/{found['id']}", json={"name": name}))
        print_json(changed) if as_json else typer.echo(printable(f"{found['name']} is {changed['name']} now."))

    @commands.command()
    def reprocess(
        document: Annotated[list[str] | None, typer.Argument(metavar="DOCUMENT…", help="Ids or names.")] = None,
        failed: Annotated[bool, typer.Option("--failed", help="All that failed.")] = False,
        password: Annotated[
            bool,
            typer.Option("--password", help="Asks for the password of the files, or reads it from standard input."),
        ] = False,
        collection: CollectionOption = None,
        as_json: JsonOption = False,
    ) -> None:
        """Read documents again from their originals; search shows the old meanwhile. Does not wait for it."""
        if bool(document) == failed:
            raise typer.BadParameter("give documents, or --failed.", param_hint="DOCUMENT…")
        # Never an argument: those are to be seen in the list of processes, and stay in the shell's history.
        body = {"password": _asked_password()} if password else None
        again: list[dict[str, Any]] = []
        gone = 0
        with problems_to_stderr(), connect() as client:
            # All first: what is read again does not stay where the list has it.
            found = (
                list(documents(client, {"status": "failed", "collection": collection}))
                if failed
                else [find(client, reference, collection) for reference in document or ()]
            )
            for one in found:
                try:
                    again.append(json_of(client.post(f"{DOCUMENTS}/{one['id']}/reprocess", json=body)))
                except ApiProblem as problem:
                    if not (failed and problem.status in (404, 409, 410)):
                        raise
                    gone += 1
        if as_json:
            print_json({"documents": again})
            return
        typer.echo(f"{len(again):,} document{'s' * (len(again) != 1)} will be read again.")
        if gone:
            typer.echo(f"{gone:,} were deleted meanwhile.", err=True)

    @commands.command()
    def metadata(
        document: Reference,
        pairs: Annotated[
            list[str] | None, typer.Argument(metavar="[KEY=VALUE…]", help="Set these; none only shows what there is.")
        ] = None,
        unset: Annotated[
            list[str] | None, typer.Option("--unset", metavar="KEY", help="Take away; repeatable.")
        ] = None,
        clear: Annotated[bool, typer.Option("--clear", help="Take all others away.")] = False,
        collection: CollectionOption = None,
        as_json: JsonOption = False,
    ) -> None:
        """Show a document's metadata, or change some of it; nothing is read again."""
        given = metadata_of(pairs or [], hint="KEY=VALUE")
        with problems_to_stderr(), connect() as client:
            found = find(client, document, collection)
            kept = {} if clear else {key: value for key, value in found["metadata"].items() if key not in (unset or ())}
            wanted = {**kept, **given}
            if wanted != found["metadata"]:
                found = json_of(client.patch(f"{DOCUMENTS}/{found['id']}", json={"metadata": wanted}))
        if as_json:
            print_json(found["metadata"])
            return
        for key, value in found["metadata"].items():
            typer.echo(printable(f"{key}={value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}"))
        if not found["metadata"]:
            typer.echo("It has no metadata.", err=True)

    return commands


def metadata_of(pairs: list[str], *, hint: str) -> dict[str, Any]:
    """`year=2026` is a number, `open=true` a truth value, anything else text. Raises typer.BadParameter."""
    metadata: dict[str, Any] = {}
    for pair in pairs:
        key, equals, text = pair.partition("=")
        if not key.strip() or not equals:
            raise typer.BadParameter(f"{pair!r} is not KEY=VALUE.", param_hint=hint)
        try:
            value = json.loads(text)
        except ValueError:
            value = text
        metadata[key.strip()] = value if isinstance(value, str | int | float | bool) else text
    return metadata


def _asked_password() -> str:
    if sys.stdin.isatty():
        return str(typer.prompt("Password", hide_input=True))
    return sys.stdin.readline().rstrip("\r\n")


def _count_chunks(client: "httpx.Client", document_id: str) -> int | None:
    """None while it has none."""
    try:
        page = json_of(client.get(f"{DOCUMENTS}/{document_id}/chunks", params={"limit": "1"}))
    except ApiProblem as problem:
        if problem.status not in (404, 503):
            raise
        return None
    return int(page["total"])


def _target(output: Path | None, name: str, *, text: bool) -> Path:
    """Never outside the folder that was meant: of a document's name only the last part names the file."""
    own = Path(printable(name).replace("\n", " ").replace("\\", "/")).name or "document"
    own = own + ".txt" if text and not own.endswith(".txt") else own
    if output is None:
        return Path(own)
    return output / own if output.is_dir() else output


def _write(answer: "httpx.Response", target: Path, *, force: bool) -> int:
    """Raises Conflict where a file is in the way, or the folder is not there or cannot be written."""
    if target.exists() and not force:
        raise Conflict(f"{target} is there already; --force replaces it, --output names another.")
    unfinished = target.with_name(f".{target.name}.part")
    size = 0
    try:
        with unfinished.open("wb") as file:
            for piece in answer.iter_bytes(_PIECE_BYTES):
                size += file.write(piece)
        unfinished.replace(target)
    except OSError as error:
        raise Conflict(f"{target} cannot be written: {error.strerror}.") from error
    finally:
        unfinished.unlink(missing_ok=True)
    return size
