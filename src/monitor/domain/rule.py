"""What must be told about a number: the rule, and whether what was measured meets it."""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from statistics import median
from typing import Final, NamedTuple

from monitor.domain.metric import Labels, labels_of
from shared.kernel import Conflict, FieldError, InvalidInput

_NAME: Final = re.compile(r"[\w.-][\w .-]{0,63}")
_LONGEST_DURATION: Final = 86400.0
_LONGEST_WINDOW: Final = 3600.0
_FEWEST_DAYS: Final = 3
# Of a normal distribution the median absolute deviation is this part of the standard deviation.
_MAD_OF_SIGMA: Final = 0.6745


class RuleKind(StrEnum):
    """How the numbers are looked at."""

    THRESHOLD = "threshold"
    """The value now."""
    RATE = "rate"
    """Its change a second over `window_seconds`."""
    ABSENCE = "absence"
    """Nothing was measured for `window_seconds`."""
    ANOMALY = "anomaly"
    """How many robust standard deviations it is away from the same hour of past days."""


class Operator(StrEnum):
    """How the number is compared with the rule's value."""

    ABOVE = ">"
    AT_LEAST = ">="
    BELOW = "<"
    AT_MOST = "<="

    def holds(self, value: float, limit: float) -> bool:
        """Never for what is not a number."""
        match self:
            case Operator.ABOVE:
                return value > limit
            case Operator.AT_LEAST:
                return value >= limit
            case Operator.BELOW:
                return value < limit
            case Operator.AT_MOST:
                return value <= limit

    @property
    def is_upward(self) -> bool:
        """Whether more is worse."""
        return self in (Operator.ABOVE, Operator.AT_LEAST)


