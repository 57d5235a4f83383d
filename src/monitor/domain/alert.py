"""An alert: one rule that is met by one series, from the first sign to its end."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from monitor.domain.metric import Labels
from monitor.domain.rule import AlertRule, Reading, Severity
from shared.kernel import Conflict, new_id


class AlertState(StrEnum):
    """Where it stands."""

    PENDING = "pending"
    """It holds, but not yet for as long as the rule asks."""
    FIRING = "firing"
    ACKNOWLEDGED = "acknowledged"
    """It goes on and somebody knows."""
    SUPPRESSED = "suppressed"
    """It holds, and what it depends on is in trouble itself."""
    RESOLVED = "resolved"

    @property
    def is_open(self) -> bool:
        """Whether it goes on."""
        return self is not AlertState.RESOLVED


@dataclass(frozen=True, slots=True)
class Alert:
    """What is kept of it, and all that telling people of it needs."""

    id: str
    rule_id: str
    rule: str
    """The rule's name when it began."""
    metric: str
    labels: Labels
    severity: Severity
    condition: str
    state: AlertState
    since: datetime
    """When it began to hold."""
    changed_at: datetime
    """When it came to this state."""
    value: float | None = None
    """The newest that was seen of it."""
    channels: tuple[str, ...] = ()
    advice: Mapping[str, str] = field(default_factory=dict)
    silenced: bool = False
    """A silence holds now: nobody is told."""
    suppressed_by: str = ""
    """The component or rule that it waits for."""
    acknowledged_by: str = ""
    announcements: int = 0
    """How often people were to be told: the first, the repeats, the end. It numbers what is told."""
    announced_at: datetime | None = None
    is_announced: bool = True
    """False from the step that stores it until the sink has taken it."""
    version: int = 1
    """Rises with each change that is stored."""

    @property
    def key(self) -> tuple[str, Labels]:
        """One at most is open for it."""
        return (self.rule_id, self.labels)

    @property
    def announcement_id(self) -> str:
        """The same announcement has the same, however often it is handed over."""
        return f"{self.id}/{self.announcements}"

    @property
    def was_announced(self) -> bool:
        """Whether people know of it."""
        return self.announcements > 0


def begun(rule: AlertRule, labels: Labels, reading: Reading, now: datetime) -> Alert:
    """A new one, pending."""
    return Alert(
        id=new_id(),
        rule_id=rule.id,
        rule=rule.name,
        metric=rule.metric,
        labels=labels,
        severity=rule.severity,
        condition=rule.condition,
        state=AlertState.PENDING,
        since=now,
        changed_at=now,
        value=reading.value,
        channels=rule.channels,
        advice=rule.advice,
    )


def observed(
    alert: Alert | None,
    rule: AlertRule,
    labels: Labels,
    reading: Reading,
    now: datetime,
    *,
    held_seconds: float,
    silenced: bool = False,
    suppressed_by: str = "",
) -> Alert | None:
    """The alert after a look at its series; the same object when nothing changed that must be kept, None for none.

    `held_seconds` is how long it has held by a clock that nobody puts back. A pending alert that ends was none: it
    comes back resolved without an announcement.
    """
    if alert is None:
        if not reading.breached:
            return None
        alert = begun(rule, labels, reading, now)
    if reading.cleared:
        return ended(alert, now, reading.value)
    if alert.state is AlertState.PENDING and not reading.breached:
        # Between the two limits, or nothing was measured: not yet trouble.
        return alert if reading.value is None else ended(alert, now, reading.value)
    if suppressed_by:
        if alert.state in (AlertState.PENDING, AlertState.FIRING):
            return replace(
                alert, state=AlertState.SUPPRESSED, suppressed_by=suppressed_by, changed_at=now, value=reading.value
            )
        return alert
    if alert.state is AlertState.SUPPRESSED:
        # It gets its whole time again: what it waited for has only just come back.
        return replace(alert, state=AlertState.PENDING, suppressed_by="", changed_at=now, value=reading.value)
    if silenced != alert.silenced:
        alert = replace(alert, silenced=silenced, value=reading.value)
    if alert.state is AlertState.PENDING and held_seconds >= rule.for_seconds:
        alert = replace(alert, state=AlertState.FIRING, changed_at=now, value=reading.value)
    if alert.state is AlertState.FIRING and not silenced and _is_due(alert, rule, now):
        return _told(alert, now, reading.value)
    return alert


def ended(alert: Alert, now: datetime, value: float | None = None) -> Alert:
    """Resolved; told to those who were told of it."""
    over = replace(alert, state=AlertState.RESOLVED, changed_at=now, value=alert.value if value is None else value)
    return _told(over, now, over.value) if alert.was_announced and not alert.silenced else over


def acknowledged(alert: Alert, by: str, now: datetime) -> Alert:
    """Somebody knows: no more repeats. Raises Conflict for one that is over."""
    if not alert.state.is_open:
        raise Conflict("The alert is over.", code="alert_over")
    return replace(alert, state=AlertState.ACKNOWLEDGED, acknowledged_by=by, changed_at=now)


def resolved(alert: Alert, now: datetime) -> Alert:
    """By hand; if it still holds, it begins again. Raises Conflict for one that is over."""
    if not alert.state.is_open:
        raise Conflict("The alert is over.", code="alert_over")
    return ended(alert, now)


def _told(alert: Alert, now: datetime, value: float | None) -> Alert:
    return replace(alert, announcements=alert.announcements + 1, announced_at=now, is_announced=False, value=value)


def _is_due(alert: Alert, rule: AlertRule, now: datetime) -> bool:
    if alert.announced_at is None:
        return True
    passed = (now - alert.announced_at).total_seconds()
    # Told in the future: the clock was put back, and nobody waits until it is there again.
    return rule.repeat_seconds > 0 and (passed >= rule.repeat_seconds or passed < 0)
