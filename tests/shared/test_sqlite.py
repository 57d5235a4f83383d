"""SqliteDatabase: the group commit and everything that can happen to one write of many."""

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from builders import a_document_received, eventually
from shared.infrastructure.sqlite.database import SqliteDatabase, SqliteFacts
from shared.infrastructure.sqlite.schema import Schema
from shared.kernel import Conflict, StorageFull, Unavailable

NOTES = Schema("CREATE TABLE IF NOT EXISTS notes (id INTEGER PRIMARY KEY, text TEXT UNIQUE);")
SCHEMA = NOTES + SqliteFacts.SCHEMA


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[SqliteDatabase]:
    async with SqliteDatabase(tmp_path / "new folder" / "notes.sqlite", SCHEMA) as opened:
        yield opened


def insert(connection: sqlite3.Connection, text: str) -> None:
    connection.execute("INSERT INTO notes (text) VALUES (?)", (text,))


async def write(database: SqliteDatabase, text: str) -> None:
    await database.write(lambda connection: insert(connection, text))


async def notes(database: SqliteDatabase) -> list[str]:
    return await database.read(
        lambda connection: [row["text"] for row in connection.execute("SELECT text FROM notes ORDER BY id")]
    )


class Gate:
    """Holds the writer thread inside a write, so that those behind it form one group."""

    def __init__(self, database: SqliteDatabase) -> None:
        self._entered = threading.Event()
        self._open = threading.Event()
        self.write = asyncio.create_task(database.write(self._stand))

    def _stand(self, _: sqlite3.Connection) -> None:
        self._entered.set()
        assert self._open.wait(20)

    async def closed(self) -> "Gate":
        await asyncio.to_thread(self._entered.wait, 20)
        return self

    def open(self) -> None:
        self._open.set()


async def test_many_writes_at_once_are_all_kept_in_order(database: SqliteDatabase) -> None:
    texts = [str(number) for number in range(1500)]
    await asyncio.gather(*(write(database, text) for text in texts))
    assert await notes(database) == texts


async def test_a_failing_write_falls_alone(database: SqliteDatabase) -> None:
    def half(connection: sqlite3.Connection) -> None:
        insert(connection, "half")
        raise Conflict("not now")

    gate = await Gate(database).closed()
    writes = [
        asyncio.ensure_future(task)
        for task in (write(database, "a"), write(database, "a"), database.write(half), write(database, "b"))
    ]
    await asyncio.sleep(0)
    gate.open()
    results = await asyncio.gather(*writes, return_exceptions=True)
    assert [type(result) for result in results] == [type(None), sqlite3.IntegrityError, Conflict, type(None)]
    assert await notes(database) == ["a", "b"]


async def test_a_cancelled_write_is_done_and_disturbs_no_other(database: SqliteDatabase) -> None:
    gate = await Gate(database).closed()
    cancelled, other = asyncio.create_task(write(database, "cancelled")), asyncio.create_task(write(database, "other"))
    await asyncio.sleep(0)
    cancelled.cancel()
    gate.open()
    await other
    with pytest.raises(asyncio.CancelledError):
        await cancelled
    assert await notes(database) == ["cancelled", "other"]


async def test_a_write_that_is_cancelled_and_fails_says_nothing(database: SqliteDatabase) -> None:
    complaints: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
    await write(database, "a")
    gate = await Gate(database).closed()
    failing = asyncio.create_task(write(database, "a"))
    await asyncio.sleep(0)
    failing.cancel()
    gate.open()
    await write(database, "b")
    assert complaints == []


async def test_a_full_disk_undoes_the_group_and_the_next_write_works(database: SqliteDatabase) -> None:
    await write(database, "before")
    pages = await database.write(lambda connection: connection.execute("PRAGMA page_count").fetchone()[0])
    await database.write(lambda connection: connection.execute(f"PRAGMA max_page_count = {pages + 2}").fetchone())
    gate = await Gate(database).closed()
    writes = [asyncio.ensure_future(write(database, text)) for text in ("small", "x" * 1_000_000, "after")]
    await asyncio.sleep(0)
    gate.open()
    results = await asyncio.gather(gate.write, *writes, return_exceptions=True)
    assert any(isinstance(result, StorageFull) for result in results)
    kept = ["before"] + [
        text for text, result in zip(("small", "large", "after"), results[1:], strict=True) if result is None
    ]
    assert await notes(database) == kept
    assert isinstance(results[2], StorageFull)
    await database.write(lambda connection: connection.execute("PRAGMA max_page_count = 100000").fetchone())
    await write(database, "later")
    assert (await notes(database))[-1] == "later"


