"""Many alerts at once, from the look that finds them to the receiver that has them."""

import asyncio
import gc
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from notification_builders import SOON, a_desk, an_http_receiver

from builders import eventually
from monitor.application.announcing import OutboxSink
from monitor.application.board import Board
from monitor.application.evaluation import Evaluation
from monitor.domain.alert import AlertState
from monitor.domain.rule import AlertRule
from monitor.infrastructure import sqlite_alerts, sqlite_metrics
from shared.infrastructure.prometheus_metrics import PrometheusMetrics
from shared.infrastructure.sqlite.duties import SqliteDuties

PER_MINUTE, BURST = 120, 2
LONGEST_TURN_SECONDS = 0.25
"""Of processor time on the event loop; what an answer of the API would have to wait besides."""


@dataclass
class Turns:
    """The longest that anybody else had the event loop, in seconds of its own processor time."""

    longest: float = 0.0
    count: int = 0


@asynccontextmanager
async def watching_turns() -> AsyncIterator[Turns]:
    turns = Turns()

    async def watch() -> None:
        while True:
            began = time.thread_time()
            await asyncio.sleep(0)
            turns.longest, turns.count = max(turns.longest, time.thread_time() - began), turns.count + 1
            await asyncio.sleep(0.002)

    # As the server does when it has started: what was there before is not searched for garbage in somebody's turn.
    gc.freeze()
    task = asyncio.create_task(watch())
    try:
        yield turns
    finally:
        task.cancel()
        gc.unfreeze()


@pytest.mark.parametrize(
    ("rules", "series"), [pytest.param(4, 150, id="600"), pytest.param(10, 1_000, id="10000", marks=pytest.mark.slow)]
)
async def test_none_of_many_alerts_is_lost_none_floods_and_nobody_waits_for_them(
    tmp_path: Path, rules: int, series: int
) -> None:
    times = replace(SOON, burst=BURST, timeout_seconds=10)
    async with an_http_receiver() as receiver, a_desk(tmp_path, times) as desk, desk.notifier:
        began = time.monotonic()
        await desk.hook("ops", receiver, per_minute=PER_MINUTE)
        alerts, board = sqlite_alerts.SqliteAlerts(desk.database), Board()
        for number in range(rules):
            await alerts.add_rule(AlertRule(f"r{number}", f"rule {number}", f"m{number % 4}", value=number))
        board.note([((f"m{name}", (("series", str(one)),)), 100.0) for name in range(4) for one in range(series)])
        evaluation = Evaluation(
            board,
            alerts,
            sqlite_metrics.SqliteMetrics(desk.database),
            OutboxSink(desk.notifier, link="http://127.0.0.1:8000/monitor"),
            PrometheusMetrics(),
            SqliteDuties(desk.database),
        )
        async with watching_turns() as turns:
            for _ in range(3):
                await evaluation.tick()
            ids = {alert.id for alert in await alerts.open_alerts() if alert.state is AlertState.FIRING}
            assert len(ids) == rules * series
            await eventually(lambda: len(receiver.alerts) >= len(ids), timeout_seconds=120)
        passed = time.monotonic() - began
        assert all(alert.is_announced for alert in await alerts.open_alerts())
    assert sorted(receiver.alerts) == sorted(ids)
    assert len(receiver.requests) <= BURST + passed * PER_MINUTE / 60 + 1
    assert turns.count > 10 and turns.longest < LONGEST_TURN_SECONDS, turns
