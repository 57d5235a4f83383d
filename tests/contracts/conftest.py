"""Every adapter of a port meets the same suite: a further adapter is one more parameter here."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from live_store_builders import OpenSearchStore, mongo_search_store, sqlite_search_store

from shared.infrastructure.files.blobs import FileBlobs
from shared.infrastructure.memory_cache import MemoryCache
from shared.infrastructure.sqlite.database import SqliteDatabase, SqliteFacts
from shared.infrastructure.sqlite.event_log import SqliteEventLog
from shared.infrastructure.sqlite.jobs import SqliteJobs
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


@asynccontextmanager
async def sqlite_bus(folder: Path) -> AsyncIterator[OpenBus]:
    yield lambda: SqliteEventLog(folder / "events.sqlite")


@asynccontextmanager
async def kafka_bus(_: Path) -> AsyncIterator[OpenBus]:
    from kafka_builders import a_kafka_bus, an_installation, kafka_settings

    async with an_installation() as name:
        yield lambda: a_kafka_bus(kafka_settings(name))


@asynccontextmanager
async def sqlite_store(folder: Path) -> AsyncIterator[OpenStore]:
    @asynccontextmanager
    async def open_it() -> AsyncIterator[Store]:
        async with SqliteDatabase(folder / "module.sqlite", SqliteJobs.SCHEMA + SqliteFacts.SCHEMA) as database:
            facts = SqliteFacts(database, "process")
            yield Store(SqliteJobs(database, facts), facts)

    yield open_it


@pytest.fixture(
    params=[
        pytest.param(sqlite_bus, id="sqlite"),
        pytest.param(kafka_bus, id="kafka", marks=pytest.mark.servers),
    ]
)
async def open_bus(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[OpenBus]:
    async with request.param(tmp_path) as opener:
        yield opener


@pytest.fixture
async def bus(open_bus: OpenBus) -> AsyncIterator[EventBus]:
    async with open_bus() as opened:
        yield opened


@asynccontextmanager
async def mongo_store(folder: Path) -> AsyncIterator[OpenStore]:
    # Imported here: without a server nobody needs the driver.
    from mongo_builders import a_mongo, settings_for_mongo

    from shared.infrastructure.mongo.facts import MongoFacts
    from shared.infrastructure.mongo.jobs import MongoJobs

    async with a_mongo(settings_for_mongo(folder)) as door:

        @asynccontextmanager
        async def open_it() -> AsyncIterator[Store]:
            database = door()
            facts = MongoFacts(database, "process", own_seconds=1)
            jobs = MongoJobs(database, facts)
            async with database:
                yield Store(jobs, facts)

        yield open_it


@pytest.fixture(
    params=[
        pytest.param(sqlite_store, id="sqlite"),
        pytest.param(mongo_store, id="mongodb", marks=pytest.mark.servers),
    ]
)
async def open_store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[OpenStore]:
    """Opens the store; each that is open at the same time is like another process's."""
    async with request.param(tmp_path) as opener:
        yield opener


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


@asynccontextmanager
async def mongo_blobs(folder: Path) -> AsyncIterator[BlobStore]:
    from mongo_builders import a_mongo, settings_for_mongo

    from shared.infrastructure.mongo.blobs import MongoBlobs

    settings = settings_for_mongo(folder)
    async with a_mongo(settings) as door:
        database = door()
        blobs = MongoBlobs(database, settings)
        async with database, blobs:
            yield blobs


@pytest.fixture(
    params=[pytest.param(file_blobs, id="file"), pytest.param(mongo_blobs, id="gridfs", marks=pytest.mark.servers)]
)
async def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[BlobStore]:
    async with request.param(tmp_path) as opened:
        yield opened


@asynccontextmanager
async def memory_cache() -> AsyncIterator[Cache]:
    yield MemoryCache(100_000)


@asynccontextmanager
async def redis_cache() -> AsyncIterator[Cache]:
    # Imported here: without a server nobody needs the driver.
    from redis_builders import a_cache, removing_keys
    from servers import redis_url

    async with removing_keys(redis_url()) as installation, a_cache(redis_url(), installation) as opened:
        yield opened


@pytest.fixture(
    params=[
        pytest.param(memory_cache, id="memory"),
        pytest.param(redis_cache, id="redis", marks=pytest.mark.servers),
    ]
)
async def cache(request: pytest.FixtureRequest) -> AsyncIterator[Cache]:
    async with request.param() as opened:
        yield opened


@pytest.fixture(
    params=[
        pytest.param(sqlite_search_store, id="sqlite"),
        pytest.param(mongo_search_store, id="mongodb", marks=pytest.mark.servers),
    ]
)
async def open_search_store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[OpenSearchStore]:
    async with request.param(tmp_path) as opener:
        yield opener
