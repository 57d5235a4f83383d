"""`seoga collect`, `seoga trash` and `seoga adopt`: the room of deleted documents, and whether what is kept fits."""

from http import HTTPStatus
from typing import Annotated, Any

import typer

from shared.runtime.client import EXIT_FAILED, Connect, json_of, print_json, printable, problems_to_stderr

JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]


def add_storage_commands(commands: typer.Typer, connect: Connect) -> None:
    """`connect` gives a client of the API."""

    @commands.command()
    def collect(
        confirm: Annotated[
            bool, typer.Option("--confirm", help="Also when suspiciously much has no record: it is to go.")
        ] = False,
        older_than: Annotated[
            float | None, typer.Option(min=0, help="Of this age in seconds (SEOGA_COLLECT_AFTER_SECONDS).")
        ] = None,
        empty_trash: Annotated[bool, typer.Option("--empty-trash", help="And empty the trash.")] = False,
        as_json: JsonOption = False,
    ) -> None:
        """Put the bytes of deleted documents into the trash now, and clear the index of what nobody sees.

        Exit code 1 when something without a record stayed, for a reason that is told.
        """
        with problems_to_stderr(), connect() as client:
            request = {"confirm": confirm, "older_than_seconds": older_than}
            done = json_of(client.post("/api/v1/storage/collect", json=request))
            answer = client.post("/api/v1/search/collect", json={"confirm": confirm})
            # Where Search runs in another process, that one clears its index within the hour.
            units = {"held": None} if answer.status_code == HTTPStatus.NOT_FOUND else json_of(answer)
            if empty_trash:
                emptied = json_of(client.post("/api/v1/storage/trash/empty"))
                done = {**done, "destroyed": done["destroyed"] + emptied["destroyed"]}
        held = [reason for reason in (done.pop("held"), units["held"]) if reason]
        if as_json:
            print_json({**done, "held": held})
        else:
            typer.echo(
                f"{done['discarded']} contents went into the trash ({done['orphans']} of them had no record); "
                f"{done['destroyed']} originals and artefacts are gone for good."
            )
            for reason in held:
                typer.echo(printable(reason), err=True)
        if held:
            raise typer.Exit(EXIT_FAILED)

    @commands.command()
    def trash(as_json: JsonOption = False) -> None:
        """Show what waits in the trash; `collect --empty-trash` empties it."""
        with problems_to_stderr(), connect() as client:
            report = json_of(client.get("/api/v1/storage"))
        if as_json:
            print_json(report)
            return
        content = report["trash"]
        since = f", the oldest since {content['oldest_at'][:19]}" if content["oldest_at"] else ""
        size = f"{content['bytes'] / 1e6:.1f} MB"
        typer.echo(f"{content['contents']} contents ({size}) wait {content['days']:g} days each{since}")
        if report["held"]:
            typer.echo(printable(report["held"]), err=True)

    @commands.command()
    def adopt(
        yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
        as_json: JsonOption = False,
    ) -> None:
        """Say that the stores, blobs and index that lie here belong together, though their marks do not fit.

        From then on what has no record in the stores counts as garbage and goes into the trash.
        """
        with problems_to_stderr(), connect() as client:
            report = json_of(client.get("/api/v1/installation"))
            if not report["belongs_together"] and not as_json:
                _show(report)
            if not report["belongs_together"] and (yes or typer.confirm("Do they belong together?")):
                report = json_of(client.post("/api/v1/installation/adopt"))
        if as_json:
            print_json(report)
        elif report["belongs_together"]:
            _show(report)
            typer.echo("Everything belongs together.")
        if not report["belongs_together"]:
            raise typer.Exit(EXIT_FAILED)


def _show(report: dict[str, Any]) -> None:
    for part in report["parts"]:
        content = "empty" if part["is_empty"] else "has content"
        typer.echo(printable(f"{part['name']:<16} {part['installation'] or 'no mark':<36}  {content}"))
    for problem in report["problems"]:
        typer.echo(printable(problem), err=True)
