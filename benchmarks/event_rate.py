"""S11: durable publishing on the embedded bus in batches of 100, against a bare SQLite loop."""

import asyncio
import sqlite3
import tempfile
import time
from pathlib import Path
from typing import Final

from benchmarks.figures import Figure
from shared.events.envelope import wrap
from shared.events.search import SearchPerformed
from shared.infrastructure.sqlite.event_log import SqliteEventLog

_EVENTS: Final = 50_000
_BATCH: Final = 100
_WANTED: Final = 20_000


def _bare(path: Path, rows: list[bytes]) -> float:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE log (value BLOB)")
    started = time.perf_counter()
    for first in range(0, len(rows), _BATCH):
        connection.execute("BEGIN")
        connection.executemany("INSERT INTO log VALUES (?)", [(row,) for row in rows[first : first + _BATCH]])
        connection.execute("COMMIT")
    return len(rows) / (time.perf_counter() - started)


async def _published(path: Path) -> tuple[float, list[bytes]]:
    event = SearchPerformed(search_id="s", mode="hybrid", characters=12, hits=10, seconds=0.01)
    envelopes = [wrap(event, producer="bench") for _ in range(_EVENTS)]
    async with SqliteEventLog(path) as log:
        started = time.perf_counter()
        for first in range(0, _EVENTS, _BATCH):
            await log.publish(*envelopes[first : first + _BATCH])
        rate = _EVENTS / (time.perf_counter() - started)
    return rate, [envelope.to_json() for envelope in envelopes]


def measure() -> list[Figure]:
    """Events a second."""
    with tempfile.TemporaryDirectory(prefix="seoga-bench-") as folder:
        rate, rows = asyncio.run(_published(Path(folder) / "events.sqlite"))
        bare = _bare(Path(folder) / "bare.sqlite", rows)
    what = "durable publish, batches of 100"
    return [Figure("S11", what, rate, "events/s", bare, f"≥ {_WANTED:,} events/s", rate >= _WANTED)]
