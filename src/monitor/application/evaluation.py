"""Looks every second at what was measured, and makes alerts of what the rules say of it."""

import asyncio
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from typing_extensions import override

from monitor.application.alert_ports import AlertRepository, AlertSink, MetricRepository
from monitor.application.board import Board
from monitor.domain.alert import Alert, AlertState, ended, observed
from monitor.domain.metric import Labels, Resolution, SeriesKey, matches
from monitor.domain.ready_made import READY_MADE
from monitor.domain.rule import AlertRule, RuleKind, deviation_of, rate_of, reading_of
from monitor.domain.silence import Silence
from shared.kernel import Clock, Unavailable, utc_now
from shared.ports.duties import DutyStore
from shared.runtime.background import Background
from shared.runtime.beats import until_beat
from shared.runtime.duty import Duty
from shared.telemetry import Metrics, get_log

DUTY: Final = "monitor.alerts"
_FRESH_SECONDS: Final = 45.0
"""Older than that, a value says nothing of now: each is measured every ten seconds."""
_PAST_DAYS: Final = 7
_PAST_SECONDS: Final = 600.0
_READY: Final = "component_ready"
_AT_ONCE: Final = 200
"""So many alerts go into the store, and into the outbox, in one write; between two others have their turn."""
_log = get_log("alerts")

Key = tuple[str, Labels]


@dataclass(frozen=True, slots=True)
class EvaluationTimes:
    """In seconds."""

    tick: float = 1.0
    quiet: float = 5.0
    """While no alert goes on and no number that a rule is about changes, only time can make one: looked at so often."""
    reload: float = 30.0
    """Rules are read again when somebody changed them, and so often in any case."""
    first: float = 3.0
    forget: float = 3600.0
    kept: float = 90 * 86400.0
    """Alerts that are over."""


async def seed(store: AlertRepository) -> None:
    """Ready-made rules come with the first start; one that was changed or switched off stays as it is."""
    known = {rule.id for rule in await store.rules()}
    for rule in READY_MADE:
        if rule.id not in known:
            await store.add_rule(rule)


