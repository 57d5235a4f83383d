"""One SQLite file: a single writer thread with group commit, reader threads, and the facts table.

WAL with `synchronous=FULL`: what a write has answered for is on disk. Many writes that wait at the same
time share one transaction and one fsync; each has a savepoint, so that a failing one falls alone.
"""

import asyncio
import contextlib
import queue
import sqlite3
import threading
import time
import traceback
from collections.abc import Callable, Hashable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Final, Self, TypeVar

from typing_extensions import override

from shared.disk_reserve import DiskReserve
from shared.durable_files import make_folders
from shared.events.envelope import Envelope, Event, wrap
from shared.infrastructure.sqlite.errors import is_full, translate
from shared.infrastructure.sqlite.pages import SparePages, prepare
from shared.infrastructure.sqlite.schema import Schema
from shared.infrastructure.sqlite.store_health import TIMES, LookingTimes, StoreHealth
from shared.infrastructure.sqlite.stores import UNREADABLE, damaged, is_emptied
from shared.kernel import Unavailable
from shared.ports.health import ComponentHealth
from shared.ports.outbox import Outbox, PendingFact
from shared.telemetry import Metrics, get_log

T = TypeVar("T")
_LARGEST_GROUP: Final = 512
_ERRORS: Final = (sqlite3.Error, *UNREADABLE, RuntimeError, MemoryError)
_FACTS: Final = "CREATE TABLE IF NOT EXISTS facts (sequence INTEGER PRIMARY KEY AUTOINCREMENT, envelope BLOB NOT NULL);"

_log = get_log("sqlite")


@dataclass(slots=True)
class _Write:
    run: Callable[[sqlite3.Connection], Any]
    done: asyncio.Future[Any]
    wakes: list[Callable[[], object]] = field(default_factory=list)
    result: Any = None
    error: BaseException | None = None

    def answer(self) -> None:
        if self.done.done():
            return  # its caller was cancelled
        if self.error is not None:
            self.done.set_exception(self.error)
        else:
            self.done.set_result(self.result)


