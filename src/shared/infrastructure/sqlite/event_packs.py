"""Events that every group has handled, packed: 256 positions of the log in one compressed row.

They stay for who comes later, until they are older than the retention, and are hardly ever read. One of a thousand
bytes takes some sixty so. What is packed lies below whatever is not.
"""

import sqlite3
import struct
import zlib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from shared.infrastructure.sqlite.schema import Schema, Step

BUCKET: Final = 256
"""Positions that are packed together."""
EVENT_PACKS: Final = Schema(
    "",
    (
        Step(
            "events_packed",
            "CREATE TABLE event_packs (bucket INTEGER PRIMARY KEY, newest REAL NOT NULL, events BLOB NOT NULL);",
        ),
    ),
)
_HEAD: Final = struct.Struct("<QII")
_LEVEL: Final = 6


class PackedEvent(NamedTuple):
    """As it was in its row, but for the instant."""

    position: int
    topic: int
    raw: bytes


class Pack(NamedTuple):
    """A bucket, as it is to be written; `number` events are in it."""

    bucket: int
    newest: float
    number: int
    events: bytes


def next_pack(connection: sqlite3.Connection) -> Pack | None:
    """Of the oldest events that are not packed, if every group has handled all of their bucket."""
    (oldest,) = connection.execute("SELECT min(position) FROM events").fetchone()
    if oldest is None:
        return None
    bucket, above = oldest // BUCKET, (oldest // BUCKET + 1) * BUCKET
    (newest,) = connection.execute("SELECT max(position) FROM events").fetchone()
    if newest < above - 1 or not _is_handled(connection, above):
        return None
    rows = connection.execute(
        "SELECT position, topic, published_at, envelope FROM events WHERE position < ? ORDER BY position", (above,)
    ).fetchall()
    packed = b"".join(_HEAD.pack(row[0], row[1], len(row[3])) + row[3] for row in rows)
    return Pack(bucket, max(row[2] for row in rows), len(rows), zlib.compress(packed, _LEVEL))


def write(connection: sqlite3.Connection, pack: Pack) -> bool:
    """In the place of its events, if they are still what they were."""
    above = (pack.bucket + 1) * BUCKET
    (count,) = connection.execute("SELECT count(*) FROM events WHERE position < ?", (above,)).fetchone()
    if count != pack.number:
        return False
    connection.execute("DELETE FROM events WHERE position < ?", (above,))
    connection.execute("INSERT INTO event_packs VALUES (?, ?, ?)", (pack.bucket, pack.newest, pack.events))
    return True


def packed_above(connection: sqlite3.Connection, floors: Mapping[int, int], limit: int) -> list[PackedEvent]:
    """Packed events of these topics, each above its floor, in order."""
    found: list[PackedEvent] = []
    packs = connection.execute(
        "SELECT events FROM event_packs WHERE bucket >= ? ORDER BY bucket", (min(floors.values()) // BUCKET,)
    )
    for (events,) in packs:
        for event in _unpacked(events):
            if event.topic in floors and event.position > floors[event.topic]:
                found.append(event)
                if len(found) == limit:
                    return found
    return found


def all_packed(connection: sqlite3.Connection) -> Iterator[PackedEvent]:
    """One pack after the other."""
    bucket = -1
    while row := connection.execute(
        "SELECT bucket, events FROM event_packs WHERE bucket > ? ORDER BY bucket LIMIT 1", (bucket,)
    ).fetchone():
        yield from _unpacked(row[1])
        bucket = row[0]


def packed_in(connection: sqlite3.Connection, bucket: int) -> list[PackedEvent]:
    """Those of a bucket; empty when it is not packed."""
    row = connection.execute("SELECT events FROM event_packs WHERE bucket = ?", (bucket,)).fetchone()
    return [] if row is None else list(_unpacked(row[0]))


def drop_oldest(connection: sqlite3.Connection, before: float) -> Mapping[int, list[int]]:
    """The oldest pack goes if all in it is older and handled by all; which positions of which topics that were."""
    row = connection.execute(
        "SELECT bucket, newest, events FROM event_packs WHERE bucket = (SELECT min(bucket) FROM event_packs)"
    ).fetchone()
    if row is None or row[1] >= before:
        return {}
    gone: dict[int, list[int]] = defaultdict(list)
    for event in _unpacked(row[2]):
        gone[event.topic].append(event.position)
    for topic, positions in gone.items():
        handled = _handled(connection, topic)
        if handled is not None and handled < positions[-1]:  # somebody came who wants all there is
            return {}
    connection.execute("DELETE FROM event_packs WHERE bucket = ?", (row[0],))
    return gone


def _is_handled(connection: sqlite3.Connection, above: int) -> bool:
    """Whether no group has yet to handle an event below that position."""
    for (topic,) in connection.execute("SELECT id FROM topics").fetchall():
        handled = _handled(connection, topic)
        if handled is None:
            continue
        row = connection.execute(
            "SELECT position FROM events WHERE topic = ? AND position > ? ORDER BY position LIMIT 1", (topic, handled)
        ).fetchone()
        if row is not None and row[0] < above:
            return False
    return True


def _handled(connection: sqlite3.Connection, topic: int) -> int | None:
    """Up to where every group has; None when nobody reads the topic."""
    position: int | None = connection.execute(
        "SELECT min(position) FROM positions WHERE topic = ?", (topic,)
    ).fetchone()[0]
    return position


def _unpacked(events: bytes) -> Iterator[PackedEvent]:
    """Raises zlib.error for what is not as it was written."""
    raw, place = zlib.decompress(events), 0
    while place < len(raw):
        position, topic, length = _HEAD.unpack_from(raw, place)
        place += _HEAD.size + length
        yield PackedEvent(position, topic, raw[place - length : place])
