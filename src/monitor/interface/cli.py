"""`seoga status`, `seoga dead-letters` and `seoga doctor`: what the system is doing, and what keeps it from it."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote

import typer

from monitor.interface.printing import console as _console
from monitor.interface.printing import text as _text
from monitor.interface.watch_cli import build_watch_commands
from shared.runtime.client import EXIT_FAILED, Connect, json_of, print_json, printable, problems_to_stderr
from shared.runtime.data_directory import DataDirectory
from shared.settings import load_settings

if TYPE_CHECKING:
    import httpx

    from monitor.interface.doctor import Look

JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]


def build_commands(connect: Connect, look: "Look | None" = None) -> typer.Typer:
    """The commands of Monitor; `connect` gives a client of the API, `look` is for `doctor`."""
    commands = typer.Typer()

    @commands.command()
    def status(as_json: JsonOption = False) -> None:
        """Show the server, its components, and how many documents are in which state."""
        with problems_to_stderr(), _server(connect) as (client, server):
            summary = json_of(client.get("/api/v1/monitor"))
        report = {"server": server, **summary, "version": _version()}
        if as_json:
            print_json(report)
            return
        _show_status(report)

    @commands.command()
    def doctor(
        deep: Annotated[
            bool, typer.Option("--deep", help="Also read every page of the stores and every byte of the originals.")
        ] = False,
        as_json: JsonOption = False,
    ) -> None:
        """Check everything Seoga needs on this machine, and say what to do about what is missing.

        Exit code 1 when a check failed. Starts a server inside this command if none runs.
        """
        from monitor.interface.doctor import examine

        findings = examine(connect, look, deep=deep)
        healthy = all(finding.ok for finding in findings)
        if as_json:
            print_json({"healthy": healthy, "checks": [finding.as_json() for finding in findings]})
        else:
            console = _console()
            for finding in findings:
                mark = "[green]✓[/]" if finding.ok else "[red]✗[/]"
                console.print(mark, _text(f"{finding.name}: {finding.detail}"))
                if not finding.ok and finding.remedy:
                    console.print("   ", _text(finding.remedy, "yellow"))
        if not healthy:
            raise typer.Exit(EXIT_FAILED)

    commands.add_typer(build_watch_commands(connect), name="monitor")

    letters = typer.Typer(help="Events and jobs that could not be handled.", no_args_is_help=True)
    commands.add_typer(letters, name="dead-letters")

    @letters.command("list")
    def list_letters(
        limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=500, help="How many.")] = 50,
        as_json: JsonOption = False,
    ) -> None:
        """List them, newest first."""
        with problems_to_stderr(), connect() as client:
            page = json_of(client.get("/api/v1/monitor/dead-letters", params={"limit": limit}))
        if as_json:
            print_json(page)
            return
        _show_letters(page)

    @letters.command()
    def replay(
        letter_ids: Annotated[
            list[str] | None, typer.Argument(metavar="[ID]...", help="As `dead-letters list` shows them.")
        ] = None,
        replay_all: Annotated[bool, typer.Option("--all", help="All, or all with a reason (--reason).")] = False,
        reason: Annotated[
            str | None, typer.Option(help="Words that the reason contains, in whatever case, such as 'new thread'.")
        ] = None,
        dry_run: Annotated[bool, typer.Option("--dry-run", help="Only list and count them.")] = False,
        yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before.")] = False,
        as_json: JsonOption = False,
    ) -> None:
        """Have one, several or all tried again; those that a shortage on the machine left, for instance."""
        if replay_all:
            if letter_ids or reason == "":
                raise typer.BadParameter("goes with --reason or alone, and without an ID.", param_hint="--all")
            which: dict[str, Any] = {"reason": reason} if reason else {"all": True}
        elif not letter_ids or reason:
            raise typer.BadParameter("give IDs, or --all, alone or with --reason.", param_hint="ID")
        else:
            which = {"ids": letter_ids}
        with problems_to_stderr(), connect() as client:
            if letter_ids is not None and len(letter_ids) == 1 and not dry_run:
                path = f"/api/v1/monitor/dead-letters/{quote(letter_ids[0], safe='')}/replay"
                letter = json_of(client.post(path))
            else:
                # Who names each one means it.
                _replay_all(client, which, dry_run=dry_run, yes=yes or bool(letter_ids), as_json=as_json)
                return
        if as_json:
            print_json(letter)
            return
        typer.echo(printable(f"{letter['subject']} is tried again in {letter['module']}."))

    return commands


@contextmanager
def _server(connect: Connect) -> "Iterator[tuple[httpx.Client, dict[str, Any]]]":
    """A client, and which server it speaks to."""
    settings = load_settings()
    running = DataDirectory(settings.data_dir).server() if settings.url is None else None
    with connect() as client:
        yield (
            client,
            {
                "running": running is not None or settings.url is not None,
                "url": running.url if running else str(client.base_url).rstrip("/"),
                "pid": running.pid if running else None,
            },
        )


def _show_status(report: dict[str, Any]) -> None:
    console, server = _console(), report["server"]
    where = f"{server['url']} (process {server['pid']})" if server["pid"] else server["url"]
    if not server["running"]:
        where = "none runs; this command started one"
    console.print(_text(f"Seoga {report['version']}", "bold"))
    console.print(_text(f"server          {where}"))
    console.print(_text(f"data directory  {report['data_dir']}"))
    for reason in report["degraded"]:
        console.print(_text(f"not of now      {reason}", "yellow"))
    documents = ", ".join(f"{number} {state}" for state, number in report["documents"].items() if number)
    console.print(_text(f"documents       {documents or 'none yet'}"))
    if report["stuck"]:
        console.print(_text(f"stuck           {report['stuck']}", "yellow"))
    for queue in report["queues"]:
        numbers = f"{queue['waiting']} waiting, {queue['running']} running"
        console.print(_text(f"queue           {queue['module']}.{queue['kind']}: {numbers}"))
    if report["dead_letters"]:
        console.print(_text(f"dead letters    {report['dead_letters']} (seoga dead-letters list)", "yellow"))
    system = report["system"]
    console.print(
        _text(
            f"memory          {system['memory_bytes'] / 1e6:.0f} MB in {system['processes']} processes, "
            f"disk {system['disk_free_bytes'] / 1e9:.1f} GB free"
        )
    )
    for name, component in report["health"]["components"].items():
        mark = "[green]✓[/]" if component["ready"] else "[red]✗[/]" if component["required"] else "[yellow]–[/]"
        console.print(mark, _text(f"{name}: {component['detail']}"))


def _replay_all(client: "httpx.Client", which: dict[str, Any], *, dry_run: bool, yes: bool, as_json: bool) -> None:
    def ask(**options: Any) -> dict[str, Any]:
        answer: dict[str, Any] = json_of(client.post("/api/v1/monitor/dead-letters/replay", json={**which, **options}))
        return answer

    found = ask(dry_run=True)
    if dry_run or not found["matching"]:
        if as_json:
            print_json(found)
            return
        if found["matching"]:
            _show_letters({"items": found["items"], "next_cursor": None})
        typer.echo(f"{found['matching']} dead letters would be replayed; nothing was done.")
        return
    if not yes:
        # To standard error: what --json prints stays one document. Without a terminal it is a no.
        typer.confirm(f"Replay {found['matching']} dead letters?", abort=True, err=True)
    replayed: list[dict[str, Any]] = []
    while True:
        done = ask()
        replayed += done["items"]
        if not done["left"] or not done["items"]:
            break
    if as_json:
        print_json({"dry_run": False, "matching": found["matching"], "left": done["left"], "items": replayed})
        return
    typer.echo(f"{len(replayed)} dead letters are tried again.")


def _show_letters(page: dict[str, Any]) -> None:
    from rich.table import Table

    if not page["items"]:
        typer.echo("There are no dead letters.")
        return
    table = Table("id", "module", "what", "document", "tries", "since", "reason", box=None, header_style="dim")
    for letter in page["items"]:
        since = letter["buried_at"][:19] + (" (replayed)" if letter["replayed_at"] else "")
        table.add_row(
            *(
                _text(str(cell))
                for cell in (
                    letter["id"],
                    letter["module"],
                    letter["subject"],
                    letter["document_id"] or "",
                    letter["attempts"],
                    since,
                    letter["reason"],
                )
            )
        )
    _console().print(table)
    if page["next_cursor"]:
        typer.echo("There are more; see --limit.")


def _version() -> str:
    try:
        return version("seoga")
    except PackageNotFoundError:
        return "unknown"