class Evaluation(Background):
    """An async context manager: evaluates while it is open. Its failures are its own: logged, counted, tried again."""

    def __init__(
        self,
        board: Board,
        store: AlertRepository,
        history: MetricRepository,
        sink: AlertSink,
        metrics: Metrics,
        duties: DutyStore,
        *,
        shared: Collection[str] = (),
        times: EvaluationTimes | None = None,
        clock: Clock = utc_now,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Each process looks at what it measures; of `shared` metrics, which all see alike, the one with the duty."""
        self._board = board
        self._duty = Duty(duties, DUTY, lease_seconds=30)
        self._shared = frozenset(shared)
        self._has_duty = False
        self._store = store
        self._history = history
        self._sink = sink
        self._metrics = metrics
        self._times = times or EvaluationTimes()
        self._clock = clock
        self._monotonic = monotonic
        self._woken = asyncio.Event()
        self._revision: int | None = None
        self._read_at = 0.0
        self._rules: Sequence[AlertRule] = ()
        self._seen: tuple[int, ...] | None = None
        self._looked_at = 0.0
        self._silences: Sequence[Silence] = ()
        self._open: dict[Key, Alert] = {}
        self._held_since: dict[Key, float] = {}
        self._past: dict[SeriesKey, tuple[float, Sequence[float]]] = {}
        self._seeded = False
        self._forget_at = 0.0
        self._began = monotonic()
        self.changed: Callable[[Sequence[Alert]], None] | None = None
        """Called with alerts whose state changed, when they are stored."""

    def wake(self) -> None:
        """Rules, silences or alerts were changed here."""
        self._woken.set()

    @override
    async def run(self) -> None:
        await asyncio.sleep(self._times.first)
        async with self._duty:
            await self._evaluate()

    async def _evaluate(self) -> None:
        while True:
            began = time.perf_counter()
            try:
                await self.tick()
                self._metrics.observe("alert_evaluation_seconds", time.perf_counter() - began)
            except Unavailable as error:
                self._revision = None
                _log.debug("alerts wait for their store", action="alerts.wait", reason=error.detail)
            except Exception as error:
                self._revision = None
                self._metrics.count("alert_evaluation_failures_total")
                _log.error("rules were not evaluated", action="alerts.fell", exc_info=error)
            try:
                async with asyncio.timeout(until_beat(self._times.tick)):
                    await self._woken.wait()
            except TimeoutError:
                pass
            self._woken.clear()

    async def tick(self) -> None:
        """One look. Raises Unavailable; then everything is as it was and the next look does it."""
        if self._has_duty != (has_duty := await self._duty.hold()):
            self._has_duty, self._revision = has_duty, None
        await self._read_again()
        if self._is_look_due():
            await self._announce_waiting()
            before = dict(self._open)
            after = await self._look()
            changed = [(key, alert) for key, alert in after.items() if key not in before or alert is not before[key]]
            for start in range(0, len(changed), _AT_ONCE):
                await self._keep(changed[start : start + _AT_ONCE])
            if changed:
                await self._announce_waiting()
            self._metrics.gauge("alerts_open", sum(one.state.is_open for one in self._open.values()))
        if self._monotonic() >= self._forget_at:
            self._forget_at = self._monotonic() + self._times.forget
            await self._store.forget(self._clock() - timedelta(seconds=self._times.kept), 1_000)

    async def _read_again(self) -> None:
        now = self._monotonic()
        revision = await self._store.revision()
        if revision == self._revision and now - self._read_at < self._times.reload:
            return
        if not self._seeded:
            await seed(self._store)
            self._seeded = True
        self._rules, self._silences = await self._store.rules(), await self._store.silences()
        self._open = {alert.key: alert for alert in await self._store.open_alerts() if self._is_mine(alert)}
        for key, alert in self._open.items():
            # By how long it has been so: after a restart only the other clock knows.
            passed = max(0.0, (self._clock() - alert.changed_at).total_seconds())
            self._held_since.setdefault(key, now - passed)
        self._revision, self._read_at, self._seen = revision, now, None

    def _is_look_due(self) -> bool:
        seen, now = self._board.changes([_READY, *(rule.metric for rule in self._rules)]), self._monotonic()
        if not self._open and seen == self._seen and now - self._looked_at < self._times.quiet:
            return False
        self._seen, self._looked_at = seen, now
        return True

    def _is_mine(self, alert: Alert) -> bool:
        return self._has_duty if alert.metric in self._shared else matches(self._board.labels, alert.labels)

    async def _look(self) -> dict[Key, Alert]:
        """Every alert as it is now; those that did not change are the same objects."""
        ready = self._board.newest(_READY)
        down = {dict(labels).get("component", "") for labels, value, _ in ready if value < 0.5}
        firing = {
            alert.rule for alert in self._open.values() if alert.state in (AlertState.FIRING, AlertState.ACKNOWLEDGED)
        }
        found: dict[Key, Alert] = {}
        here = [rule for rule in self._rules if self._has_duty or rule.metric not in self._shared]
        rules = {rule.id: rule for rule in here if rule.enabled}
        seen = set[Key]()
        for rule in rules.values():
            for number, (labels, value) in enumerate(await self._values(rule)):
                if number % _AT_ONCE == _AT_ONCE - 1:
                    await asyncio.sleep(0)
                key = (rule.id, labels)
                seen.add(key)
                alert = self._observe(rule, labels, value, down | firing)
                if alert is not None:
                    found[key] = alert
        now = self._clock()
        for key, alert in self._open.items():
            if key in seen or not alert.state.is_open:
                continue
            if key[0] not in rules:
                found[key] = ended(alert, now)
            elif self._monotonic() - self._began > _FRESH_SECONDS:
                # What it was about is no longer measured.
                found[key] = ended(alert, now)
        return found

    async def _values(self, rule: AlertRule) -> list[tuple[Labels, float | None]]:
        """What the rule sees of each series: a value, or None when nothing is known of now."""
        found: list[tuple[Labels, float | None]] = []
        for labels, value, age in self._board.newest(rule.metric):
            if not matches(rule.labels, labels):
                continue
            fresh = age <= _FRESH_SECONDS
            match rule.kind:
                case RuleKind.THRESHOLD:
                    found.append((labels, value if fresh else self._last(rule, value, age)))
                case RuleKind.RATE:
                    found.append((labels, rate_of(self._board.window(rule.metric, labels, rule.window_seconds))))
                case RuleKind.ABSENCE:
                    found.append((labels, age))
                case RuleKind.ANOMALY:
                    past = await self._past_of(SeriesKey(rule.metric, labels)) if fresh else ()
                    found.append((labels, deviation_of(value, past)))
        if rule.kind is RuleKind.ABSENCE and not found:
            # Never seen by this process: it counts from its start.
            own = () if rule.metric in self._shared else self._board.labels
            found.append((tuple(sorted({*rule.labels, *own})), self._monotonic() - self._began))
        return found

    def _last(self, rule: AlertRule, value: float, age: float) -> float | None:
        """Of what is measured only when something happens: quiet for long is no trouble any more."""
        return value if age < rule.window_seconds else None

    async def _past_of(self, series: SeriesKey) -> Sequence[float]:
        """The same hour of past days."""
        read_at, past = self._past.get(series, (0.0, ()))
        now = self._monotonic()
        if series not in self._past or now - read_at > _PAST_SECONDS:
            hour = int(self._clock().timestamp()) // 3600 * 3600
            points = (await self._history.points([series], Resolution.HOUR, hour - _PAST_DAYS * 86400, hour)).get(
                series, ()
            )
            past = [point.mean for point in points if (hour - point.start) % 86400 == 0]
            self._past[series] = (now, past)
        return past

    def _observe(self, rule: AlertRule, labels: Labels, value: float | None, trouble: set[str]) -> Alert | None:
        key, now = (rule.id, labels), self._clock()
        alert = self._open.get(key)
        if alert is not None and not alert.state.is_open:
            return alert  # it is over and must still be told
        if value is None and alert is not None and alert.state is not AlertState.PENDING:
            # Quiet for so long that it is over; after a start nothing is known yet.
            quiet = self._monotonic() - self._began > rule.window_seconds + _FRESH_SECONDS
            return ended(alert, now) if quiet else alert
        about = dict(labels).get("component")
        suppressed_by = next((one for one in rule.depends_on if one in trouble and one != about), "")
        held_since = self._held_since.get(key)
        after = observed(
            alert,
            rule,
            labels,
            reading_of(rule, value),
            now,
            held_seconds=0.0 if held_since is None else self._monotonic() - held_since,
            silenced=any(silence.holds(now) and silence.covers(rule.name, labels) for silence in self._silences),
            suppressed_by=suppressed_by,
        )
        if after is not None and after is not alert and (alert is None or alert.state is not after.state):
            self._held_since[key] = self._monotonic()
        return after

    async def _keep(self, changed: Sequence[tuple[Key, Alert]]) -> None:
        """Stores what changed. A change that another process was faster with is looked at again."""
        alerts: list[tuple[Key, Alert]] = []
        for key, alert in changed:
            before = self._open.get(key)
            if before is None and not alert.state.is_open:
                continue
            alerts.append((key, replace(alert, version=alert.version + 1) if before is not None else alert))
        kept = await self._store.save([alert for _, alert in alerts])
        told: list[Alert] = []
        for (key, alert), is_kept in zip(alerts, kept, strict=True):
            if not is_kept:
                self._revision = None
                continue
            before = self._open.get(key)
            if before is None or before.state is not alert.state:
                told.append(alert)
                self._metrics.count("alerts_changed_total", state=alert.state.value)
            self._set(key, alert)
        if told and self.changed is not None:
            self.changed(told)

    def _set(self, key: Key, alert: Alert) -> None:
        if alert.state.is_open or not alert.is_announced:
            self._open[key] = alert
        else:
            self._open.pop(key, None)
            self._held_since.pop(key, None)

    async def _announce_waiting(self) -> None:
        """Each write of the outbox is followed by one that keeps what it told: a crash repeats no more than that."""
        waiting = [alert for alert in self._open.values() if not alert.is_announced]
        for start in range(0, len(waiting), _AT_ONCE):
            some = waiting[start : start + _AT_ONCE]
            try:
                await self._sink.announce(some)
            except Unavailable as error:
                _log.warning("nobody could be told", action="alerts.untold", count=len(some), reason=error.detail)
                return
            announced = [replace(alert, is_announced=True, version=alert.version + 1) for alert in some]
            for alert, is_kept in zip(announced, await self._store.save(announced), strict=True):
                if is_kept:
                    self._set(alert.key, alert)
                else:
                    self._revision = None
