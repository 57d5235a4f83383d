"""`seoga monitor silences`: times in which certain alerts are not told."""

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final
from urllib.parse import quote

import typer

from monitor.interface.printing import show_table
from shared.runtime.client import Connect, json_of, print_json, problems_to_stderr

_PATH: Final = "/api/v1/monitor/silences"
_SECONDS: Final = {"m": 60, "h": 3_600, "d": 86_400}
_EVERY: Final = {"day": 86_400, "week": 604_800}


def add_silence_command(commands: typer.Typer, connect: Connect) -> None:
    """Adds it; `connect` gives a client of the API."""

    @commands.command()
    def silences(
        rule: Annotated[
            str | None, typer.Argument(metavar="[RULE]", help="Be silent about this rule; all with --every-rule.")
        ] = None,
        length: Annotated[
            str | None, typer.Option("--for", metavar="TIME", help="How long: `30m`, `2h`, `1d`; makes a silence.")
        ] = None,
        start: Annotated[
            str | None,
            typer.Option("--from", metavar="INSTANT", help="From when on, as 2026-11-29T22:00+09:00; or now."),
        ] = None,
        every: Annotated[str | None, typer.Option(help="`day` or `week`: a maintenance window.")] = None,
        every_rule: Annotated[bool, typer.Option("--every-rule", help="About all rules.")] = False,
        label: Annotated[
            list[str] | None, typer.Option(metavar="NAME=VALUE", help="Only alerts that have this label.")
        ] = None,
        comment: Annotated[str, typer.Option(help="Why.")] = "",
        end: Annotated[str | None, typer.Option(metavar="ID", help="End this one now.")] = None,
        as_json: Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")] = False,
    ) -> None:
        """List silences and maintenance windows, or make or end one."""
        wanted = _wanted(rule, length, start, every, every_rule, label or [], comment)
        if wanted and end is not None:
            raise typer.BadParameter("goes with nothing else.", param_hint="--end")
        with problems_to_stderr(), connect() as client:
            if wanted:
                json_of(client.post(_PATH, json=wanted))
            elif end is not None:
                answer = client.delete(f"{_PATH}/{quote(end, safe='')}")
                if answer.is_error:
                    json_of(answer)
            page = json_of(client.get(_PATH))
        if as_json:
            print_json(page)
        elif not page["items"]:
            typer.echo("There are no silences: every alert is told.")
        else:
            show_table(("id", "rule", "where", "from", "until", "every", "why"), [_row(one) for one in page["items"]])


def _wanted(
    rule: str | None,
    length: str | None,
    start: str | None,
    every: str | None,
    every_rule: bool,
    label: list[str],
    comment: str,
) -> dict[str, Any] | None:
    if length is None:
        if rule is not None or start is not None or every is not None or every_rule or label or comment:
            raise typer.BadParameter("say how long, as `--for 2h`.", param_hint="--for")
        return None
    if (rule is None) is not every_rule:
        raise typer.BadParameter("give the name of one rule, or --every-rule.", param_hint="RULE")
    begins = _instant(start) if start is not None else datetime.now(UTC)
    return {
        "rule": rule or "",
        "starts_at": begins.isoformat(),
        "ends_at": (begins + _length(length)).isoformat(),
        "every_seconds": _seconds_of(every),
        "labels": _labels(label),
        "comment": comment,
    }


def _length(text: str) -> timedelta:
    found = re.fullmatch(r"([0-9]{1,6})([mhd])", text.strip().lower())
    if found is None or found[1].strip("0") == "":
        raise typer.BadParameter(f"{text!r} is no length of time, such as 30m, 2h or 1d.", param_hint="--for")
    return timedelta(seconds=int(found[1]) * _SECONDS[found[2]])


def _instant(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        raise typer.BadParameter(
            f"{text!r} is no instant, such as 2026-11-29T22:00+09:00.", param_hint="--from"
        ) from None
    # Of a clock on the wall, which is that of who types it.
    return found.astimezone() if found.tzinfo is None else found


def _seconds_of(every: str | None) -> int:
    if every is None:
        return 0
    if every not in _EVERY:
        raise typer.BadParameter(f"{every!r} is neither day nor week.", param_hint="--every")
    return _EVERY[every]


def _labels(given: list[str]) -> dict[str, str]:
    found = dict[str, str]()
    for one in given:
        name, equals, value = one.partition("=")
        if not name or not equals:
            raise typer.BadParameter(f"{one!r} is not NAME=VALUE.", param_hint="--label")
        found[name] = value
    return found


def _row(silence: dict[str, Any]) -> tuple[str, ...]:
    every = next((word for word, seconds in _EVERY.items() if seconds == silence["every_seconds"]), "")
    where = ", ".join(f"{name}={value}" for name, value in sorted(silence["labels"].items()))
    times = (silence["starts_at"][:19], silence["ends_at"][:19])
    return (silence["id"], silence["rule"] or "all", where, *times, every, silence["comment"])
