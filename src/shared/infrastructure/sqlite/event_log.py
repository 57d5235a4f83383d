"""The embedded event bus: one SQLite file holds the log, each group's positions and the dead letters.

A lane is a topic; positions come from one sequence over all topics. What was published last is also kept in
memory, so that a reader that keeps up never asks the file.
"""

import asyncio
import contextlib
import functools
import sqlite3
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Final, Self

from typing_extensions import override

from shared.events.envelope import Envelope
from shared.infrastructure.dead_letters import buried_event, no_such_letter
from shared.infrastructure.sqlite import event_counts, event_packs
from shared.infrastructure.sqlite.database import SqliteDatabase
from shared.infrastructure.sqlite.event_reader import EventReader, OpenedEvents, Published, RecentEvents
from shared.infrastructure.sqlite.event_retention import TRIM_BATCH, trim_pack, trim_topic
from shared.infrastructure.sqlite.schema import Schema, Step
from shared.kernel import Conflict, utc_now
from shared.ports.event_bus import DeadLetter, Delivery, EventBus, OnLeaving, Subscription
from shared.ports.health import ComponentHealth
from shared.telemetry import Metrics, get_log

_TABLES: Final = """
CREATE TABLE IF NOT EXISTS topics (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS events (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    topic INTEGER NOT NULL,
    published_at REAL NOT NULL,
    envelope BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS events_of_topic ON events (topic, position);
CREATE TABLE IF NOT EXISTS positions (
    consumers TEXT NOT NULL,
    topic INTEGER NOT NULL,
    position INTEGER NOT NULL,
    PRIMARY KEY (consumers, topic)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS dead_letters (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    consumers TEXT NOT NULL,
    topic TEXT NOT NULL,
    reason TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    buried_at TEXT NOT NULL,
    replayed_at TEXT,
    raw BLOB NOT NULL
);
"""
_BY_GROUP: Final = "CREATE INDEX dead_letters_of_group ON dead_letters (consumers, sequence);"
_SCHEMA: Final = (
    Schema(_TABLES, (Step("dead_letters_by_group", _BY_GROUP),)) + event_counts.EVENT_COUNTS + event_packs.EVENT_PACKS
)
_AFTER_ALL: Final = (1 << 63) - 1
_TAIL_BATCH: Final = 256
_log = get_log("events")


