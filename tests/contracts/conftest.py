"""Every adapter of a port meets the same suite: a further adapter is one more parameter here."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from shared.infrastructure.file_blobs import FileBlobs
from shared.infrastructure.memory_cache import MemoryCache
from shared.infrastructure.sqlite import SqliteDatabase, SqliteFacts
from shared.infrastructure.sqlite_event_log import SqliteEventLog
from shared.infrastructure.sqlite_jobs import SqliteJobs
from shared.ports.event_bus import EventBus
from shared.ports.jobs import JobStore
from shared.ports.outbox import Outbox
from shared.ports.storage import BlobStore, Cache

OpenBus = Callable[[], AbstractAsyncContextManager[EventBus]]
"""Opens the bus; opened again after it was left, it is the same bus after a restart."""


@dataclass(frozen=True, slots=True)
class Store:
    """A module's store: its jobs and the facts saved with them."""

    jobs: JobStore
    outbox: Outbox


OpenStore = Callable[[], AbstractAsyncContextManager[Store]]


def sqlite_bus(folder: Path) -> OpenBus:
    return lambda: SqliteEventLog(folder / "events.sqlite")


def sqlite_store(folder: Path) -> OpenStore:
    @asynccontextmanager
    async def open_it() -> AsyncIterator[Store]:
        async with SqliteDatabase(folder / "module.sqlite", SqliteJobs.SCHEMA + SqliteFacts.SCHEMA) as database:
            facts = SqliteFacts(database, "process")
            yield Store(SqliteJobs(database, facts), facts)

    return open_it


@pytest.fixture(params=[pytest.param(sqlite_bus, id="sqlite")])
def open_bus(request: pytest.FixtureRequest, tmp_path: Path) -> OpenBus:
    opener: OpenBus = request.param(tmp_path)
    return opener


@pytest.fixture
async def bus(open_bus: OpenBus) -> AsyncIterator[EventBus]:
    async with open_bus() as opened:
        yield opened


@pytest.fixture(params=[pytest.param(sqlite_store, id="sqlite")])
def open_store(request: pytest.FixtureRequest, tmp_path: Path) -> OpenStore:
    opener: OpenStore = request.param(tmp_path)
    return opener


@pytest.fixture
async def store(open_store: OpenStore) -> AsyncIterator[Store]:
    async with open_store() as opened:
        yield opened


@pytest.fixture
def jobs(store: Store) -> JobStore:
    return store.jobs


@pytest.fixture
def outbox(store: Store) -> Outbox:
    return store.outbox


@asynccontextmanager
async def file_blobs(folder: Path) -> AsyncIterator[BlobStore]:
    async with FileBlobs(folder / "blobs") as blobs:
        yield blobs


@pytest.fixture(params=[pytest.param(file_blobs, id="file")])
async def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[BlobStore]:
    async with request.param(tmp_path) as opened:
        yield opened


@pytest.fixture(params=[pytest.param(lambda: MemoryCache(100_000), id="memory")])
def cache(request: pytest.FixtureRequest) -> Cache:
    made: Cache = request.param()
    return made
