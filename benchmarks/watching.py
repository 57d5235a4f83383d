"""What watching costs: 500 rules, points a minute, bytes a year, collecting, and ten thousand alerts at once."""

import asyncio
import math
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from benchmarks.figures import Figure
from monitor.application.alert_ports import AlertSink
from monitor.application.announcing import OutboxSink
from monitor.application.board import Board
from monitor.application.collection import Collection
from monitor.application.evaluation import Evaluation
from monitor.application.notification import Notifier
from monitor.domain.alert import Alert
from monitor.domain.channel import ChannelKind, channel_of
from monitor.domain.metric import Point, Resolution, SeriesKey
from monitor.domain.rule import AlertRule
from monitor.infrastructure import sqlite_alerts, sqlite_channels, sqlite_deliveries, sqlite_metrics
from shared.infrastructure.prometheus_metrics import PrometheusMetrics
from shared.infrastructure.sqlite.database import SqliteDatabase
from shared.infrastructure.sqlite.duties import SqliteDuties

_RULES: Final = 500
_SERIES: Final = 400
"""A server with all its modules makes 370."""
_SERIES_MADE: Final = 30
"""The rest is the same again."""
_BUSY_SERIES: Final = 1_667
_LOOKS: Final = 20
_COLLECTED_SECONDS: Final = 15
_ALERTS: Final = 10_000
_ALERTS_A_RULE: Final = 1_000


class _Nobody(AlertSink):
    async def announce(self, alerts: Sequence[Alert]) -> None:
        """Nothing."""


async def _measured(folder: Path) -> tuple[float, float, float, float, float]:
    schema = sqlite_metrics.SCHEMA + sqlite_alerts.SCHEMA + SqliteDuties.SCHEMA
    schema += sqlite_channels.SCHEMA + sqlite_deliveries.SCHEMA
    path = folder / "monitor.sqlite"
    async with SqliteDatabase(path, schema) as database:
        series, alerts = sqlite_metrics.SqliteMetrics(database), sqlite_alerts.SqliteAlerts(database)
        looks = await _looks(database, series, alerts)
        rate = await _points_a_minute(series)
        share = await _collecting(series)
    async with SqliteDatabase(folder / "alerts.sqlite", schema) as database:
        storm = await _many_alerts(database)
    async with SqliteDatabase(folder / "year.sqlite", schema) as database:
        await _a_year(sqlite_metrics.SqliteMetrics(database))
    return looks, rate, (folder / "year.sqlite").stat().st_size * _SERIES / _SERIES_MADE, share, storm


async def _looks(
    database: SqliteDatabase, series: sqlite_metrics.SqliteMetrics, alerts: sqlite_alerts.SqliteAlerts
) -> float:
    board = Board()
    for number in range(_RULES):
        name = f"metric_{number}"
        await alerts.add_rule(AlertRule(str(number), f"rule {number}", name, value=1e9 if number % 10 else 0))
        board.note([((name, (("kind", kind),)), 5.0) for kind in "ab"])
    evaluation = Evaluation(board, alerts, series, _Nobody(), PrometheusMetrics(), SqliteDuties(database))
    await evaluation.tick()
    began = time.process_time()
    for _ in range(_LOOKS):
        await evaluation.tick()
    return (time.process_time() - began) / _LOOKS * 1000


async def _many_alerts(database: SqliteDatabase) -> float:
    """From the look that finds them until each is in the outbox of one channel."""
    channels, alerts = sqlite_channels.SqliteChannels(database), sqlite_alerts.SqliteAlerts(database)
    await channels.create(channel_of("ops", ChannelKind.WEBHOOK, {"url": "http://127.0.0.1:1/", "secret": "s" * 20}))
    outbox, duties, metrics = sqlite_deliveries.SqliteDeliveries(database), SqliteDuties(database), PrometheusMetrics()
    board = Board()
    board.note([(("storm", (("number", str(one)),)), 5.0) for one in range(_ALERTS_A_RULE)])
    for number in range(_ALERTS // _ALERTS_A_RULE):
        await alerts.add_rule(AlertRule(str(number), f"rule {number}", "storm", value=1))
    sink = OutboxSink(Notifier(channels, outbox, duties, {}, metrics), link="http://127.0.0.1/monitor")
    evaluation = Evaluation(board, alerts, sqlite_metrics.SqliteMetrics(database), sink, metrics, duties)
    began = time.process_time()
    await evaluation.tick()
    spent = time.process_time() - began
    if (await outbox.waiting()).get("ops") != _ALERTS:
        raise RuntimeError("Some of the alerts are not in the outbox.")
    return spent


async def _points_a_minute(series: sqlite_metrics.SqliteMetrics) -> float:
    began = time.process_time()
    for start in range(0, 60, 30):
        points = {
            SeriesKey("busy", (("number", str(number)),)): [
                Point(second, 1, *(3 * (math.sin(second * number),))) for second in range(start, start + 30)
            ]
            for number in range(_BUSY_SERIES)
        }
        await series.add(Resolution.SECOND, points)
    return _BUSY_SERIES * 60 / (time.process_time() - began) * 60


async def _a_year(series: sqlite_metrics.SqliteMetrics) -> None:
    for resolution in Resolution:
        length = resolution.kept_seconds // resolution
        for number in range(_SERIES_MADE):
            # Every third one moves all the time, another stands still, one moves now and then.
            values = [(5.0, math.sin(place * 0.37) * 1e6, float(place // 50))[number % 3] for place in range(length)]
            points = [
                Point(place * resolution, min(60, int(resolution)), value, value - number % 3, value + number % 3)
                for place, value in enumerate(values)
            ]
            await series.add(resolution, {SeriesKey("kept", (("number", str(number)),)): points})


async def _collecting(series: sqlite_metrics.SqliteMetrics) -> float:
    metrics, board = PrometheusMetrics(), Board()
    for number in range(30):
        metrics.gauge("documents", number, state=str(number))
        metrics.count("jobs_done_total", kind=str(number), outcome="done", module="process")
        metrics.observe("job_seconds", 0.1, kind=str(number), module="process")
    async with Collection(board, series, metrics, metrics):
        began = time.process_time()
        for number in range(_COLLECTED_SECONDS):
            metrics.gauge("documents", number, state="1")
            await asyncio.sleep(1)
        return (time.process_time() - began) / _COLLECTED_SECONDS


def measure() -> list[Figure]:
    """Processor time, points, bytes, and the share of a core."""
    with tempfile.TemporaryDirectory(prefix="seoga-bench-") as folder:
        looks, rate, size, share, storm = asyncio.run(_measured(Path(folder)))
    return [
        Figure("M1", f"one look at {_RULES} rules", looks, "ms", None, "≤ 100 ms", looks <= 100),
        Figure("M2", "points stored, one core", rate, "points/min", None, "≥ 100,000 points/min", rate >= 100_000),
        Figure("M3", f"a year of {_SERIES} series", size / 1e6, "MB", None, "≤ 200 MB", size <= 200e6),
        Figure("M4", "collecting, share of a core", share * 100, "%", None, "≤ 1 %", share <= 0.01),
        Figure("M5", f"{_ALERTS:,} alerts at once, found and in the outbox", storm, "s", None, "≤ 10 s", storm <= 10),
    ]
