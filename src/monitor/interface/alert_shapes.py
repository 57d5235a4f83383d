"""The JSON of metrics, rules, alerts and silences."""

import re
from datetime import UTC, datetime
from typing import Annotated, Final

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field

from monitor.application.series import History
from monitor.domain.alert import Alert, AlertState
from monitor.domain.rule import AlertRule, Operator, RuleKind, Severity
from monitor.domain.silence import Silence
from shared.web.requests import BodyFields, CursorText, RequestFields
from shared.web.shapes import Shape

Number = Annotated[float, Field(allow_inf_nan=False)]
Seconds = Annotated[float, Field(ge=0, le=31_536_000)]
# JSON has neither instants nor these words as kinds of their own.
_Lax: Final = Field(strict=False)
_NUMBER: Final = re.compile(r"[-+]?[\d.]+(?:[eE][-+]?\d+)?")


def _written(value: object) -> object:
    """RFC 3339 alone: a number would be taken for seconds since 1970."""
    if not isinstance(value, str | datetime) or (isinstance(value, str) and _NUMBER.fullmatch(value.strip())):
        raise ValueError("must be an instant as RFC 3339 writes it, such as 2026-11-28T09:00:00Z")
    return value


def _in_utc(instant: datetime) -> datetime:
    """As every answer tells it."""
    try:
        return instant.astimezone(UTC)
    except OverflowError:
        raise ValueError("must be an instant of the years 1 to 9999") from None


Instant = Annotated[AwareDatetime, BeforeValidator(_written), AfterValidator(_in_utc), _Lax]
LabelMap = dict[Annotated[str, Field(max_length=100)], Annotated[str, Field(max_length=200)]]


class MetricBody(Shape):
    """One metric."""

    name: str
    """Rules and histories name it so."""
    help: str
    """What it counts."""
    unit: str
    """`seconds`, `bytes`, `ratio`, `per second`, or empty for plain numbers."""


class MetricListBody(Shape):
    """Everything that was measured."""

    items: list[MetricBody]
    """By name."""
    total: int
    """How many there are."""


class SeriesBody(Shape):
    """One set of labels."""

    labels: dict[str, str]
    """What it is of."""
    points: list[tuple[int, float, float, float]]
    """Start of the step in seconds since 1970, mean, least, most; steps without a measurement are left out."""


class HistoryBody(Shape):
    """A metric over time."""

    name: str
    """The metric."""
    help: str
    """What it counts."""
    unit: str
    """`seconds`, `bytes`, `ratio`, `per second`, or empty for plain numbers."""
    start: datetime
    """Of the first step."""
    end: datetime
    """Of the last step."""
    step_seconds: int
    """How long a step is."""
    resolution_seconds: int
    """What the points are made of: 1 s is kept for an hour, 60 s for a week, 3600 s for a year."""
    series: list[SeriesBody]
    """One for each set of labels."""


class HistoryQuery(RequestFields):
    """Of a metric's history."""

    start: Instant | None = Field(default=None, alias="from", description="An hour before `to` if left out.")
    end: Instant | None = Field(default=None, alias="to", description="Now if left out.")
    step: Annotated[int, Field(ge=1, le=31_536_000)] | None = Field(default=None, description="Seconds a point.")
    label: list[Annotated[str, Field(max_length=300, pattern="^[^=]+=")]] = Field(
        default=[], max_length=10, description="`name=value`; only series that have it."
    )


