"""What other processes measured last is known at once where a cache is shared, and never taken for newer than it is."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from redis_builders import a_cache, a_redis
from typing_extensions import override

from monitor.application.board import Board
from monitor.application.collection import Collection
from monitor.application.newest import Newest
from monitor.application.series import MetricHistory
from monitor.infrastructure import sqlite_metrics
from shared.infrastructure.memory_cache import MemoryCache
from shared.infrastructure.prometheus_metrics import PrometheusMetrics
from shared.infrastructure.sqlite.database import SqliteDatabase
from shared.ports.storage import Cache

NAME = "machine_cpu_ratio"


class _Between(MemoryCache):
    """As one that several processes reach."""

    @property
    @override
    def is_shared(self) -> bool:
        return True


@asynccontextmanager
async def in_memory(_: Path) -> AsyncIterator[tuple[Cache, Cache]]:
    cache = _Between(1 << 20)
    yield cache, cache


@asynccontextmanager
async def on_redis(folder: Path) -> AsyncIterator[tuple[Cache, Cache]]:
    async with a_redis(folder) as url, a_cache(url) as one, a_cache(url) as other:
        yield one, other


@pytest.fixture(params=[in_memory, on_redis])
async def caches(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[tuple[Cache, Cache]]:
    """One, as two processes have it."""
    opened: Callable[[Path], AbstractAsyncContextManager[tuple[Cache, Cache]]] = request.param
    async with opened(tmp_path) as both:
        yield both


@dataclass
class Process:
    """One of those that watch: its board, what it tells others, and what it answers."""

    store: sqlite_metrics.SqliteMetrics
    cache: Cache
    instance: str
    now: datetime = field(default_factory=lambda: datetime.now(UTC).replace(microsecond=0))

    def __post_init__(self) -> None:
        metrics = PrometheusMetrics()
        labels = (("instance", self.instance),) if self.instance else ()
        self.board = Board(labels, clock=lambda: self.now)
        self.newest = Newest(self.board, self.cache)
        self.collection = Collection(self.board, self.store, metrics, metrics, clock=lambda: self.now)
        self.history = MetricHistory(self.board, self.store, self.collection, {}, self.newest, clock=lambda: self.now)

    def measure(self, value: float) -> None:
        self.board.note([((NAME, ()), value)])

    async def last_of(self, instance: str) -> tuple[int, float]:
        """The newest point of that process's series, as this one tells it."""
        told = await self.history.history(NAME, (), None, self.now + timedelta(seconds=1), 1)
        (points,) = [some for key, some in told.series.items() if dict(key.labels).get("instance", "") == instance]
        return points[-1].start, points[-1].mean


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[sqlite_metrics.SqliteMetrics]:
    async with SqliteDatabase(tmp_path / "monitor.sqlite", sqlite_metrics.SCHEMA) as database:
        yield sqlite_metrics.SqliteMetrics(database)


@pytest.fixture
def both(store: sqlite_metrics.SqliteMetrics, caches: tuple[Cache, Cache]) -> tuple[Process, Process]:
    one, other = Process(store, caches[0], "a:1"), Process(store, caches[1], "b:1")
    other.now = one.now
    return one, other


def later(seconds: float, *processes: Process) -> int:
    for process in processes:
        process.now += timedelta(seconds=seconds)
    return int(processes[0].now.timestamp())


async def test_another_process_tells_the_newest_value_before_the_store_has_it(both: tuple[Process, Process]) -> None:
    one, other = both
    one.measure(0.25)
    await one.collection.keep()
    second = later(5, one, other)
    one.measure(0.75)
    assert await other.last_of("a:1") == (second - 5, 0.25)
    await one.newest.tell()
    assert await other.last_of("a:1") == (second, 0.75)


async def test_what_the_store_has_since_is_not_overtaken_by_what_was_told_before(both: tuple[Process, Process]) -> None:
    one, other = both
    one.measure(0.25)
    await one.newest.tell()
    second = later(3, one, other)
    one.measure(0.5)
    await one.collection.keep()
    assert await other.last_of("a:1") == (second, 0.5)


async def test_each_word_takes_the_place_of_the_one_before(both: tuple[Process, Process]) -> None:
    one, other = both
    one.measure(0.1)
    await one.collection.keep()
    for value in (0.2, 0.3, 0.4):
        second = later(2, one, other)
        one.measure(value)
        await one.newest.tell()
        assert await other.last_of("a:1") == (second, value)
    assert await one.last_of("a:1") == (second, 0.4)


@pytest.mark.parametrize("damage", [b"", b"no JSON", b"{}", b"[[1]]", b'[["a", [], "x", "y"]]', b"\xff\xfe"])
async def test_a_cache_that_holds_something_else_is_none(both: tuple[Process, Process], damage: bytes) -> None:
    one, other = both
    one.measure(0.25)
    await one.collection.keep()
    await one.cache.put("monitor.newest:a:1", damage, ttl_seconds=60)
    assert await other.last_of("a:1") == (int(one.now.timestamp()), 0.25)


async def test_one_process_alone_tells_nobody(store: sqlite_metrics.SqliteMetrics) -> None:
    alone, without = Process(store, _Between(1 << 20), ""), Process(store, MemoryCache(1 << 20), "a:1")
    assert not alone.newest.is_shared
    assert not without.newest.is_shared
    alone.measure(0.25)
    await alone.newest.tell()
    assert await alone.last_of("") == (int(alone.now.timestamp()), 0.25)