class SqliteDatabase:
    """An async context manager over one file, which gets what it lacks of `schema` when it opens.

    Whatever finds the file damaged, a call or the look through it after it was opened, is counted and stays in
    `check`. Every call may raise StoreDamaged.
    """

    def __init__(
        self,
        path: Path,
        schema: Schema,
        *,
        readers: int = 1,
        metrics: Metrics | None = None,
        times: LookingTimes = TIMES,
    ) -> None:
        self.path = path
        self._health = StoreHealth(path, metrics, times)
        self._reserve = DiskReserve(path.parent)
        self._schema = schema
        self._reader_count = readers
        self._is_open = False
        self._writes: queue.SimpleQueue[list[_Write] | None] = queue.SimpleQueue()
        self._gathered: list[_Write] = []
        self._current: _Write | None = None
        self._commits = 0
        self._kept: dict[Hashable, tuple[int, Any]] = {}

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        try:
            await asyncio.to_thread(self._open)
        except (sqlite3.Error, RuntimeError, MemoryError) as error:
            # Said by whoever opens it, not by the log.
            raise translate(error, self.path) from error
        except OSError as error:
            raise Unavailable(f"The database {self.path} cannot be opened: {error.strerror}.") from error
        self._is_open = True
        self._health.begin()
        return self

    async def __aexit__(self, *_: object) -> None:
        # From here on nothing is queued, so that everything queued before is answered.
        self._is_open = False
        self._hand_over()
        await self._health.end()
        await asyncio.to_thread(self._close)

    async def check(self) -> ComponentHealth:
        """For health: a real read, now and then a real write, and the damage that was met. Raises Unavailable.

        It has the file looked through again where that was long ago.
        """
        self._health.must_be_undamaged()
        self._must_be_open()
        self._health.look_if_due()
        await self.read(lambda connection: connection.execute("SELECT count(*) FROM sqlite_schema").fetchone())
        if self._health.is_write_due():
            # A number in the file's head that nothing else uses.
            number = int(time.time()) & 0x7FFFFFFF
            await self.write(lambda connection: connection.execute(f"PRAGMA user_version = {number}"))
        return self._health.of_the_disk()

    async def write(self, run: Callable[[sqlite3.Connection], T]) -> T:
        """Runs in the writer thread inside a transaction; durable when it returns. Writes keep their order.

        Whatever `run` raises is raised here and its changes are undone. A cancelled caller's write is done
        all the same. Raises StorageFull, Unavailable.
        """
        self._must_be_open()
        loop = asyncio.get_running_loop()
        write = _Write(run, loop.create_future())
        # What is asked for in one turn of the loop goes over together: waking the writer costs more than a row.
        if not self._gathered:
            loop.call_soon(self._hand_over)
        self._gathered.append(write)
        result: T = await write.done
        return result

    def after_commit(self, wake: Callable[[], object]) -> None:
        """Only inside a write: `wake` runs on the event loop once what was written can be read.

        Nothing is called when the write fails.
        """
        assert self._current is not None, "after_commit belongs inside a write"
        self._current.wakes.append(wake)

    async def read(self, run: Callable[[sqlite3.Connection], T]) -> T:
        """Runs in a reader thread on one snapshot, the newest committed state. Raises Unavailable.

        Many rows are asked for as one: at each a thread waits up to 5 ms for a busy interpreter.
        """
        self._must_be_open()
        try:
            return await asyncio.get_running_loop().run_in_executor(self._readers, self._read, run)
        except _ERRORS as error:
            raise self._health.told(error) from error
        except UnicodeEncodeError:
            raise  # of what was asked for
        except ValueError as error:
            unreadable = self._health.unreadable(error)
            raise unreadable from error

    async def read_kept(self, name: Hashable, run: Callable[[sqlite3.Connection], T]) -> T:
        """As `read`, for what is asked again and again: until something is written it is what was read last.

        The answer is shared, so nobody may change it. `name` stands for `run` and is one of few. Raises Unavailable.
        """
        self._must_be_open()
        # Before the read: what is written meanwhile may be in it or not, and is read the next time.
        commits = self._commits
        kept = self._kept.get(name)
        if kept is None or kept[0] != commits:
            kept = self._kept[name] = (commits, await self.read(run))
        result: T = kept[1]
        return result

    def _hand_over(self) -> None:
        if self._gathered:
            self._writes.put(self._gathered)
            self._gathered = []

    def _must_be_open(self) -> None:
        if not self._is_open:
            raise Unavailable(f"The database {self.path.name} is not open.")

    def _open(self) -> None:
        make_folders(self.path.parent)
        if is_emptied(self.path):
            raise damaged(self.path, "the file is empty")
        connection = self._connect()
        try:
            self._schema.bring_up(connection)
        except sqlite3.Error:
            connection.close()
            raise
        self._health.is_in_place()
        self._local = threading.local()
        self._connections: list[sqlite3.Connection] = []
        self._readers = ThreadPoolExecutor(self._reader_count, thread_name_prefix=f"read-{self.path.stem}")
        self._writer = threading.Thread(
            target=self._write_groups, args=(connection,), name=f"write-{self.path.stem}", daemon=True
        )
        self._writer.start()

    def _close(self) -> None:
        self._readers.shutdown()
        for connection in self._connections:
            connection.close()
        # Last, so that closing the last connection folds the log into the file.
        self._writes.put(None)
        self._writer.join()

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False, timeout=10)
        try:
            connection.row_factory = sqlite3.Row
            prepare(connection)
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    def _read(self, run: Callable[[sqlite3.Connection], T]) -> T:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._connect()
            connection.execute("PRAGMA query_only=ON")
            self._local.connection = connection
            self._connections.append(connection)
        connection.execute("BEGIN")
        try:
            return run(connection)
        finally:
            connection.execute("ROLLBACK")

    def _write_groups(self, connection: sqlite3.Connection) -> None:
        stopping, spare = False, SparePages()
        while not stopping:
            group: list[_Write] = []
            item = spare.next_of(self._writes, connection)
            while item is not None:
                group += item
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
        error = self._tried(connection, group)
        # What brings new content is refused before it comes here: this is a deletion, or the word that work is done.
        if error is not None and is_full(error) and self._reserve.release():
            _log.warning("the disk is full: the reserve is given up", action="disk.released", store=self.path.stem)
            error = self._tried(connection, group)
        if error is not None:
            for write in group:
                write.error = self._health.told(error) if isinstance(error, _ERRORS) else error
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(_answer_all, group)

    def _tried(self, connection: sqlite3.Connection, group: Sequence[_Write]) -> BaseException | None:
        """The error that undid all of it."""
        for write in group:
            write.wakes.clear()
            write.error = None
        try:
            self._health.must_be_in_place()
            connection.execute("BEGIN IMMEDIATE")
            for write in group:
                self._run_one(connection, write, alone=len(group) == 1)
            connection.execute("COMMIT")
            # After it: who reads before that knows that he read the state of before.
            self._commits += 1
        except BaseException as error:  # whatever it is, this thread must go on and nobody may wait for ever
            with contextlib.suppress(sqlite3.Error):
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
            return error
        return None

    def _run_one(self, connection: sqlite3.Connection, write: _Write, *, alone: bool) -> None:
        self._current = write
        try:
            if not alone:
                connection.execute("SAVEPOINT one")
            write.result = write.run(connection)
            if isinstance(write.result, sqlite3.Cursor):
                # Freed in another thread it would reset a statement that this one is using by then.
                write.result.close()
        except BaseException as error:
            # The same holds for cursors in the frames that the error carries away.
            traceback.clear_frames(error.__traceback__)
            if alone or not connection.in_transaction or is_full(error):
                raise  # nobody else is in the transaction, or the whole of it is gone, or will be tried again
            connection.execute("ROLLBACK TO one")
            write.error = self._health.told(error) if isinstance(error, _ERRORS) else error
        if not alone:
            connection.execute("RELEASE one")