class RuleFields(BodyFields):
    """A rule, as it is made and changed: what is left out has its default."""

    name: str = Field(min_length=1, max_length=64)
    """Letters, digits, spaces, `_`, `.`, `-`; each rule its own."""
    metric: str = Field(min_length=1, max_length=120)
    """One of `/api/v1/monitor/metrics`, or one that will be there when it first happens."""
    labels: LabelMap = Field(default_factory=dict, max_length=10)
    """Only series that have them; each is an alert of its own."""
    kind: Annotated[RuleKind, _Lax] = RuleKind.THRESHOLD
    """`threshold`: the value now; `rate`: its change a second over the window; `absence`: nothing for the window;
    `anomaly`: robust standard deviations from the same hour of past days."""
    operator: Annotated[Operator, _Lax] = Operator.ABOVE
    """How the number is compared with `value`."""
    value: Number = 0
    """The limit."""
    clear_value: Number | None = None
    """What it must come back to; `value` if left out."""
    for_seconds: Seconds = 0
    """How long it must hold before it is told."""
    window_seconds: Seconds = 300
    """What `rate` and `absence` look back on."""
    severity: Annotated[Severity, _Lax] = Severity.WARNING
    """How much it matters."""
    depends_on: list[Annotated[str, Field(max_length=100)]] = Field(default=[], max_length=20)
    """Components and rules; while one is in trouble, this says nothing of its own."""
    repeat_seconds: Seconds = 4 * 3600
    """How often it is told again while it goes on; 0 is once."""
    channels: list[Annotated[str, Field(max_length=64)]] = Field(default=[], max_length=20)
    """Names; none is all."""
    advice: dict[Annotated[str, Field(max_length=10)], Annotated[str, Field(max_length=2000)]] = Field(
        default_factory=dict, max_length=5
    )
    """What to do, by language (`en`, `ko`)."""
    enabled: bool = True
    """False: nobody looks."""

    def rule(self) -> AlertRule:
        """Unchecked."""
        return AlertRule(
            id="",
            name=self.name,
            metric=self.metric,
            kind=self.kind,
            operator=self.operator,
            value=self.value,
            clear_value=self.clear_value,
            labels=tuple(self.labels.items()),
            for_seconds=self.for_seconds,
            window_seconds=self.window_seconds,
            severity=self.severity,
            depends_on=tuple(self.depends_on),
            repeat_seconds=self.repeat_seconds,
            channels=tuple(self.channels),
            advice=self.advice,
            enabled=self.enabled,
        )


class RuleBody(Shape):
    """A rule."""

    id: str
    """Its id."""
    name: str
    """What people call it."""
    metric: str
    """The metric it looks at."""
    labels: dict[str, str]
    """Only series that have them."""
    kind: RuleKind
    """How the numbers are looked at."""
    operator: Operator
    """How the number is compared with `value`."""
    value: float
    """The limit."""
    clear_value: float | None
    """What it must come back to; null: `value`."""
    for_seconds: float
    """How long it must hold before it is told."""
    window_seconds: float
    """What `rate` and `absence` look back on."""
    severity: Severity
    """How much it matters."""
    depends_on: list[str]
    """While one of them is in trouble, it says nothing of its own."""
    repeat_seconds: float
    """How often it is told again; 0 is once."""
    channels: list[str]
    """Where it is told; none is all."""
    advice: dict[str, str]
    """What to do, by language."""
    enabled: bool
    """Whether it is looked at."""
    built_in: bool
    """It came with Seoga: it can be changed and switched off, and not deleted."""
    condition: str
    """In words."""


class RuleListBody(Shape):
    """All rules, by name."""

    items: list[RuleBody]
    """By name."""
    total: int
    """How many there are."""


class AlertBody(Shape):
    """An alert."""

    id: str
    """Its id."""
    rule_id: str
    """The rule that is met."""
    rule: str
    """The rule's name when it began."""
    metric: str
    """The metric the rule looks at."""
    labels: dict[str, str]
    """Of the series that meets it."""
    severity: Severity
    """How much it matters."""
    condition: str
    """The rule in words."""
    state: AlertState
    """Where it stands."""
    since: datetime
    """When it began to hold."""
    changed_at: datetime
    """When it came to this state."""
    value: float | None
    """The newest that was seen; null: nothing was measured."""
    silenced: bool
    """A silence holds: nobody is told."""
    suppressed_by: str | None
    """What it depends on and is in trouble itself."""
    acknowledged_by: str | None
    """Who knows of it."""
    advice: dict[str, str]
    """What to do, by language."""


