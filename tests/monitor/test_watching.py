"""From what is measured to what is told: collection, evaluation, and the routes."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from monitor_builders import Monitor, a_monitor
from typing_extensions import override

from builders import eventually
from monitor.application.alert_ports import AlertSink
from monitor.application.board import Board
from monitor.application.collection import Collection, CollectionTimes, Source
from monitor.application.evaluation import Evaluation
from monitor.application.metered import Metered
from monitor.domain.alert import Alert, AlertState
from monitor.domain.distribution import between, quantile
from monitor.domain.metric import Point, Resolution, SeriesKey
from monitor.domain.ready_made import READY_MADE
from monitor.domain.rule import AlertRule, Operator, RuleKind, must_fit, rule_of
from monitor.domain.silence import Silence
from monitor.infrastructure import sqlite_alerts, sqlite_metrics
from shared.infrastructure.metric_catalogue import HELP
from shared.infrastructure.prometheus_metrics import PrometheusMetrics
from shared.infrastructure.sqlite.database import SqliteDatabase
from shared.infrastructure.sqlite.duties import SqliteDuties
from shared.kernel import Unavailable

AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
ADMIN = {"authorization": "Bearer everything-key-0001"}


class Heard(AlertSink):
    """Keeps what it is told; can be away."""

    def __init__(self) -> None:
        self.alerts: list[Alert] = []
        self.is_away = False

    @override
    async def announce(self, alerts: Sequence[Alert]) -> None:
        if self.is_away:
            raise Unavailable("nobody is there")
        self.alerts += alerts

    @property
    def told(self) -> list[tuple[str, str]]:
        return [(alert.rule, alert.state.value) for alert in self.alerts]


@dataclass
class Watch:
    """An evaluation with its store, a clock that is moved by hand, and what it told."""

    database: SqliteDatabase
    seconds: float = 0.0
    heard: Heard = field(default_factory=Heard)

    def __post_init__(self) -> None:
        self.store = sqlite_alerts.SqliteAlerts(self.database)
        self.series = sqlite_metrics.SqliteMetrics(self.database)
        self.board = Board(clock=self.now, monotonic=lambda: self.seconds)
        self.evaluation = self.anew()

    def anew(self) -> Evaluation:
        """As after a restart."""
        return Evaluation(
            self.board,
            self.store,
            self.series,
            self.heard,
            PrometheusMetrics(),
            SqliteDuties(self.database),
            clock=self.now,
            monotonic=lambda: self.seconds,
        )

    def now(self) -> datetime:
        return AT + timedelta(seconds=self.seconds)

    async def see(self, *values: float, name: str = "search_seconds_p95", step: float = 1, **labels: str) -> None:
        """Each value, a step apart, and a look after each."""
        for value in values:
            self.board.note([((name, tuple(sorted(labels.items()))), value)])
            await self.evaluation.tick()
            self.seconds += step


@pytest.fixture
async def watch(tmp_path: Path) -> AsyncIterator[Watch]:
    schema = sqlite_metrics.SCHEMA + sqlite_alerts.SCHEMA + SqliteDuties.SCHEMA
    async with SqliteDatabase(tmp_path / "monitor.sqlite", schema) as database:
        yield Watch(database)


SLOW = AlertRule("slow", "slow", "search_seconds_p95", value=1, clear_value=0.5, for_seconds=3)


def test_ready_made_rules_are_good_and_about_metrics_that_there_are() -> None:
    known = {name + suffix for name in HELP for suffix in ("", "_p95")}
    for rule in READY_MADE:
        assert rule_of(rule, metrics=known) == rule
        must_fit(rule, READY_MADE, [])
        assert rule.advice["en"] and rule.advice["ko"]


async def test_an_alert_is_told_when_it_fires_and_when_it_is_over(watch: Watch) -> None:
    await watch.store.add_rule(SLOW)
    await watch.see(2, 2, 2)
    assert watch.heard.told == []
    await watch.see(2, 2, 0.7, 0.7)
    assert watch.heard.told == [("slow", "firing")]
    await watch.see(0.4, 0.4)
    assert watch.heard.told == [("slow", "firing"), ("slow", "resolved")]
    assert await watch.store.open_alerts() == []
    assert len({alert.announcement_id for alert in watch.heard.alerts}) == 2


async def test_every_series_is_an_alert_of_its_own_and_ready_made_rules_are_there(watch: Watch) -> None:
    for component, ready in (("index", 0.0), ("bus", 1.0), ("cache", 0.0)):
        watch.board.note([(("component_ready", (("component", component),)), ready)])
    await watch.see(*[0] * 8, name="other")
    assert {dict(alert.labels)["component"] for alert in watch.heard.alerts} == {"index", "cache"}
    assert {rule.name for rule in await watch.store.rules()} == {rule.name for rule in READY_MADE}


async def test_what_depends_on_a_component_is_quiet_while_that_is_down(watch: Watch) -> None:
    await watch.store.add_rule(AlertRule("s", "s", "search_seconds_p95", value=1, depends_on=("search.index",)))
    down = ("component_ready", (("component", "search.index"),))
    watch.board.note([(down, 0.0)])
    await watch.see(*[5] * 8)
    assert watch.heard.told == [("component down", "firing")]
    assert {alert.state for alert in await watch.store.open_alerts()} == {AlertState.FIRING, AlertState.SUPPRESSED}
    watch.board.note([(down, 1.0)])
    await watch.see(5, 5, 5)
    assert watch.heard.told[1:] == [("component down", "resolved"), ("s", "firing")]


async def test_a_restart_goes_on_where_it_was_and_tells_nothing_twice(watch: Watch) -> None:
    await watch.store.add_rule(SLOW)
    await watch.see(*[2] * 5)
    watch.evaluation = watch.anew()
    await watch.see(*[2] * 5)
    assert watch.heard.told == [("slow", "firing")]


async def test_what_could_not_be_told_is_told_later_under_the_same_number(watch: Watch) -> None:
    await watch.store.add_rule(SLOW)
    watch.heard.is_away = True
    await watch.see(*[2] * 6)
    watch.evaluation = watch.anew()
    await watch.see(2)
    watch.heard.is_away = False
    await watch.see(2, 0)
    assert [alert.announcements for alert in watch.heard.alerts] == [1, 2]


async def test_a_change_by_another_process_holds_at_the_next_look(watch: Watch) -> None:
    await watch.store.add_rule(SLOW)
    await watch.see(*[2] * 5)
    other = sqlite_alerts.SqliteAlerts(watch.database)
    await other.add_silence(Silence("1", AT, AT + timedelta(days=1), rule="high"))
    await other.add_rule(AlertRule("high", "high", "search_seconds_p95", value=1))
    await watch.see(2)
    assert [alert.silenced for alert in await watch.store.open_alerts() if alert.rule == "high"] == [True]
    await other.remove_silence("1")
    await other.remove_rule("slow")
    await watch.see(2)
    assert watch.heard.told == [("slow", "firing"), ("high", "firing"), ("slow", "resolved")] or watch.heard.told == [
        ("slow", "firing"),
        ("slow", "resolved"),
        ("high", "firing"),
    ]


async def test_rate_absence_and_anomaly_are_seen(watch: Watch) -> None:
    await watch.store.add_rule(AlertRule("rate", "rate", "dead_letters", kind=RuleKind.RATE, value=0.5))
    await watch.store.add_rule(AlertRule("gone", "gone", "model_loaded", kind=RuleKind.ABSENCE, window_seconds=30))
    await watch.store.add_rule(AlertRule("odd", "odd", "documents", kind=RuleKind.ANOMALY, value=4))
    hour = int(AT.timestamp())
    past = {day: 100.0 + day for day in range(1, 6)}
    await watch.series.add(
        Resolution.HOUR,
        {SeriesKey("documents"): [Point(hour - day * 86400, 60, value, value, value) for day, value in past.items()]},
    )
    await watch.see(100, 101, name="documents", step=10)
    assert watch.heard.told == []
    await watch.see(0, 10, 20, name="dead_letters", step=10)
    assert ("rate", "firing") in watch.heard.told and ("gone", "firing") in watch.heard.told
    assert ("odd", "firing") not in watch.heard.told
    await watch.see(300, name="documents")
    assert ("odd", "firing") in watch.heard.told


async def test_a_clock_that_jumps_back_neither_fires_nor_hides(watch: Watch) -> None:
    await watch.store.add_rule(SLOW)
    await watch.see(2, 2)
    watch.now = lambda: AT - timedelta(days=3) + timedelta(seconds=watch.seconds)  # type: ignore[method-assign]
    watch.evaluation._clock = watch.now
    await watch.see(2)
    assert watch.heard.told == []
    await watch.see(2, 2)
    assert watch.heard.told == [("slow", "firing")]


COUNTS = st.lists(st.integers(0, 50), min_size=3, max_size=8)


@given(COUNTS, st.floats(0, 1))
def test_a_quantile_lies_in_the_bucket_that_holds_it(counts: list[int], share: float) -> None:
    bounds = [float(2**number) for number in range(len(counts) - 1)] + [float("inf")]
    cumulative = {bound: float(sum(counts[: place + 1])) for place, bound in enumerate(bounds)}
    found = quantile(cumulative, share)
    total = sum(counts)
    if not total:
        assert found is None
        return
    assert found is not None
    below = max((cumulative[bound] for bound in bounds if bound < found), default=0.0)
    assert below <= share * total + 1e-6
    assert between(cumulative, cumulative) == dict.fromkeys(bounds, 0.0)
    assert between(cumulative, {bound: count + 1 for bound, count in cumulative.items()}) == cumulative


async def test_only_the_steps_of_a_task_are_metered_and_a_cancelled_one_hears_of_it() -> None:
    async def waits() -> str:
        await asyncio.sleep(0.2)
        return "done"

    metered = Metered(waits())
    assert await metered == "done"
    assert 0 < metered.seconds < 0.1
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await Metered(waits())


async def test_what_is_counted_becomes_series_and_is_rolled_up(watch: Watch) -> None:
    metrics = PrometheusMetrics()
    hung = asyncio.Event()

    async def look() -> None:
        metrics.gauge("documents", 7, state="searchable")

    times = CollectionTimes(tick=0.01, counted=0.02, keep=0.02, first=0, deadline=0.05)
    sources = [Source("good", 0.01, look), Source("hangs", 0.01, hung.wait)]
    async with Collection(watch.board, watch.series, metrics, metrics, sources, times=times, clock=watch.now):
        series = SeriesKey("documents", (("state", "searchable"),))
        start = int(AT.timestamp())

        async def is_there() -> bool:
            metrics.count("jobs_done_total", kind="parse", outcome="done", module="process")
            metrics.observe("job_seconds", 0.02, kind="parse", module="process")
            watch.seconds += 70
            assert set(await watch.series.names()) >= {
                "documents",
                "jobs_done_rate",
                "job_seconds_p95",
                "job_seconds_rate",
                "metric_collection_cpu_ratio",
            }
            assert metrics.totals().get(("metric_collection_failures_total", (("source", "hangs"),)), 0) > 0
            end = start + int(watch.seconds)
            found = await watch.series.points([series], Resolution.SECOND, start, end)
            assert {point.mean for point in found.get(series, ())} == {7}
            minutes = await watch.series.points([series], Resolution.MINUTE, start, end)
            assert series in minutes
            assert minutes[series][0].start % Resolution.MINUTE == 0 and minutes[series][0].mean == 7
            return True

        await eventually(is_there, every_seconds=0.02)


def test_what_stays_as_it_was_is_a_point_a_minute_and_one_more_before_it_changes(watch: Watch) -> None:
    for second in range(150):
        watch.seconds = second
        watch.board.note([(("documents", ()), 3.0 if second < 130 else 4.0)])
        assert max(age for _, _, age in watch.board.newest("documents")) <= 10
    seen = watch.board.changes(["documents", "other"])
    watch.board.note([(("documents", ()), 4.0)])
    assert watch.board.changes(["documents", "other"]) == seen
    start = int(AT.timestamp())
    points = watch.board.drain()[SeriesKey("documents")]
    assert [(point.start - start, point.mean) for point in points] == [(0, 3), (60, 3), (120, 3), (130, 4)]
    watch.seconds = 165
    watch.board.note([(("documents", ()), 4.0)])
    watch.seconds = 167
    watch.board.note([(("documents", ()), 5.0)])
    points = watch.board.drain()[SeriesKey("documents")]
    assert [(point.start - start, point.mean) for point in points] == [(165, 4), (167, 5)]


def test_what_was_counted_is_told_whether_or_not_anything_came_since() -> None:
    metrics = PrometheusMetrics()
    metrics.count("jobs_done_total", 2, kind="parse", group="process", outcome="done")
    metrics.count("uploaded_bytes", 5)
    metrics.observe("job_seconds", 0.02, kind="parse", group="process")
    labels = (("group", "process"), ("kind", "parse"))
    totals, buckets = metrics.totals(), metrics.buckets()
    assert totals["jobs_done_total", (*labels, ("outcome", "done"))] == 2 and totals["uploaded_bytes", ()] == 5
    assert metrics.totals() == totals and metrics.buckets()["job_seconds", labels] is buckets["job_seconds", labels]
    metrics.count("jobs_done_total", outcome="done", group="process", kind="parse")
    metrics.observe("job_seconds", 0.02, kind="parse", group="process")
    assert metrics.totals()["jobs_done_total", (*labels, ("outcome", "done"))] == 3
    assert max(metrics.buckets()["job_seconds", labels].values()) == 2
    metrics.set_gauges()
    metrics.gauge("documents", 7, state="failed")
    assert metrics.set_gauges() == [(("documents", (("state", "failed"),)), 7)] and metrics.set_gauges() == []


async def test_a_source_that_is_unsettled_is_asked_again_soon_and_then_as_seldom_as_before(watch: Watch) -> None:
    asked = dict.fromkeys(("unsettled", "settled", "rounds"), 0)

    def source(name: str, every_seconds: float, unsettled_looks: int = 0) -> Source:
        async def look() -> None:
            asked[name] += 1

        return Source(name, every_seconds, look, lambda: asked[name] < unsettled_looks)

    sources = [source("unsettled", 3600, 4), source("settled", 3600), source("rounds", 0)]
    metrics, times = PrometheusMetrics(), CollectionTimes(tick=0.01, first=0, soon=0.01)
    async with Collection(watch.board, watch.series, metrics, metrics, sources, times=times, clock=watch.now):
        await eventually(lambda: asked["unsettled"] == 4)
        rounds = asked["rounds"]
        await eventually(lambda: asked["rounds"] > rounds + 5)
    assert (asked["unsettled"], asked["settled"]) == (4, 1)


@pytest.fixture
async def monitor(tmp_path: Path) -> AsyncIterator[Monitor]:
    async with a_monitor(tmp_path) as monitor:
        yield monitor


Send = Callable[..., Any]


async def send(monitor: Monitor, method: str, path: str, status: int, **body: Any) -> Any:
    answer = await monitor.client.request(
        method, f"/api/v1/monitor{path}", json=body or None, headers={**ADMIN, "origin": "http://127.0.0.1"}
    )
    assert answer.status_code == status, answer.text
    return answer.json() if answer.content else None


async def test_rules_are_made_changed_and_removed_over_http(monitor: Monitor) -> None:
    ready_made: Mapping[str, Any] = await monitor.get("/api/v1/monitor/rules")
    assert ready_made["total"] == len(READY_MADE) and all(one["built_in"] for one in ready_made["items"])
    rule = await send(monitor, "POST", "/rules", 201, name="slow", metric="search_seconds_p95", value=2, for_seconds=30)
    assert rule["condition"] == "search_seconds_p95 > 2" and not rule["built_in"]
    assert await monitor.get(f"/api/v1/monitor/rules/{rule['id']}") == rule
    await send(monitor, "POST", "/rules", 409, name="slow", metric="search_seconds_p95")
    changed = await send(monitor, "PUT", f"/rules/{rule['id']}", 200, name="slow", metric="documents", operator="<=")
    assert changed["operator"] == Operator.AT_MOST.value and changed["value"] == 0
    await send(monitor, "DELETE", f"/rules/{rule['id']}", 204)
    await send(monitor, "DELETE", f"/rules/{rule['id']}", 404)
    await send(monitor, "DELETE", "/rules/component-down", 409)
    for wrong in (
        {"metric": "nothing_there"},
        {"metric": "documents", "value": "many"},
        {"metric": "documents", "depends_on": ["bad"]},
        {"metric": "documents", "depends_on": ["nobody"]},
        {"metric": "documents", "clear_value": 5},
    ):
        problem = await send(monitor, "POST", "/rules", 422, name="bad", **wrong)
        assert problem["errors"]


async def test_silences_and_the_history_over_http(monitor: Monitor) -> None:
    ends = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    silence = await send(monitor, "POST", "/silences", 201, ends_at=ends, rule="dead letters", comment="정비")
    assert (await monitor.get("/api/v1/monitor/silences"))["items"] == [silence]
    await send(monitor, "DELETE", f"/silences/{silence['id']}", 204)
    await send(monitor, "POST", "/silences", 422, ends_at="2020-01-01T00:00:00Z")
    await send(monitor, "POST", "/silences", 422, ends_at="9999-12-31T23:59:59-09:00")
    window = {"starts_at": "2026-03-01T22:00:00+09:00", "ends_at": "2026-03-02T00:00:00+09:00", "every_seconds": 604800}
    made = await send(monitor, "POST", "/silences", 201, **window)
    assert (made["starts_at"], made["ends_at"]) == ("2026-03-01T13:00:00Z", "2026-03-01T15:00:00Z")
    monitor.container.board().note([(("documents", (("state", "failed"),)), 3.0)])
    history = await monitor.get("/api/v1/monitor/metrics/documents", label="state=failed")
    assert [series["labels"] for series in history["series"]] == [{"state": "failed"}]
    assert history["series"][0]["points"][-1][1:] == [3.0, 3.0, 3.0] and history["step_seconds"] == 12
    assert (await monitor.get("/api/v1/monitor/metrics/documents", label="state=none"))["series"] == []
    week: dict[str, Any] = {"from": (datetime.now(UTC) - timedelta(days=5)).isoformat()}
    history = await monitor.get("/api/v1/monitor/metrics/documents", **week)
    assert history["resolution_seconds"] == 60 and history["series"][0]["points"][-1][1:] == [3.0, 3.0, 3.0]
    await monitor.get("/api/v1/monitor/metrics/nothing_there", status=404)
    await monitor.get("/api/v1/monitor/metrics/documents", label="state", status=422)
    assert "documents" in {one["name"] for one in (await monitor.get("/api/v1/monitor/metrics"))["items"]}
    assert (await monitor.get("/api/v1/monitor/alerts", state="firing")) == {"items": [], "next_cursor": None}
    await send(monitor, "POST", "/alerts/none/acknowledge", 404)
