"""`seoga monitor channels`: the ways by which people are told."""

import sys
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote

import typer

from monitor.interface.printing import fields_of, show_table
from shared.runtime.client import Connect, json_of, print_json, printable, problems_to_stderr

if TYPE_CHECKING:
    import httpx

_PATH = "/api/v1/monitor/channels"


def add_channel_command(commands: typer.Typer, connect: Connect) -> None:
    """Adds it; `connect` gives a client of the API."""

    @commands.command()
    def channels(
        name: Annotated[str | None, typer.Argument(help="Only this one, or the one that is changed.")] = None,
        add: Annotated[
            str | None, typer.Option("--add", metavar="KIND", help="Make it: `email`, `webhook` or `slack`.")
        ] = None,
        fields: Annotated[
            list[str] | None,
            typer.Option("--set", metavar="FIELD=VALUE", help="`host=mail.example.com`, `recipients=a@x.org,b@x.org`."),
        ] = None,
        secrets: Annotated[
            list[str] | None,
            typer.Option(
                "--secret",
                metavar="FIELD",
                help="`password`, `secret`, or Slack's `url`: asked for, or a line of standard input each.",
            ),
        ] = None,
        delete: Annotated[bool, typer.Option("--delete", help="Delete it; what waits in it is given up.")] = False,
        test: Annotated[bool, typer.Option("--test", help="Send a message now; fails if it does.")] = False,
        as_json: Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")] = False,
    ) -> None:
        """List channels, or make, change, try out or delete one."""
        if name is None and (add is not None or fields or secrets or delete or test):
            raise typer.BadParameter("give the name of the channel.", param_hint="NAME")
        if delete and (add is not None or fields or secrets or test):
            raise typer.BadParameter("goes with nothing else.", param_hint="--delete")
        settings = {**_settings(fields or []), **{field: _secret(field) for field in secrets or []}}
        with problems_to_stderr(), connect() as client:
            if add is not None:
                json_of(client.post(_PATH, json={"name": name, "kind": add, "settings": settings}))
            elif settings:
                before = _channel(client, str(name))
                body = {"kind": before["kind"], "settings": {**before["settings"], **settings}}
                json_of(client.put(f"{_PATH}/{quote(str(name), safe='')}", json=body))
            if delete:
                answer = client.delete(f"{_PATH}/{quote(str(name), safe='')}")
                if answer.is_error:
                    json_of(answer)
                typer.echo(printable(f"{name} is deleted."))
                return
            if test:
                trial = json_of(client.post(f"{_PATH}/{quote(str(name), safe='')}/test"))
                _show_trial(trial, as_json=as_json)
                return
            found = [_channel(client, name)] if name is not None else json_of(client.get(_PATH))["items"]
        if as_json:
            print_json({"items": found, "total": len(found)})
        elif not found:
            typer.echo("There are no channels: nobody is told of alerts.")
        else:
            show_table(("channel", "kind", "to", "waiting", ""), [_row(channel) for channel in found])


def _channel(client: "httpx.Client", name: str) -> dict[str, Any]:
    for channel in json_of(client.get(_PATH))["items"]:
        if channel["name"] == name:
            found: dict[str, Any] = channel
            return found
    raise typer.BadParameter(f"there is no channel {name!r}.", param_hint="NAME")


def _settings(fields: list[str]) -> dict[str, Any]:
    found = fields_of(fields)
    if isinstance(recipients := found.get("recipients"), str):
        found["recipients"] = [one.strip() for one in recipients.split(",")]
    return found


def _secret(field: str) -> str:
    """Not from the command line, which everybody on the machine may read."""
    if sys.stdin.isatty():
        asked: str = typer.prompt(field, hide_input=True, err=True)
        return asked
    return sys.stdin.readline().rstrip("\r\n")


def _show_trial(trial: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(trial)
    else:
        word = "Delivered" if trial["delivered"] else "Not delivered"
        typer.echo(printable(f"{word} after {trial['seconds']:.1f} s: {trial['detail']}"), err=not trial["delivered"])
    if not trial["delivered"]:
        raise typer.Exit(1)


def _row(channel: dict[str, Any]) -> tuple[str, ...]:
    settings = channel["settings"]
    to = ", ".join(settings.get("recipients", ())) or settings.get("url", "")
    failing = (
        f"fails since {channel['failing_since'][:19]}: {channel['last_error']}" if channel["failing_since"] else ""
    )
    return (channel["name"], channel["kind"], to, str(channel["waiting"]), failing)