class AlertListBody(Shape):
    """A page of alerts, newest first."""

    items: list[AlertBody]
    """One page."""
    next_cursor: str | None
    """For `cursor` of the next page; null on the last one."""


class AlertListQuery(RequestFields):
    """Which alerts."""

    state: AlertState | None = Field(default=None, description="Only those.")
    limit: Annotated[int, Field(ge=1, le=500)] = Field(default=50, description="How many.")
    cursor: CursorText = None


class NewSilence(BodyFields):
    """A time in which certain alerts are not told."""

    starts_at: Instant | None = None
    """Now if left out."""
    ends_at: Instant
    """When people are told again."""
    rule: str = Field(default="", max_length=64)
    """A rule's name; empty is each."""
    labels: LabelMap = Field(default_factory=dict, max_length=10)
    """Only alerts that have them."""
    every_seconds: int = Field(default=0, ge=0, le=604800)
    """0 is once; 86400 each day, 604800 each week: a maintenance window."""
    comment: str = Field(default="", max_length=500)
    """Why."""
    created_by: str = Field(default="", max_length=100)
    """Who wanted it."""


class SilenceBody(Shape):
    """A silence."""

    id: str
    """Its id."""
    starts_at: datetime
    """From when on."""
    ends_at: datetime
    """Until when, the first time."""
    rule: str
    """A rule's name; empty is each."""
    labels: dict[str, str]
    """Only alerts that have them."""
    every_seconds: int
    """0 is once; a day or a week is a maintenance window."""
    comment: str
    """Why."""
    created_by: str
    """Who made it."""


class SilenceListBody(Shape):
    """Those that hold, or will."""

    items: list[SilenceBody]
    """By their beginning."""
    total: int
    """How many there are."""


def history_body(history: History) -> HistoryBody:
    """As JSON."""
    return HistoryBody(
        name=history.name,
        help=history.help,
        unit=history.unit,
        start=history.start,
        end=history.end,
        step_seconds=history.step_seconds,
        resolution_seconds=int(history.resolution),
        series=[
            SeriesBody(
                labels=dict(series.labels),
                points=[(point.start, point.mean, point.least, point.most) for point in points],
            )
            for series, points in sorted(history.series.items())
        ],
    )


def rule_body(rule: AlertRule) -> RuleBody:
    """As JSON."""
    return RuleBody(
        id=rule.id,
        name=rule.name,
        metric=rule.metric,
        labels=dict(rule.labels),
        kind=rule.kind,
        operator=rule.operator,
        value=rule.value,
        clear_value=rule.clear_value,
        for_seconds=rule.for_seconds,
        window_seconds=rule.window_seconds,
        severity=rule.severity,
        depends_on=list(rule.depends_on),
        repeat_seconds=rule.repeat_seconds,
        channels=list(rule.channels),
        advice=dict(rule.advice),
        enabled=rule.enabled,
        built_in=rule.built_in,
        condition=rule.condition,
    )


def alert_body(alert: Alert) -> AlertBody:
    """As JSON."""
    return AlertBody(
        id=alert.id,
        rule_id=alert.rule_id,
        rule=alert.rule,
        metric=alert.metric,
        labels=dict(alert.labels),
        severity=alert.severity,
        condition=alert.condition,
        state=alert.state,
        since=alert.since,
        changed_at=alert.changed_at,
        value=alert.value,
        silenced=alert.silenced,
        suppressed_by=alert.suppressed_by or None,
        acknowledged_by=alert.acknowledged_by or None,
        advice=dict(alert.advice),
    )


def silence_body(silence: Silence) -> SilenceBody:
    """As JSON."""
    return SilenceBody(
        id=silence.id,
        starts_at=silence.starts_at,
        ends_at=silence.ends_at,
        rule=silence.rule,
        labels=dict(silence.labels),
        every_seconds=silence.every_seconds,
        comment=silence.comment,
        created_by=silence.created_by,
    )