class SqliteEventLog(EventBus):
    """EventBus for one process: an async context manager over `path`."""

    def __init__(
        self,
        path: Path,
        *,
        retention_seconds: float = 7 * 86400,
        trim_every_seconds: float = 3600.0,
        pack_every_seconds: float = 10.0,
        recent_bytes: int = 2 << 20,
        opened_bytes: int = 512 << 10,
        metrics: Metrics | None = None,
    ) -> None:
        """Beyond twice `recent_bytes` the oldest events leave the memory, until so many are left.

        Of the last `opened_bytes` that were read the envelopes are kept too: enough for a group that lets events of a
        second come together.
        """
        self._database = SqliteDatabase(path, _SCHEMA, readers=2, metrics=metrics)
        self._retention_seconds = retention_seconds
        self._trim_every_seconds = trim_every_seconds
        self._pack_every_seconds = pack_every_seconds
        self._topics: dict[str, int] = {}
        self._recent = RecentEvents(recent_bytes)
        self._opened = OpenedEvents(opened_bytes)
        self._readers: set[EventReader] = set()
        self._open_groups: set[str] = set()

    async def __aenter__(self) -> Self:
        await self._database.__aenter__()
        await self._database.write(event_counts.count_anew)
        self._topics, head = await self._database.read(_topics_and_head)
        self._recent.start_at(head)
        self._upkeep = (
            asyncio.create_task(self._trim_now_and_then(), name="trim-events"),
            asyncio.create_task(self._pack_now_and_then(), name="pack-events"),
        )
        return self

    async def __aexit__(self, *failure: object) -> None:
        for reader in self._readers:
            reader.close()
        for task in self._upkeep:
            task.cancel()
        await asyncio.gather(*self._upkeep, return_exceptions=True)
        await self._database.__aexit__(*failure)

    async def check(self) -> ComponentHealth:
        """Whether the log's file can be written and read."""
        return await self._database.check()

    @override
    async def identity(self) -> str | None:
        return None

    @property
    @override
    def lanes_move(self) -> bool:
        """There is one process."""
        return False

    @override
    async def publish(self, *envelopes: Envelope) -> None:
        """All or none of one call."""
        if not envelopes:
            return
        topics = await self._topic_ids([envelope.topic for envelope in envelopes])
        rows = [(envelope.topic, topics[envelope.topic], envelope.to_json()) for envelope in envelopes]
        await self._database.write(lambda connection: self._append(connection, rows))

    @asynccontextmanager
    @override
    async def subscribe(
        self, group: str, topics: Sequence[str], *, on_leaving: OnLeaving | None = None
    ) -> AsyncIterator[Subscription]:
        """Raises Conflict while the group is open in this process."""
        if group in self._open_groups:
            raise Conflict(f"The group {group!r} is subscribed in this process already.", code="group_in_use")
        self._open_groups.add(group)
        try:
            ids = await self._topic_ids(topics)
            positions = await self._database.write(lambda connection: _register(connection, group, ids))
            with self._reader(positions) as reader:
                yield _GroupSubscription(self._database, group, ids, positions, reader)
        finally:
            self._open_groups.discard(group)

    @override
    def tail(self, *topics: str) -> AbstractAsyncContextManager[AsyncIterator[Envelope]]:
        return self._tail(topics)

    @override
    async def bury(self, letter: DeadLetter) -> None:
        """Buried again (it failed again after a replay), a letter is the newest once more."""
        await self._database.write(
            lambda connection: connection.execute(
                "INSERT OR REPLACE INTO dead_letters (id, consumers, topic, reason, attempts, buried_at, replayed_at,"
                " raw) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    letter.id,
                    letter.group,
                    letter.topic,
                    letter.reason,
                    letter.attempts,
                    letter.buried_at.isoformat(),
                    letter.replayed_at and letter.replayed_at.isoformat(),
                    letter.raw,
                ),
            )
        )

    @override
    async def dead_letters(
        self, *, group: str | None = None, after: str | None = None, limit: int = 50
    ) -> Sequence[DeadLetter]:
        def find(connection: sqlite3.Connection) -> list[DeadLetter]:
            before = _AFTER_ALL if after is None else _find_letter(connection, after)["sequence"]
            of_group, values = ("", ()) if group is None else ("consumers = ? AND ", (group,))
            rows = connection.execute(
                f"SELECT * FROM dead_letters WHERE {of_group}sequence < ? ORDER BY sequence DESC LIMIT ?",
                (*values, before, limit),
            )
            return [_letter(row) for row in rows]

        return await self._database.read(find)

    @override
    async def dead_letter(self, letter_id: str) -> DeadLetter:
        return await self._database.read(lambda connection: _letter(_find_letter(connection, letter_id)))

    @override
    async def replay(self, letter_id: str) -> DeadLetter:
        def publish_again(connection: sqlite3.Connection) -> DeadLetter:
            letter = _letter(_find_letter(connection, letter_id))
            envelope = buried_event(letter)
            topic = _register_topics(connection, [envelope.topic])[envelope.topic]
            self._append(connection, [(envelope.topic, topic, letter.raw)])
            connection.execute(
                "UPDATE dead_letters SET replayed_at = ? WHERE id = ?", (utc_now().isoformat(), letter_id)
            )
            return _letter(_find_letter(connection, letter_id))

        return await self._database.write(publish_again)

    async def lags(self) -> Mapping[str, int]:
        """How many published events each group that ever subscribed has not committed."""

        def count(connection: sqlite3.Connection) -> dict[str, int]:
            lags: dict[str, int] = {}
            for row in connection.execute("SELECT consumers, topic, position FROM positions").fetchall():
                above = event_counts.count_above(connection, row["topic"], row["position"])
                lags[row["consumers"]] = lags.get(row["consumers"], 0) + above
            return lags

        return await self._database.read(count)

    async def trim(self) -> int:
        """Deletes what is older than the retention and below every group's position; how many events that was.

        A group that subscribed once and committed nothing holds everything of its topics.
        """
        oldest = time.time() - self._retention_seconds
        trimmed = 0
        for topic in list(self._topics.values()):
            count = TRIM_BATCH
            while count == TRIM_BATCH:  # in batches, so that publishers wait for no long transaction
                count = await self._database.write(functools.partial(trim_topic, topic=topic, oldest=oldest))
                trimmed += count
        while count := await self._database.write(functools.partial(trim_pack, oldest=oldest)):
            trimmed += count
        return trimmed

    async def pack(self) -> int:
        """Packs what every group has handled, in whole buckets; how many events that was."""
        packed = 0
        while pack := await self._database.read(event_packs.next_pack):
            if not await self._database.write(functools.partial(event_packs.write, pack=pack)):
                break
            packed += pack.number
        return packed

    async def _pack_now_and_then(self) -> None:
        while True:
            await asyncio.sleep(self._pack_every_seconds)
            try:
                await self.pack()
            except Exception as error:
                _log.warning("old events could not be packed", action="events.pack", exc_info=error)

    async def _trim_now_and_then(self) -> None:
        while True:
            try:
                trimmed = await self.trim()
                if trimmed:
                    _log.info("old events trimmed", action="events.trim", count=trimmed)
            except Exception as error:
                _log.warning("old events could not be trimmed", action="events.trim", exc_info=error)
            await asyncio.sleep(self._trim_every_seconds)

    def _append(self, connection: sqlite3.Connection, rows: Sequence[tuple[str, int, bytes]]) -> None:
        now = time.time()
        connection.executemany(
            "INSERT INTO events (topic, published_at, envelope) VALUES (?, ?, ?)",
            [(topic_id, now, raw) for _, topic_id, raw in rows],
        )
        (last,) = connection.execute("SELECT last_insert_rowid()").fetchone()
        first = last - len(rows) + 1
        event_counts.add(connection, (topic for _, topic, _ in rows), first)
        published = [Published(position, row[0], row[2]) for position, row in enumerate(rows, first)]
        self._database.after_commit(lambda: self._announce(published))

    def _announce(self, published: Sequence[Published]) -> None:
        self._recent.add(published)
        topics = {event.topic for event in published}
        for reader in self._readers:
            reader.wake_for(topics)

    async def _topic_ids(self, topics: Sequence[str]) -> dict[str, int]:
        """Ids never change, so the database is asked once for each topic."""
        missing = [topic for topic in dict.fromkeys(topics) if topic not in self._topics]
        if missing:
            self._topics.update(await self._database.write(lambda connection: _register_topics(connection, missing)))
        return {topic: self._topics[topic] for topic in topics}

    @contextlib.contextmanager
    def _reader(self, floors: Mapping[str, int]) -> Iterator[EventReader]:
        reader = EventReader(self._database, self._recent, self._opened, self._topics, floors)
        self._readers.add(reader)
        try:
            yield reader
        finally:
            self._readers.discard(reader)

    @asynccontextmanager
    async def _tail(self, topics: Sequence[str]) -> AsyncIterator[AsyncIterator[Envelope]]:
        await self._topic_ids(topics)
        with self._reader(dict.fromkeys(topics, self._recent.head)) as reader:
            yield reader.envelopes(_TAIL_BATCH)


