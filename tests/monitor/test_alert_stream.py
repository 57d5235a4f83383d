"""Alerts as they are told live, whichever process raised or acknowledged them."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from monitor_builders import Monitor, a_monitor, following

from builders import eventually
from monitor.application.alert_feed import AlertFeed
from monitor.domain.alert import Alert, AlertState, acknowledged, begun
from monitor.domain.rule import AlertRule, Reading
from monitor.infrastructure.sqlite_alerts import SCHEMA, SqliteAlerts
from shared.infrastructure.sqlite.database import SqliteDatabase
from shared.kernel import utc_now

STREAM = "/api/v1/monitor/stream"
ADMIN = {"authorization": "Bearer everything-key-0001", "origin": "http://127.0.0.1"}
RULE = AlertRule("other", "seen elsewhere", "documents_stuck", value=1)


@pytest.fixture
async def monitor(tmp_path: Path) -> AsyncIterator[Monitor]:
    async with a_monitor(tmp_path) as monitor:
        yield monitor


@pytest.fixture
async def elsewhere(monitor: Monitor, tmp_path: Path) -> AsyncIterator[SqliteAlerts]:
    """The same store as another process has it."""
    async with SqliteDatabase(tmp_path / "data" / "monitor.sqlite", SCHEMA) as database:
        alerts = SqliteAlerts(database)
        await alerts.add_rule(RULE)
        yield alerts


def an_alert(number: int = 0, seconds: float = 0) -> Alert:
    """Fires; of a process whose clock is so many seconds ahead."""
    now = utc_now() + timedelta(seconds=seconds)
    alert = begun(RULE, (("instance", f"other:{number}"),), Reading(2.0, True, False), now)
    return replace(alert, state=AlertState.FIRING)


def told(events: list[tuple[str, Any]]) -> list[tuple[str, str]]:
    return [(data["id"], data["state"]) for event, data in events if event == "alert"]


async def test_what_another_process_raised_and_acknowledged_is_told_once_each(
    monitor: Monitor, elsewhere: SqliteAlerts
) -> None:
    before, late, early = an_alert(0), an_alert(1, seconds=-20), an_alert(2, seconds=20)
    await elsewhere.save([before])
    async with following(monitor.app, STREAM) as events:
        await eventually(lambda: events)
        await elsewhere.save([late, early])
        await eventually(lambda: sorted(told(events)) == sorted([(late.id, "firing"), (early.id, "firing")]))
        known = replace(acknowledged(late, "kim", utc_now()), version=2)
        assert await elsewhere.change(known)
        await eventually(lambda: told(events)[2:] == [(late.id, "acknowledged")])
        # That it was told to people changes nothing for who follows.
        assert await elsewhere.save([replace(known, version=3, is_announced=False)]) == [True]
        summaries = len(events)
        await eventually(lambda: len(events) > summaries)
    assert len(told(events)) == 3
    assert before.id not in {name for name, _ in told(events)}


async def test_what_is_acknowledged_here_is_told_at_once_to_all_who_follow(
    monitor: Monitor, elsewhere: SqliteAlerts
) -> None:
    alert = an_alert()
    await elsewhere.save([alert])
    async with following(monitor.app, STREAM) as one, following(monitor.app, STREAM, "reader-key-00000001") as other:
        await eventually(lambda: one and other)
        path = f"/api/v1/monitor/alerts/{alert.id}/acknowledge"
        assert (await monitor.client.post(path, headers=ADMIN)).status_code == 200
        await eventually(lambda: told(one) == told(other) == [(alert.id, "acknowledged")])


async def test_too_many_at_once_are_said_to_be_missing(tmp_path: Path) -> None:
    async with SqliteDatabase(tmp_path / "monitor.sqlite", SCHEMA) as database:
        store = SqliteAlerts(database)
        alerts = [an_alert(number, seconds=number / 1000) for number in range(300)]
        async with AlertFeed(store, every_seconds=0.01) as feed, feed.listening() as queue:
            await store.save(alerts)
            await eventually(lambda: not queue.empty())
            heard = [queue.get_nowait() for _ in range(queue.qsize())]
    assert heard[0] is None
    assert heard[1:] == alerts[-len(heard) + 1 :]


async def test_nobody_asks_the_store_while_nobody_follows(tmp_path: Path) -> None:
    class Counting(SqliteAlerts):
        looks = 0

        async def changed_since(self, *given: Any) -> Any:
            self.looks += 1
            return await super().changed_since(*given)

    async with SqliteDatabase(tmp_path / "monitor.sqlite", SCHEMA) as database:
        store = Counting(database)
        async with AlertFeed(store, every_seconds=0.001) as feed:
            async with feed.listening():
                await eventually(lambda: store.looks > 3)
            await eventually(lambda: _stands_still(store))


async def _stands_still(store: Any) -> bool:
    before = store.looks
    await store.revision()
    await store.revision()
    return bool(store.looks == before)