async def test_a_write_that_ends_the_transaction_itself_stops_nobody_after_it(database: SqliteDatabase) -> None:
    with pytest.raises(sqlite3.OperationalError):
        await database.write(lambda connection: connection.execute("ROLLBACK"))
    await write(database, "after")
    assert await notes(database) == ["after"]


async def test_a_wrong_statement_is_a_fault_and_not_unavailable(database: SqliteDatabase) -> None:
    with pytest.raises(sqlite3.OperationalError):
        await database.write(lambda connection: connection.execute("SELECT nothing FROM nowhere"))
    with pytest.raises(sqlite3.OperationalError):
        await database.read(lambda connection: connection.execute("SELECT nothing FROM nowhere"))


async def test_closing_answers_every_write_that_was_asked_for(tmp_path: Path) -> None:
    database = SqliteDatabase(tmp_path / "notes.sqlite", SCHEMA)
    async with database:
        gate = await Gate(database).closed()
        writes = [asyncio.ensure_future(write(database, str(number))) for number in range(1200)]
        await asyncio.sleep(0)
        asyncio.get_running_loop().call_later(0.01, gate.open)
    assert await asyncio.gather(*writes) == [None] * 1200
    with pytest.raises(Unavailable):
        await write(database, "late")
    with pytest.raises(Unavailable):
        await notes(database)
    async with database:
        assert len(await notes(database)) == 1200


async def test_a_write_during_the_close_is_refused_and_does_not_hang(tmp_path: Path) -> None:
    database = SqliteDatabase(tmp_path / "notes.sqlite", SCHEMA)
    await database.__aenter__()
    gate = await Gate(database).closed()
    closing = asyncio.create_task(database.__aexit__(None, None, None))
    await asyncio.sleep(0)
    with pytest.raises(Unavailable):
        await write(database, "late")
    gate.open()
    await closing


async def test_a_closed_file_needs_no_log_beside_it(tmp_path: Path) -> None:
    async with SqliteDatabase(tmp_path / "notes.sqlite", SCHEMA) as database:
        await write(database, "a")
        assert await notes(database) == ["a"]
    left = await asyncio.to_thread(lambda: [path.name for path in tmp_path.iterdir()])
    assert left == ["notes.sqlite"]


async def test_a_file_that_cannot_be_opened_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(Unavailable):
        await SqliteDatabase(tmp_path / "file" / "notes.sqlite", SCHEMA).__aenter__()
    (tmp_path / "folder.sqlite").mkdir()
    with pytest.raises(Unavailable):
        await SqliteDatabase(tmp_path / "folder.sqlite", SCHEMA).__aenter__()


async def test_a_read_sees_one_moment(database: SqliteDatabase) -> None:
    await write(database, "a")
    loop = asyncio.get_running_loop()

    def twice(connection: sqlite3.Connection) -> tuple[int, int]:
        count = "SELECT count(*) FROM notes"
        first = connection.execute(count).fetchone()[0]
        asyncio.run_coroutine_threadsafe(write(database, "b"), loop).result(20)
        return first, connection.execute(count).fetchone()[0]

    assert await database.read(twice) == (1, 1)
    assert await notes(database) == ["a", "b"]


async def test_a_read_cannot_write(database: SqliteDatabase) -> None:
    with pytest.raises(Unavailable):
        await database.read(lambda connection: insert(connection, "a"))


async def test_what_is_woken_after_a_commit_finds_what_was_written(database: SqliteDatabase) -> None:
    woken: list[asyncio.Task[list[str]]] = []

    def insert_and_wake(connection: sqlite3.Connection) -> None:
        insert(connection, "a")
        database.after_commit(lambda: woken.append(asyncio.create_task(notes(database))))

    await database.write(insert_and_wake)
    assert await woken[0] == ["a"]


async def test_a_failed_write_wakes_nobody(database: SqliteDatabase) -> None:
    woken: list[str] = []

    def fail(_: sqlite3.Connection) -> None:
        database.after_commit(lambda: woken.append("failed"))
        raise Conflict("no")

    def succeed(_: sqlite3.Connection) -> None:
        database.after_commit(lambda: woken.append("fine"))

    await asyncio.gather(database.write(fail), database.write(succeed), return_exceptions=True)
    assert woken == ["fine"]


