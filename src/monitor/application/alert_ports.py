"""What watching needs: where series, rules, silences and alerts are kept, and who tells people."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from monitor.domain.alert import Alert, AlertState
from monitor.domain.metric import Labels, Point, Resolution, SeriesKey
from monitor.domain.rule import AlertRule
from monitor.domain.silence import Silence


class AlertSink(Protocol):
    """Tells people."""

    async def announce(self, alerts: Sequence[Alert]) -> None:
        """Alerts that fire, still fire, or are over (`alert.state`), each for its channels; a few hundred at a time.

        Called in the step that stores them, and again after a crash or an error: `alert.announcement_id` is the same
        then, and the same announcement must be told once. All are durable on return; may raise Unavailable, and then
        some may be and some not.
        """
        ...


class Numbers(Protocol):
    """What this process counts, as it is now; each by name and labels."""

    def gauges(self) -> Mapping[tuple[str, Labels], float]:
        """What is measured."""
        ...

    def set_gauges(self) -> Iterable[tuple[tuple[str, Labels], float]]:
        """Those of them that were set since this was last asked. Cheap enough for every second."""
        ...

    def totals(self) -> Mapping[tuple[str, Labels], float]:
        """What only rises."""
        ...

    def buckets(self) -> Mapping[tuple[str, Labels], Mapping[float, float]]:
        """Of distributions: how many samples were at most so much; the last bound is infinite."""
        ...


@dataclass(frozen=True, slots=True)
class AlertPlace:
    """Where an alert stands in lists."""

    since: str
    id: str


class MetricRepository(Protocol):
    """Keeps points of series, in blocks. Every call raises Unavailable."""

    async def add(self, resolution: Resolution, points: Mapping[SeriesKey, Sequence[Point]]) -> None:
        """Keeps them, many series in one write; a point of the same start replaces the one before."""
        ...

    async def series(self, name: str, labels: Labels = ()) -> Sequence[SeriesKey]:
        """Those of the metric that have the labels, in order; of what is kept in any resolution."""
        ...

    async def names(self) -> Sequence[str]:
        """Of all metrics, in order."""
        ...

    async def points(
        self, series: Collection[SeriesKey], resolution: Resolution, start: int, end: int
    ) -> Mapping[SeriesKey, Sequence[Point]]:
        """Those with `start` <= point.start < `end`, in order; a series without any is left out."""
        ...

    async def forget(self, resolution: Resolution, before: int, limit: int) -> int:
        """Deletes up to `limit` blocks that lie wholly before that second; how many."""
        ...


class AlertRepository(Protocol):
    """Keeps rules, silences and alerts. Durable on return; every call raises Unavailable."""

    async def revision(self) -> int:
        """Rises with every change of a rule or a silence, and of an alert by `change`, by whichever process."""
        ...

    async def rules(self) -> Sequence[AlertRule]:
        """By name."""
        ...

    async def add_rule(self, rule: AlertRule) -> bool:
        """False when the id or the name is taken; of two at the same time one is."""
        ...

    async def replace_rule(self, rule: AlertRule) -> bool:
        """False when what is kept is not of `rule.revision - 1`, is not there, or the name is another's."""
        ...

    async def remove_rule(self, rule_id: str) -> bool:
        """False when there was none."""
        ...

    async def silences(self) -> Sequence[Silence]:
        """By their start."""
        ...

    async def add_silence(self, silence: Silence) -> None:
        """Keeps it."""
        ...

    async def remove_silence(self, silence_id: str) -> bool:
        """False when there was none."""
        ...

    async def save(self, alerts: Sequence[Alert]) -> Sequence[bool]:
        """Keeps each that is of the version after the kept one (1: new); which were kept. The revision stays."""
        ...

    async def change(self, alert: Alert) -> bool:
        """As `save` of one, for a change by a person: the revision rises."""
        ...

    async def alert(self, alert_id: str) -> Alert | None:
        """None when there is none."""
        ...

    async def open_alerts(self) -> Sequence[Alert]:
        """Those that go on, and those that are not announced yet; oldest first."""
        ...

    async def alerts(
        self, state: AlertState | None, after: AlertPlace | None, limit: int
    ) -> tuple[Sequence[Alert], AlertPlace | None]:
        """Newest first, and the place of what comes after."""
        ...

    async def changed_since(self, since: datetime, limit: int) -> Sequence[Alert]:
        """Those whose `changed_at` is that instant or later, whoever changed them; newest changes first."""
        ...

    async def forget(self, before: datetime, limit: int) -> int:
        """Deletes up to `limit` alerts that were over before that instant; how many."""
        ...