class Severity(StrEnum):
    """How much it matters."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True)
class AlertRule:
    """Made by `rule_of`, which checks it. Durations are in seconds."""

    id: str
    name: str
    metric: str
    kind: RuleKind = RuleKind.THRESHOLD
    operator: Operator = Operator.ABOVE
    value: float = 0.0
    clear_value: float | None = None
    """A firing alert is over when the number is on the good side of this; None: of `value`."""
    labels: Labels = ()
    """Of the series that are looked at; each that has them is an alert of its own."""
    for_seconds: float = 0.0
    """How long it must hold before it is told."""
    window_seconds: float = 300.0
    severity: Severity = Severity.WARNING
    depends_on: tuple[str, ...] = ()
    """Components and rules: while one of them is in trouble, this says nothing of its own."""
    repeat_seconds: float = 4 * 3600.0
    """How often it is told again while it goes on; 0 is once."""
    channels: tuple[str, ...] = ()
    """Names; none is all."""
    advice: Mapping[str, str] = field(default_factory=dict)
    """What to do, by language (`en`, `ko`)."""
    enabled: bool = True
    built_in: bool = False
    revision: int = 1

    @property
    def condition(self) -> str:
        """In words for people, such as `jobs_oldest_waiting_seconds > 300`."""
        match self.kind:
            case RuleKind.THRESHOLD:
                return f"{self.metric} {self.operator.value} {self.value:g}"
            case RuleKind.RATE:
                return f"change of {self.metric} a second {self.operator.value} {self.value:g}"
            case RuleKind.ABSENCE:
                return f"no {self.metric} for {self.window_seconds:g} s"
            case RuleKind.ANOMALY:
                return f"{self.metric} is {self.operator.value} {self.value:g} deviations from its past days"


class Reading(NamedTuple):
    """What a rule sees of one series."""

    value: float | None
    breached: bool
    cleared: bool


def rule_of(rule: AlertRule, *, metrics: Iterable[str] = ()) -> AlertRule:
    """The rule, checked. `metrics` are those there are; none is not asked for. Raises InvalidInput with every error."""
    errors: list[FieldError] = []

    def must(holds: bool, name: str, words: str) -> None:
        if not holds:
            errors.append(FieldError(name, words))

    known = frozenset(metrics)
    must(bool(_NAME.fullmatch(rule.name)), "name", "must be 1 to 64 letters, digits, spaces, `_`, `.` or `-`")
    must(not known or rule.metric in known, "metric", "is none that there is; /api/v1/monitor/metrics lists them")
    must(math.isfinite(rule.value), "value", "must be a number")
    if rule.clear_value is not None:
        good = math.isfinite(rule.clear_value) and (
            rule.clear_value <= rule.value if rule.operator.is_upward else rule.clear_value >= rule.value
        )
        must(good, "clear_value", "must be a number on the good side of `value`")
    must(0 <= rule.for_seconds <= _LONGEST_DURATION, "for_seconds", "must be 0 to 86400")
    must(10 <= rule.window_seconds <= _LONGEST_WINDOW, "window_seconds", "must be 10 to 3600")
    repeats = rule.repeat_seconds == 0 or 60 <= rule.repeat_seconds <= 30 * 86400
    must(repeats, "repeat_seconds", "must be 0, or 60 to 2592000")
    must(rule.kind is not RuleKind.ANOMALY or rule.value > 0, "value", "must be more than 0 deviations")
    must(len(rule.depends_on) <= 20, "depends_on", "must name 20 at most")
    must(rule.name not in rule.depends_on, "depends_on", "must not name the rule itself")
    labels: Labels = ()
    try:
        labels = labels_of(dict(rule.labels))
    except InvalidInput as error:
        errors.append(FieldError("labels", error.detail))
    if errors:
        raise InvalidInput("; ".join(f"{one.field} {one.message}" for one in errors), errors=errors)
    return replace(rule, labels=labels)


def must_fit(rule: AlertRule, others: Sequence[AlertRule], components: Iterable[str]) -> None:
    """Raises Conflict for a name that is taken; InvalidInput for an unknown dependency, or one in a circle."""
    others = [other for other in others if other.id != rule.id]
    by_name = {other.name: other for other in others}
    if rule.name in by_name:
        raise Conflict(f"There is a rule of the name {rule.name!r} already.", code="name_taken")
    known = {*by_name, *components}
    if unknown := [one for one in rule.depends_on if one not in known]:
        words = f"names what is neither a component nor a rule: {', '.join(unknown[:3])}"
        raise InvalidInput(f"depends_on {words}.", errors=[FieldError("depends_on", words)])
    by_name[rule.name] = rule
    path, todo = {rule.name}, [*rule.depends_on]
    while todo:
        name = todo.pop()
        if name == rule.name:
            words = "leads back to the rule itself"
            raise InvalidInput(f"depends_on {words}.", errors=[FieldError("depends_on", words)])
        if name not in path and name in by_name:
            path.add(name)
            todo += by_name[name].depends_on


def reading_of(rule: AlertRule, value: float | None) -> Reading:
    """Of what was measured: the value, its rate, its deviation, or for an absence the seconds since the last one.

    Nothing measured is neither trouble nor its end; only a rule of absence says so.
    """
    if rule.kind is RuleKind.ABSENCE:
        missing = value is None or value >= rule.window_seconds
        return Reading(value, missing, not missing)
    if value is None or math.isnan(value):
        return Reading(None, False, False)
    if rule.kind is RuleKind.ANOMALY:
        value = abs(value)
        limit = rule.value if rule.clear_value is None else rule.clear_value
        return Reading(value, value > rule.value, value <= limit)
    limit = rule.value if rule.clear_value is None else rule.clear_value
    return Reading(value, rule.operator.holds(value, rule.value), not rule.operator.holds(value, limit))


def rate_of(points: Sequence[tuple[float, float]]) -> float | None:
    """Change a second from the first to the last of (seconds, value); None where less than two instants are known."""
    if len(points) < 2 or points[-1][0] <= points[0][0]:
        return None
    return (points[-1][1] - points[0][1]) / (points[-1][0] - points[0][0])


def deviation_of(value: float, past: Sequence[float]) -> float | None:
    """How far the value is from the median of past days, in robust standard deviations (median absolute deviation,
    Iglewicz and Hoaglin 1993); None for fewer than three days.

    A twentieth of the median is the least deviation that counts: what never moved would fire at a breath.
    """
    if len(past) < _FEWEST_DAYS:
        return None
    middle = median(past)
    sigma = median(abs(one - middle) for one in past) / _MAD_OF_SIGMA
    sigma = max(sigma, abs(middle) / 20)
    if sigma == 0:
        return 0.0 if value == middle else math.copysign(math.inf, value - middle)
    return (value - middle) / sigma