async def test_facts_of_a_failed_write_are_not_saved(database: SqliteDatabase) -> None:
    facts = SqliteFacts(database, "ingest")
    envelopes = facts.wrap([a_document_received()])

    def fail(connection: sqlite3.Connection) -> None:
        facts.save(connection, envelopes)
        raise Conflict("no")

    with pytest.raises(Conflict):
        await database.write(fail)
    assert await facts.pending_facts(10) == []
    await database.write(lambda connection: facts.save(connection, envelopes))
    assert [fact.envelope for fact in await facts.pending_facts(10)] == envelopes


async def test_nobody_hears_of_facts_before_who_wrote_them(
    database: SqliteDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    facts = SqliteFacts(database, "ingest")
    envelopes = facts.wrap([a_document_received()])
    loop, may_answer = asyncio.get_running_loop(), threading.Event()

    class LateLoop:
        """The writer is interrupted between its commit and its answer."""

        def call_soon_threadsafe(self, *call: Any) -> None:
            assert may_answer.wait(20)
            loop.call_soon_threadsafe(*call)

    monkeypatch.setattr(database, "_loop", LateLoop())
    heard: list[str] = []

    async def save() -> None:
        await database.write(lambda connection: facts.save(connection, envelopes))
        heard.append("who wrote")

    async def is_there() -> bool:
        return bool(await facts.pending_facts(10))

    async def relay() -> None:
        await eventually(is_there)
        heard.append("the relay")

    async with asyncio.timeout(30), asyncio.TaskGroup() as tasks:
        tasks.create_task(save())
        tasks.create_task(relay())

        async def are_readable() -> bool:
            return bool(await database.read(lambda connection: connection.execute("SELECT 1 FROM facts").fetchall()))

        await eventually(are_readable)
        # The relay sees them now. That it still waits for the writer cannot be told from that it was not its turn yet.
        for _ in range(20):
            await are_readable()
        may_answer.set()
    assert heard == ["who wrote", "the relay"]


async def test_what_is_acknowledged_survives_without_a_close(tmp_path: Path) -> None:
    first = SqliteDatabase(tmp_path / "notes.sqlite", SCHEMA)
    await first.__aenter__()
    await write(first, "a")
    async with SqliteDatabase(tmp_path / "notes.sqlite", SCHEMA) as second:
        assert await notes(second) == ["a"]
    await first.__aexit__(None, None, None)


async def test_writers_of_two_connections_take_turns(tmp_path: Path) -> None:
    async with (
        SqliteDatabase(tmp_path / "notes.sqlite", SCHEMA) as one,
        SqliteDatabase(tmp_path / "notes.sqlite", SCHEMA) as two,
    ):
        await asyncio.gather(*(write((one, two)[number % 2], str(number)) for number in range(200)))

        async def all_there() -> bool:
            return len(await notes(one)) == len(await notes(two)) == 200

        await eventually(all_there)


async def test_a_cursor_that_a_write_returns_is_closed_by_its_own_thread(database: SqliteDatabase) -> None:
    """Freed later in another thread, it would reset a statement in use there ("API misuse")."""
    cursor = await database.write(lambda connection: connection.execute("SELECT 1"))
    with pytest.raises(sqlite3.ProgrammingError):
        cursor.fetchone()


async def test_what_is_asked_again_and_again_is_read_again_once_something_was_written(database: SqliteDatabase) -> None:
    async def kept() -> list[str]:
        return await database.read_kept(
            "all", lambda connection: [row["text"] for row in connection.execute("SELECT text FROM notes ORDER BY id")]
        )

    assert await kept() == [] and await kept() is await kept()
    await write(database, "one")
    before = await kept()
    assert before == ["one"] and await kept() is before
    with pytest.raises(sqlite3.IntegrityError):
        await write(database, "one")
    assert await kept() == ["one"]
    changing = [asyncio.create_task(write(database, f"more {number}")) for number in range(20)]
    while changing:
        # Each sees at least what was answered for before it asked.
        await changing.pop(0)
        assert len(await kept()) >= 21 - len(changing)
    assert await kept() == await notes(database)


async def test_what_was_read_last_is_not_told_by_a_store_that_is_closed(tmp_path: Path) -> None:
    async with SqliteDatabase(tmp_path / "notes.sqlite", SCHEMA) as database:
        await database.read_kept("one", lambda connection: connection.execute("SELECT 1").fetchone())
    with pytest.raises(Unavailable):
        await database.read_kept("one", lambda connection: connection.execute("SELECT 1").fetchone())