def _answer_all(group: Sequence[_Write]) -> None:
    # Wakes first: who waits for an answer may look at once for what the wake announces.
    for write in group:
        if write.error is None:
            for wake in write.wakes:
                wake()
    for write in group:
        write.answer()


class SqliteFacts(Outbox):
    """The facts table beside a module's state: saved in its transactions, read by the relay."""

    SCHEMA: ClassVar[Schema] = Schema(_FACTS)

    def __init__(self, database: SqliteDatabase, producer: str) -> None:
        self._database = database
        self._producer = producer
        self._saved = asyncio.Event()

    def wrap(self, facts: Iterable[Event]) -> list[Envelope]:
        """Gives facts their envelopes; call it where the cause is known (on the event loop)."""
        return [wrap(fact, producer=self._producer) for fact in facts]

    def save(self, connection: sqlite3.Connection, envelopes: Iterable[Envelope]) -> None:
        """Inside the transaction that saves the state they tell of."""
        rows = [(envelope.to_json(),) for envelope in envelopes]
        if not rows:
            return
        connection.executemany("INSERT INTO facts (envelope) VALUES (?)", rows)
        # Not before the commit: a relay that looks too early sees nothing and would sleep on.
        self._database.after_commit(self._saved.set)

    @override
    async def pending_facts(self, limit: int) -> Sequence[PendingFact]:
        def read(connection: sqlite3.Connection) -> list[PendingFact]:
            rows = connection.execute("SELECT sequence, envelope FROM facts ORDER BY sequence LIMIT ?", (limit,))
            return [PendingFact(row["sequence"], Envelope.from_json(row["envelope"])) for row in rows]

        facts = await self._database.read(read)
        if facts:
            # They can be read a moment before who wrote them has their answer, and nobody may hear of them first.
            await self._database.write(lambda _: None)
        return facts

    @override
    async def forget_facts(self, places: Sequence[Hashable]) -> None:
        if places:
            await self._database.write(
                lambda connection: connection.executemany(
                    "DELETE FROM facts WHERE sequence = ?", [(place,) for place in places]
                )
            )

    @override
    async def wait_for_facts(self, timeout_seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_seconds):
                await self._saved.wait()
        self._saved.clear()
