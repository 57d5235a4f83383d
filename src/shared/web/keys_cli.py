"""`seoga keys` and `seoga audit`: who may come in, and what they did."""

from datetime import datetime
from typing import Annotated, Any, Final
from urllib.parse import quote

import typer

from shared.ports.audit import AuditAction
from shared.runtime.client import Connect, json_of, print_json, printable, problems_to_stderr

JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]
_ALL = "*"
_TIMES: Final = ["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"]


def build_commands(connect: Connect) -> typer.Typer:
    """The group `keys` and the command `audit`; `connect` gives a client of the API."""
    commands = typer.Typer()
    keys = typer.Typer(help="API keys: made, listed by name, withdrawn.", no_args_is_help=True)
    commands.add_typer(keys, name="keys")

    @keys.command()
    def create(
        name: Annotated[str, typer.Argument(help="Whose it is, or what for.")],
        rights: Annotated[str, typer.Option("--rights", "-r", help="Of read, write, admin, with commas.")] = "read",
        collections: Annotated[
            str, typer.Option("--collections", "-c", help="Which it may touch, with commas; * is every one.")
        ] = _ALL,
        as_json: JsonOption = False,
    ) -> None:
        """Make a key and print it: it is shown this once, and only a hash of it is kept.

        The first key closes the server (from then on every request needs one), so it must be one that can make others:
        --rights read,write,admin.
        """
        body: dict[str, Any] = {"name": name, "rights": _split(rights)}
        if collections.strip() != _ALL:
            body["collections"] = _split(collections)
        with problems_to_stderr(), connect("make") as client:
            made = json_of(client.post("/api/v1/keys", json=body))
        if as_json:
            print_json(made)
            return
        # Alone on standard output, so that a script can keep it.
        typer.echo(printable(made["key"]))
        typer.echo(printable(f"{made['name']} may {_described(made)}. The key is not shown again."), err=True)
        if made["closes_server"]:
            typer.echo(
                "It is the first one: from now on every request needs a key. Commands take it from --api-key or "
                "SEOGA_API_KEY; pages ask for it.",
                err=True,
            )

    @keys.command("list")
    def list_keys(as_json: JsonOption = False) -> None:
        """List them by name, with what each may do and when it was used last."""
        with problems_to_stderr(), connect("pretend") as client:
            page = json_of(client.get("/api/v1/keys"))
        if as_json:
            print_json(page)
            return
        if not page["items"]:
            typer.echo("There are no keys: everybody on this machine may do everything.")
        for key in page["items"]:
            about = "of SEOGA_API_KEYS_FILE" if key["source"] == "settings" else f"made {_short(key['created_at'])}"
            used = f", last used {_short(key['last_used_at'])}" if key["last_used_at"] else ""
            typer.echo(printable(f"{key['name']}  {_described(key)}  ({about}{used})"))

    @keys.command()
    def withdraw(
        name: Annotated[str, typer.Argument(help="As `keys list` shows it.")],
        open_server: Annotated[
            bool, typer.Option("--open-server", help="Also the last key: afterwards this machine needs none.")
        ] = False,
    ) -> None:
        """Withdraw a key: within a second it lets nobody in, and its sessions end."""
        parameters = {"open_server": "true"} if open_server else {}
        with problems_to_stderr(), connect("pretend") as client:
            json_of(client.delete(f"/api/v1/keys/{quote(name, safe='')}", params=parameters))
        typer.echo(printable(f"{name} is withdrawn."))

    @commands.command()
    def audit(
        limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=500, help="How many.")] = 50,
        cursor: Annotated[str | None, typer.Option(help="`next_cursor` of the page before.")] = None,
        key: Annotated[str | None, typer.Option("--key", help="Only what was done with this key.")] = None,
        action: Annotated[AuditAction | None, typer.Option("--action", help="Only what was done so.")] = None,
        since: Annotated[
            datetime | None, typer.Option(formats=_TIMES, help="Only from then on; in this machine's time.")
        ] = None,
        until: Annotated[datetime | None, typer.Option(formats=_TIMES, help="Only before then.")] = None,
        as_json: JsonOption = False,
    ) -> None:
        """Show what was deleted, replayed, reloaded, made and withdrawn, and with which key; newest first."""
        wanted = {
            "limit": limit,
            "cursor": cursor,
            "key_name": key,
            "action": action,
            "since": None if since is None else since.astimezone().isoformat(),
            "until": None if until is None else until.astimezone().isoformat(),
        }
        parameters = {name: value for name, value in wanted.items() if value is not None}
        with problems_to_stderr(), connect("pretend") as client:
            page = json_of(client.get("/api/v1/audit", params=parameters))
        if as_json:
            print_json(page)
            return
        for entry in page["items"]:
            where = f" in {entry['collection']}" if entry["collection"] not in (None, entry["subject"]) else ""
            many = f" ({entry['count']})" if entry["count"] != 1 else ""
            detail = f": {entry['detail']}" if entry["detail"] else ""
            done = f"{entry['action']}  {entry['subject']}{where}{many}{detail}"
            typer.echo(printable(f"{_short(entry['at'])}  {entry['key_name']}  {done}"))
        if page["next_cursor"]:
            typer.echo(f"More with --cursor {page['next_cursor']}", err=True)

    return commands


def _split(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def _described(key: dict[str, Any]) -> str:
    collections = "every collection" if key["collections"] is None else ", ".join(key["collections"])
    return f"{', '.join(key['rights'])} in {collections}"


def _short(at: str) -> str:
    return f"{at[:19]}Z".replace("T", " ")
