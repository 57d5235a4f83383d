"""The engine of conversations: a SQLite file, or a PostgreSQL server."""

import asyncio
import time
from pathlib import Path
from threading import Thread
from typing import Any, Final
from urllib.parse import urlsplit
from weakref import WeakSet

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool
from typing_extensions import override

from search.chat.infrastructure.history.schema import bring_up
from shared.durable_files import make_folders

_BUSY_SECONDS: Final = 5
_CONNECTIONS: Final = 4


class _FileEngine(AsyncEngine):
    """Closed when the threads of its connections have ended, those among them of work that was broken off.

    Such a thread may wait for another writer's lock; where the event loop ends before it, its answer is a traceback.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        super().__init__(engine.sync_engine)
        self.threads: WeakSet[Thread] = WeakSet()

    @override
    async def dispose(self, close: bool = True) -> None:
        await super().dispose(close)
        ends_at = time.monotonic() + _BUSY_SECONDS + 1
        for thread in list(self.threads):
            await asyncio.to_thread(thread.join, max(0.0, ends_at - time.monotonic()))


def sqlite_engine(path: Path) -> AsyncEngine:
    """What a commit has answered for is on disk (`synchronous=FULL`)."""
    make_folders(path.parent)
    made = create_async_engine(
        f"sqlite+aiosqlite:///{path}",
        poolclass=AsyncAdaptedQueuePool,
        pool_size=_CONNECTIONS,
        max_overflow=0,
        pool_timeout=_BUSY_SECONDS * 2,
        connect_args={"timeout": _BUSY_SECONDS},
    )
    engine = _FileEngine(made)

    @event.listens_for(engine.sync_engine, "connect")
    def prepare(connection: Any, _: object) -> None:
        # The driver has no other way to its thread, and closing a connection does not wait for it.
        engine.threads.add(connection.driver_connection._thread)
        # The driver would begin a transaction at its own discretion, and none for a savepoint.
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def begin(connection: Any) -> None:
        connection.exec_driver_sql("BEGIN")

    return engine


def postgres_engine(url: str, timeout_seconds: float) -> AsyncEngine:
    """`url` is `postgresql://user:password@host/database`."""
    rest = url.partition("://")[2]
    return create_async_engine(
        f"postgresql+asyncpg://{rest}",
        pool_size=_CONNECTIONS,
        max_overflow=2 * _CONNECTIONS,
        pool_timeout=timeout_seconds,
        connect_args={"timeout": timeout_seconds, "command_timeout": timeout_seconds},
    )


async def opened(url: str, data_dir: Path, timeout_seconds: float) -> AsyncEngine:
    """Of the present schema."""
    is_embedded = urlsplit(url).scheme == "sqlite"
    engine = sqlite_engine(data_dir / "chat.sqlite") if is_embedded else postgres_engine(url, timeout_seconds)
    try:
        async with engine.begin() as connection:
            await connection.run_sync(bring_up)
    except BaseException:
        await asyncio.shield(engine.dispose())
        raise
    return engine
