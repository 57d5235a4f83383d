"""One SQLite file: a single writer thread with group commit, reader threads, and the facts table.

WAL with `synchronous=FULL`: what a write has answered for is on disk. Many writes that wait at the same
time share one transaction and one fsync; each has a savepoint, so that a failing one falls alone.
"""

import asyncio
import contextlib
import queue
import sqlite3
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self, TypeVar

from shared.events.envelope import Envelope, Event, wrap
from shared.kernel import StorageFull, Unavailable
from shared.ports.outbox import PendingFact

T = TypeVar("T")
_LARGEST_GROUP: Final = 512
_FACTS_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS facts (sequence INTEGER PRIMARY KEY AUTOINCREMENT, envelope BLOB NOT NULL);
"""


def translate(error: sqlite3.Error, path: Path) -> Exception:
    """What a driver error means to the rest of Seoga."""
    text = str(error)
    if "disk is full" in text:
        return StorageFull(f"The disk that holds {path.name} is full. Free some room; nothing was lost.")
    if isinstance(error, sqlite3.OperationalError):
        return Unavailable(f"The database {path.name} cannot be used now: {text}.")
    return error


@dataclass(slots=True)
class _Write:
    run: Callable[[sqlite3.Connection], Any]
    done: Future[Any]
    result: Any = None
    error: BaseException | None = None


class SqliteDatabase:
    """An async context manager over one file. `schema` is idempotent SQL, run when it opens."""

    def __init__(self, path: Path, schema: str, *, readers: int = 1) -> None:
        self.path = path
        self._schema = schema
        self._writes: queue.SimpleQueue[_Write | None] = queue.SimpleQueue()
        self._writer: threading.Thread | None = None
        self._readers = ThreadPoolExecutor(readers, thread_name_prefix=f"read-{path.stem}")
        self._local = threading.local()
        self._connections: list[sqlite3.Connection] = []

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self._open)
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.to_thread(self._close)

    async def write(self, run: Callable[[sqlite3.Connection], T]) -> T:
        """Runs in the writer thread inside a transaction; durable when it returns.

        Whatever `run` raises is raised here and its changes are undone. Raises StorageFull, Unavailable.
        """
        if self._writer is None:
            raise Unavailable(f"The database {self.path.name} is not open.")
        write = _Write(run, Future())
        self._writes.put(write)
        # A cancelled caller must not cancel what the group already does.
        result: T = await asyncio.shield(asyncio.wrap_future(write.done))
        return result

    async def read(self, run: Callable[[sqlite3.Connection], T]) -> T:
        """Runs in a reader thread on the newest committed state. Raises Unavailable."""
        if self._writer is None:
            raise Unavailable(f"The database {self.path.name} is not open.")
        try:
            return await asyncio.get_running_loop().run_in_executor(
                self._readers, lambda: run(self._reader_connection())
            )
        except sqlite3.Error as error:
            raise translate(error, self.path) from error

    def _open(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        connection = self._connect()
        connection.executescript(self._schema)
        self._writer = threading.Thread(
            target=self._write_groups, args=(connection,), name=f"write-{self.path.stem}", daemon=True
        )
        self._writer.start()

    def _close(self) -> None:
        if self._writer is None:
            return
        self._writes.put(None)
        self._writer.join()
        self._writer = None
        self._readers.shutdown()
        for connection in self._connections:
            connection.close()

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False, timeout=10)
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")
        return connection

    def _reader_connection(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._connect()
            connection.execute("PRAGMA query_only=ON")
            self._local.connection = connection
            self._connections.append(connection)
        return connection

    def _write_groups(self, connection: sqlite3.Connection) -> None:
        stopping = False
        while not stopping:
            group: list[_Write] = []
            item = self._writes.get()
            while item is not None:
                group.append(item)
                if len(group) >= _LARGEST_GROUP:
                    break
                try:
                    item = self._writes.get_nowait()
                except queue.Empty:
                    break
            stopping = item is None
            if group:
                self._commit(connection, group)
        connection.close()

    def _commit(self, connection: sqlite3.Connection, group: Sequence[_Write]) -> None:
        try:
            connection.execute("BEGIN IMMEDIATE")
            for write in group:
                self._run_one(connection, write)
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            with contextlib.suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
            for write in group:
                write.error = translate(error, self.path)
        for write in group:
            if write.error is not None:
                write.done.set_exception(write.error)
            else:
                write.done.set_result(write.result)

    def _run_one(self, connection: sqlite3.Connection, write: _Write) -> None:
        connection.execute("SAVEPOINT one")
        try:
            write.result = write.run(connection)
        except BaseException as error:
            if isinstance(error, sqlite3.OperationalError) and not connection.in_transaction:
                raise  # the whole transaction is gone (a full disk rolls it back)
            connection.execute("ROLLBACK TO one")
            write.error = translate(error, self.path) if isinstance(error, sqlite3.Error) else error
        connection.execute("RELEASE one")


class SqliteFacts:
    """The facts table beside a module's state: saved in its transactions, read by the relay."""

    SCHEMA: Final = _FACTS_SCHEMA

    def __init__(self, database: SqliteDatabase, producer: str) -> None:
        self._database = database
        self._producer = producer
        self._saved = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    def wrap(self, facts: Iterable[Event]) -> list[Envelope]:
        """Gives facts their envelopes; call it where the cause is known (on the event loop)."""
        self._loop = asyncio.get_running_loop()
        return [wrap(fact, producer=self._producer) for fact in facts]

    def save(self, connection: sqlite3.Connection, envelopes: Iterable[Envelope]) -> None:
        """Inside the transaction that saves the state they tell of."""
        rows = [(envelope.to_json(),) for envelope in envelopes]
        if not rows:
            return
        connection.executemany("INSERT INTO facts (envelope) VALUES (?)", rows)
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._saved.set)

    async def pending_facts(self, limit: int) -> Sequence[PendingFact]:
        """See Outbox."""
        rows = await self._database.read(
            lambda connection: connection.execute(
                "SELECT sequence, envelope FROM facts ORDER BY sequence LIMIT ?", (limit,)
            ).fetchall()
        )
        return [PendingFact(row["sequence"], Envelope.from_json(row["envelope"])) for row in rows]

    async def forget_facts(self, sequences: Sequence[int]) -> None:
        """See Outbox."""
        if sequences:
            await self._database.write(
                lambda connection: connection.executemany(
                    "DELETE FROM facts WHERE sequence = ?", [(sequence,) for sequence in sequences]
                )
            )

    async def wait_for_facts(self, timeout_seconds: float) -> None:
        """See Outbox."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._saved.wait(), timeout_seconds)
        self._saved.clear()