class _GroupSubscription(Subscription):
    """Subscription of one group."""

    def __init__(
        self,
        database: SqliteDatabase,
        group: str,
        topics: Mapping[str, int],
        positions: Mapping[str, int],
        reader: EventReader,
    ) -> None:
        self._database = database
        self._group = group
        self._topics = topics
        self._positions = dict(positions)
        self._reader = reader

    @override
    async def receive(self, limit: int) -> Sequence[Delivery]:
        return await self._reader.deliveries(limit)

    @override
    async def commit(self, positions: dict[str, int]) -> None:
        rows = [(position, self._group, self._topics[topic]) for topic, position in positions.items()]
        await self._database.write(
            lambda connection: connection.executemany(
                "UPDATE positions SET position = max(position, ?) WHERE consumers = ? AND topic = ?", rows
            )
        )
        for topic, position in positions.items():
            self._positions[topic] = max(self._positions[topic], position)

    @override
    async def lag(self) -> int:
        wanted = [(self._topics[topic], position) for topic, position in self._positions.items()]
        return await self._database.read(
            lambda connection: sum(event_counts.count_above(connection, *lane) for lane in wanted)
        )


def _topics_and_head(connection: sqlite3.Connection) -> tuple[dict[str, int], int]:
    topics = {row["name"]: row["id"] for row in connection.execute("SELECT id, name FROM topics")}
    row = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'events'").fetchone()
    return topics, row["seq"] if row else 0


def _register_topics(connection: sqlite3.Connection, topics: Sequence[str]) -> dict[str, int]:
    connection.executemany("INSERT OR IGNORE INTO topics (name) VALUES (?)", [(topic,) for topic in topics])
    rows = connection.execute(
        f"SELECT name, id FROM topics WHERE name IN ({', '.join('?' * len(topics))})", tuple(topics)
    )
    return {row["name"]: row["id"] for row in rows}


def _register(connection: sqlite3.Connection, group: str, topics: Mapping[str, int]) -> dict[str, int]:
    """The group's positions; a topic it reads no more must not keep the log from being trimmed."""
    kept = ", ".join("?" * len(topics))
    connection.execute(
        f"DELETE FROM positions WHERE consumers = ? AND topic NOT IN ({kept})", (group, *topics.values())
    )
    connection.executemany(
        "INSERT OR IGNORE INTO positions (consumers, topic, position) VALUES (?, ?, 0)",
        [(group, topic) for topic in topics.values()],
    )
    rows = connection.execute("SELECT topic, position FROM positions WHERE consumers = ?", (group,))
    positions = {row["topic"]: row["position"] for row in rows}
    return {name: positions[topic] for name, topic in topics.items()}


def _find_letter(connection: sqlite3.Connection, letter_id: str) -> sqlite3.Row:
    row: sqlite3.Row | None = connection.execute("SELECT * FROM dead_letters WHERE id = ?", (letter_id,)).fetchone()
    if row is None:
        raise no_such_letter(letter_id)
    return row


def _letter(row: sqlite3.Row) -> DeadLetter:
    return DeadLetter(
        id=row["id"],
        group=row["consumers"],
        topic=row["topic"],
        reason=row["reason"],
        attempts=row["attempts"],
        buried_at=datetime.fromisoformat(row["buried_at"]),
        raw=bytes(row["raw"]),
        replayed_at=datetime.fromisoformat(row["replayed_at"]) if row["replayed_at"] else None,
    )
