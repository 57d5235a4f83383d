"""A MongoDB database of its own for a test: `settings_for_mongo()`, `a_mongo()`, `a_database_name()`."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from servers import mongo_url

from shared.infrastructure.mongo.database import MongoDatabase
from shared.infrastructure.prometheus_metrics import PrometheusMetrics
from shared.kernel import new_id
from shared.runtime.resilience import Remotes
from shared.settings import Settings, load_settings


def a_database_name() -> str:
    """Not used before."""
    return f"t{new_id()[:8]}"


def settings_for_mongo(folder: Path, *, url: str | None = None, database: str | None = None, **more: Any) -> Settings:
    """The store's URL names a database of its own; skips the test where there is no server."""
    address = url or f"{mongo_url().rstrip('/')}/{database or a_database_name()}"
    # Two cores may be busy with other tests.
    given: dict[str, Any] = {"data_dir": folder, "store_url": address, "server_timeout_seconds": 10, **more}
    return load_settings(**given)


def a_remotes(settings: Settings) -> Remotes:
    """As a process has them."""
    return Remotes(PrometheusMetrics(), timeout_seconds=settings.server_timeout_seconds)


def a_mongo_door(settings: Settings) -> MongoDatabase:
    """Not entered; what has one of these is like a process of its own."""
    return MongoDatabase(settings, a_remotes(settings))


@asynccontextmanager
async def a_mongo(settings: Settings) -> AsyncIterator[Callable[[], MongoDatabase]]:
    """Makes doors to one database, which is deleted at the end."""
    try:
        yield lambda: a_mongo_door(settings)
    finally:
        async with a_mongo_door(settings) as database:
            await database.drop()
