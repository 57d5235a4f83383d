"""`seoga monitor`: rules, alerts, silences, channels and metrics."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote

import typer

from monitor.interface.channel_cli import add_channel_command
from monitor.interface.printing import fields_of, show_table
from monitor.interface.silence_cli import add_silence_command
from shared.runtime.client import Connect, json_of, print_json, printable, problems_to_stderr

if TYPE_CHECKING:
    import httpx

_PATH = "/api/v1/monitor"
_NOT_CHANGED = ("id", "built_in", "condition")
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]


def build_watch_commands(connect: Connect) -> typer.Typer:
    """The commands; `connect` gives a client of the API."""
    commands = typer.Typer(help="Rules, alerts, silences, channels and metrics.", no_args_is_help=True)

    @commands.command()
    def rules(
        name: Annotated[str | None, typer.Argument(help="Only this one, or the one that is changed.")] = None,
        fields: Annotated[
            list[str] | None,
            typer.Option("--set", metavar="FIELD=VALUE", help="Change it: `value=0.05`, `for_seconds=60` and so on."),
        ] = None,
        add: Annotated[bool, typer.Option("--add", help="Make it anew, with the fields of --set.")] = False,
        delete: Annotated[bool, typer.Option("--delete", help="Delete it.")] = False,
        enable: Annotated[bool | None, typer.Option("--enable/--disable", help="Switch it on or off.")] = None,
        as_json: JsonOption = False,
    ) -> None:
        """List the alert rules, or change one."""
        changes = fields_of(fields or [])
        if enable is not None:
            changes["enabled"] = enable
        if (changes or add or delete) and name is None:
            raise typer.BadParameter("give the name of the rule.", param_hint="NAME")
        with problems_to_stderr(), connect() as client:
            if add:
                json_of(client.post(f"{_PATH}/rules", json={"name": name, **changes}))
            elif delete:
                answer = client.delete(f"{_PATH}/rules/{quote(_rule(client, str(name))['id'], safe='')}")
                if answer.is_error:
                    json_of(answer)
                typer.echo(printable(f"{name} is deleted."))
                return
            elif changes:
                rule = _rule(client, str(name))
                body = {
                    field: value for field, value in rule.items() if field not in _NOT_CHANGED and value is not None
                }
                json_of(client.put(f"{_PATH}/rules/{quote(rule['id'], safe='')}", json={**body, **changes}))
                name = changes.get("name", name)
            found = json_of(client.get(f"{_PATH}/rules"))["items"]
        if name is not None:
            found = [rule for rule in found if rule["name"] == name]
        if as_json:
            print_json({"items": found, "total": len(found)})
            return
        rows = [
            (rule["name"], rule["severity"], rule["condition"], f"{rule['for_seconds']:g} s", _state(rule))
            for rule in found
        ]
        show_table(("rule", "severity", "when", "for", ""), rows)

    @commands.command()
    def alerts(
        state: Annotated[str | None, typer.Option(help="pending, firing, acknowledged, suppressed, resolved.")] = None,
        acknowledge: Annotated[str | None, typer.Option(metavar="ID", help="Say that you know.")] = None,
        resolve: Annotated[str | None, typer.Option(metavar="ID", help="Say that it is over.")] = None,
        limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=500, help="How many.")] = 50,
        as_json: JsonOption = False,
    ) -> None:
        """List alerts, newest first, or acknowledge or resolve one."""
        with problems_to_stderr(), connect() as client:
            for alert_id, what in ((acknowledge, "acknowledge"), (resolve, "resolve")):
                if alert_id is not None:
                    json_of(client.post(f"{_PATH}/alerts/{quote(alert_id, safe='')}/{what}"))
            params: dict[str, Any] = {"limit": limit, **({"state": state} if state else {})}
            page = json_of(client.get(f"{_PATH}/alerts", params=params))
        if as_json:
            print_json(page)
            return
        if not page["items"]:
            typer.echo("There are no alerts.")
            return
        rows = [
            (one["id"], one["state"], one["severity"], one["rule"], _labels(one["labels"]), _value(one["value"]),
             one["since"][:19])
            for one in page["items"]
        ]  # fmt: skip
        show_table(("id", "state", "severity", "rule", "where", "value", "since"), rows)

    @commands.command()
    def metrics(
        name: Annotated[str | None, typer.Argument(help="Show its last hour.")] = None,
        label: Annotated[list[str] | None, typer.Option(metavar="NAME=VALUE", help="Only such series.")] = None,
        as_json: JsonOption = False,
    ) -> None:
        """List what is measured, or the last hour of one metric: least, mean, most and newest of each series."""
        with problems_to_stderr(), connect() as client:
            if name is None:
                page = json_of(client.get(f"{_PATH}/metrics"))
            else:
                page = json_of(
                    client.get(f"{_PATH}/metrics/{quote(name, safe='')}", params={"label": list(label or [])})
                )
        if as_json:
            print_json(page)
        elif name is None:
            show_table(("metric", "unit", ""), [(one["name"], one["unit"], one["help"]) for one in page["items"]])
        else:
            rows = [(_labels(one["labels"]) or name, *_of_points(one["points"])) for one in page["series"]]
            show_table(("series", "least", "mean", "most", "newest"), rows)

    add_silence_command(commands, connect)
    add_channel_command(commands, connect)
    return commands


def _rule(client: "httpx.Client", name: str) -> dict[str, Any]:
    for rule in json_of(client.get(f"{_PATH}/rules"))["items"]:
        if name in (rule["name"], rule["id"]):
            found: dict[str, Any] = rule
            return found
    raise typer.BadParameter(f"there is no rule {name!r}.", param_hint="NAME")


def _state(rule: dict[str, Any]) -> str:
    return "" if rule["enabled"] else "off"


def _labels(labels: dict[str, str]) -> str:
    return ", ".join(f"{name}={value}" for name, value in sorted(labels.items()))


def _value(value: float | None) -> str:
    return "" if value is None else f"{value:,.6g}"


def _of_points(points: Sequence[Sequence[float]]) -> tuple[str, str, str, str]:
    if not points:
        return ("", "", "", "")
    mean = sum(point[1] for point in points) / len(points)
    return (
        _value(min(point[2] for point in points)),
        _value(mean),
        _value(max(point[3] for point in points)),
        _value(points[-1][1]),
    )
