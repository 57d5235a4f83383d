"""What every MetricRepository and AlertRepository promises; one suite for each adapter."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from monitor.application.alert_ports import AlertRepository, MetricRepository
from monitor.domain.alert import Alert, AlertState, begun
from monitor.domain.metric import Point, Resolution, SeriesKey
from monitor.domain.rule import AlertRule, Reading, RuleKind
from monitor.domain.silence import Silence
from monitor.infrastructure import sqlite_alerts, sqlite_metrics
from shared.infrastructure.sqlite.database import SqliteDatabase

AT = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
DISK = SeriesKey("disk_free_bytes")
QUEUE = SeriesKey("jobs_waiting", (("kind", "parse"), ("module", "process")))
OTHER = SeriesKey("jobs_waiting", (("kind", "색인"), ("module", "search")))
RULE = AlertRule("r1", "queue", "jobs_waiting", kind=RuleKind.RATE, labels=QUEUE.labels, advice={"ko": "보십시오"})


@dataclass
class Stores:
    """One store as two processes have it."""

    metrics: MetricRepository
    alerts: AlertRepository
    other_metrics: MetricRepository
    other_alerts: AlertRepository


@asynccontextmanager
async def on_sqlite(folder: Path) -> AsyncIterator[Stores]:
    async with SqliteDatabase(folder / "monitor.sqlite", sqlite_metrics.SCHEMA + sqlite_alerts.SCHEMA) as one:
        yield Stores(
            sqlite_metrics.SqliteMetrics(one),
            sqlite_alerts.SqliteAlerts(one),
            sqlite_metrics.SqliteMetrics(one),
            sqlite_alerts.SqliteAlerts(one),
        )


@asynccontextmanager
async def on_mongo(folder: Path) -> AsyncIterator[Stores]:
    # Imported here: without a server nobody needs the driver.
    from mongo_builders import a_mongo, settings_for_mongo

    from monitor.infrastructure.mongo_alerts import MongoAlerts
    from monitor.infrastructure.mongo_metrics import MongoMetrics

    async with a_mongo(settings_for_mongo(folder)) as door:
        one, other = door(), door()
        stores = Stores(MongoMetrics(one), MongoAlerts(one), MongoMetrics(other), MongoAlerts(other))
        async with one, other:
            yield stores


@pytest.fixture(
    params=[pytest.param(on_sqlite, id="sqlite"), pytest.param(on_mongo, id="mongodb", marks=pytest.mark.servers)]
)
async def stores(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Stores]:
    opened: Callable[[Path], AbstractAsyncContextManager[Stores]] = request.param
    async with opened(tmp_path) as stores:
        yield stores


def points(*values: float, start: int = 0, step: int = 1) -> list[Point]:
    return [Point(start + number * step, 1, value, value, value) for number, value in enumerate(values)]


def an_alert(number: int = 0, **changes: object) -> Alert:
    alert = begun(RULE, QUEUE.labels, Reading(1.5, True, False), AT + timedelta(seconds=number))
    return replace(alert, **changes)  # type: ignore[arg-type]


async def test_points_come_back_as_they_were_across_blocks_and_writes(stores: Stores) -> None:
    some = points(*(number * 1.1 for number in range(150)), start=30)
    await stores.metrics.add(Resolution.SECOND, {DISK: some[:70], QUEUE: points(7, start=100)})
    await stores.other_metrics.add(Resolution.SECOND, {DISK: some[70:]})
    found = await stores.other_metrics.points([DISK, QUEUE, OTHER], Resolution.SECOND, 0, 1_000)
    assert found == {DISK: some, QUEUE: points(7, start=100)}
    assert await stores.metrics.points([DISK], Resolution.SECOND, 40, 50) == {DISK: some[10:20]}
    assert await stores.metrics.points([DISK], Resolution.SECOND, 500, 900) == {}
    assert await stores.metrics.points([DISK], Resolution.MINUTE, 0, 1_000) == {}


async def test_a_point_replaces_the_one_before_it_and_two_that_write_keep_both(stores: Stores) -> None:
    await stores.metrics.add(Resolution.HOUR, {DISK: [Point(3600, 2, 1, 0, 2)]})
    await asyncio.gather(
        stores.metrics.add(Resolution.HOUR, {DISK: [Point(3600, 3, 2, -1, 4)]}),
        stores.other_metrics.add(Resolution.HOUR, {DISK: [Point(7200, 1, 5, 5, 5)]}),
    )
    found = await stores.metrics.points([DISK], Resolution.HOUR, 0, 86400)
    assert found == {DISK: [Point(3600, 3, 2, -1, 4), Point(7200, 1, 5, 5, 5)]}


async def test_series_are_listed_by_name_and_labels(stores: Stores) -> None:
    await stores.metrics.add(Resolution.MINUTE, {one: points(1) for one in (QUEUE, OTHER, DISK)})
    assert await stores.other_metrics.names() == ["disk_free_bytes", "jobs_waiting"]
    assert await stores.metrics.series("jobs_waiting") == sorted([QUEUE, OTHER])
    assert await stores.metrics.series("jobs_waiting", (("kind", "색인"),)) == [OTHER]
    assert await stores.metrics.series("jobs_waiting", (("kind", "none"),)) == []
    assert await stores.metrics.series("nothing") == []


async def test_what_is_old_goes_a_few_blocks_at_a_time(stores: Stores) -> None:
    await stores.metrics.add(Resolution.SECOND, {DISK: points(*range(200)), QUEUE: points(*range(200))})
    await stores.metrics.add(Resolution.MINUTE, {DISK: points(1)})
    assert await stores.metrics.forget(Resolution.SECOND, 119, 10) == 2
    assert await stores.metrics.forget(Resolution.SECOND, 180, 3) == 3
    assert await stores.metrics.forget(Resolution.SECOND, 180, 3) == 1
    assert await stores.metrics.forget(Resolution.SECOND, 180, 3) == 0
    found = await stores.metrics.points([DISK], Resolution.SECOND, 0, 1_000)
    assert [point.start for point in found[DISK]] == list(range(180, 200))
    assert await stores.metrics.points([DISK], Resolution.MINUTE, 0, 1_000) == {DISK: points(1)}


async def test_rules_are_kept_changed_by_one_and_removed(stores: Stores) -> None:
    before = await stores.alerts.revision()
    assert await stores.alerts.add_rule(RULE)
    assert await stores.other_alerts.revision() > before
    assert not await stores.other_alerts.add_rule(replace(RULE, id="r2"))
    assert not await stores.other_alerts.add_rule(replace(RULE, name="other"))
    assert await stores.other_alerts.rules() == [RULE]
    second = replace(RULE, id="r2", name="another")
    assert await stores.alerts.add_rule(second)
    newer = replace(RULE, value=9.0, enabled=False, revision=2)
    assert sorted(await asyncio.gather(stores.alerts.replace_rule(newer), stores.other_alerts.replace_rule(newer))) == [
        False,
        True,
    ]
    assert not await stores.alerts.replace_rule(replace(second, name="queue", revision=2))
    assert not await stores.alerts.replace_rule(replace(RULE, id="none", revision=2))
    assert await stores.alerts.rules() == [second, newer]
    seen = await stores.alerts.revision()
    assert await stores.alerts.remove_rule("r2") and not await stores.alerts.remove_rule("r2")
    assert await stores.other_alerts.rules() == [newer]
    assert await stores.other_alerts.revision() > seen


async def test_silences_are_kept_and_removed(stores: Stores) -> None:
    late, early = (
        Silence(name, AT + timedelta(hours=hours), AT + timedelta(hours=9), "queue", QUEUE.labels, comment="정비")
        for name, hours in (("a", 2), ("b", 1))
    )
    before = await stores.alerts.revision()
    await stores.alerts.add_silence(late)
    await stores.alerts.add_silence(early)
    assert await stores.other_alerts.silences() == [early, late]
    assert await stores.other_alerts.revision() > before
    assert await stores.alerts.remove_silence("a") and not await stores.alerts.remove_silence("a")
    assert await stores.alerts.silences() == [early]


async def test_an_alert_is_kept_when_it_is_the_next_version(stores: Stores) -> None:
    one, two = an_alert(), an_alert(1)
    assert list(await stores.alerts.save([one, two])) == [True, True]
    newer = replace(one, version=2, state=AlertState.FIRING, announcements=1, announced_at=AT, is_announced=False)
    assert list(await stores.alerts.save([one, newer, replace(two, version=3)])) == [False, True, False]
    assert sorted([bool(one) for one in await asyncio.gather(
        stores.alerts.change(replace(newer, version=3)), stores.other_alerts.change(replace(newer, version=3))
    )]) == [False, True]  # fmt: skip
    assert await stores.other_alerts.alert(one.id) == replace(newer, version=3)
    assert await stores.alerts.alert("none") is None
    assert list(await stores.alerts.save([])) == []


async def test_the_revision_tells_of_changes_by_people_only(stores: Stores) -> None:
    alert = an_alert()
    before = await stores.alerts.revision()
    await stores.alerts.save([alert])
    assert await stores.alerts.revision() == before
    assert await stores.alerts.change(replace(alert, version=2, state=AlertState.ACKNOWLEDGED))
    assert await stores.other_alerts.revision() > before


async def test_open_are_those_that_go_on_or_must_still_be_told(stores: Stores) -> None:
    over = an_alert(0, state=AlertState.RESOLVED)
    untold = an_alert(1, state=AlertState.RESOLVED, is_announced=False)
    states = [state for state in AlertState if state.is_open]
    going = [an_alert(9 - number, state=state) for number, state in enumerate(states)]
    await stores.alerts.save([over, untold, *going])
    assert await stores.other_alerts.open_alerts() == [untold, *reversed(going)]


async def test_alerts_are_listed_newest_first_page_by_page(stores: Stores) -> None:
    # Some begin at the same instant.
    alerts = [
        an_alert(number // 2, state=AlertState.FIRING if number % 3 else AlertState.RESOLVED) for number in range(9)
    ]
    await stores.alerts.save(alerts)
    wanted = sorted(alerts, key=lambda one: (one.since, one.id), reverse=True)
    for state in (None, AlertState.FIRING, AlertState.PENDING):
        place, found = None, list[Alert]()
        while True:
            page, place = await stores.alerts.alerts(state, place, 2)
            found += page
            if place is None:
                break
        assert found == [one for one in wanted if state in (None, one.state)]


async def test_what_changed_lately_is_found_whoever_changed_it(stores: Stores) -> None:
    alerts = [replace(an_alert(), changed_at=AT + timedelta(seconds=number)) for number in range(5)]
    await stores.alerts.save(alerts)
    assert await stores.other_alerts.changed_since(AT + timedelta(seconds=2), 10) == alerts[:1:-1]
    assert await stores.other_alerts.changed_since(AT, 2) == alerts[:2:-1]
    late = replace(alerts[0], version=2, state=AlertState.ACKNOWLEDGED, changed_at=AT + timedelta(seconds=9))
    assert await stores.other_alerts.change(late)
    assert await stores.alerts.changed_since(AT + timedelta(seconds=5), 10) == [late]


async def test_alerts_that_were_over_long_ago_go(stores: Stores) -> None:
    old = [an_alert(number, state=AlertState.RESOLVED) for number in range(3)]
    old = [replace(one, changed_at=one.since) for one in old]
    kept = [an_alert(state=AlertState.FIRING), an_alert(state=AlertState.RESOLVED, is_announced=False)]
    await stores.alerts.save([*old, *kept])
    before = AT + timedelta(seconds=2)
    assert await stores.alerts.forget(before, 1) == 1
    assert await stores.alerts.forget(before, 10) == 1
    assert await stores.alerts.forget(before, 10) == 0
    assert {one.id for one in (await stores.alerts.alerts(None, None, 10))[0]} == {old[2].id, *(one.id for one in kept)}
