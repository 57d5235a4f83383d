"""How many events lie above a place in the log, without walking over them: a count for every 256 positions.

Kept by who writes events, a row for each batch: a trigger would cost as much for each event as the event itself.
"""

import sqlite3
from collections.abc import Iterable
from typing import Final

from shared.infrastructure.sqlite.event_packs import BUCKET, all_packed, packed_in
from shared.infrastructure.sqlite.schema import Schema

EVENT_COUNTS: Final = Schema(
    """
CREATE TABLE IF NOT EXISTS event_counts (
    topic INTEGER NOT NULL,
    bucket INTEGER NOT NULL,
    number INTEGER NOT NULL,
    last INTEGER NOT NULL,
    PRIMARY KEY (topic, bucket)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS event_counts_last ON event_counts (last);
"""
)


def add(connection: sqlite3.Connection, topics: Iterable[int], first: int) -> None:
    """Events of these topics were put at positions from `first` on, in the same transaction."""
    counts: dict[tuple[int, int], tuple[int, int]] = {}
    for position, topic in enumerate(topics, first):
        place = (topic, position // BUCKET)
        counts[place] = (counts.get(place, (0, 0))[0] + 1, position)
    connection.executemany(
        "INSERT INTO event_counts VALUES (?, ?, ?, ?)"
        " ON CONFLICT (topic, bucket) DO UPDATE SET number = number + excluded.number, last = excluded.last",
        [(*place, *count) for place, count in counts.items()],
    )


def remove(connection: sqlite3.Connection, topic: int, positions: Iterable[int]) -> None:
    """These events of the topic were deleted, in the same transaction; none below them is left."""
    counts: dict[int, int] = {}
    for position in positions:
        counts[position // BUCKET] = counts.get(position // BUCKET, 0) + 1
    connection.executemany(
        "UPDATE event_counts SET number = number - ? WHERE topic = ? AND bucket = ?",
        [(number, topic, bucket) for bucket, number in counts.items()],
    )
    # All that is below what was deleted is empty, but the last row says how far was counted.
    newest = connection.execute("SELECT max(last) FROM event_counts").fetchone()[0]
    connection.execute(
        "DELETE FROM event_counts WHERE topic = ? AND bucket <= ? AND number <= 0 AND last != ?",
        (topic, max(counts, default=-1), newest),
    )


def count_above(connection: sqlite3.Connection, topic: int, position: int) -> int:
    """How many events of the topic are newer."""
    start = position // BUCKET + 1
    whole = connection.execute(
        "SELECT coalesce(sum(number), 0) FROM event_counts WHERE topic = ? AND bucket >= ?", (topic, start)
    ).fetchone()[0]
    newest = connection.execute(
        "SELECT last FROM event_counts WHERE topic = ? AND bucket = ?", (topic, start - 1)
    ).fetchone()
    if newest is None or newest[0] <= position:  # as for whoever has handled what is packed
        return int(whole)
    rest = connection.execute(
        "SELECT count(*) FROM events WHERE topic = ? AND position > ? AND position < ?",
        (topic, position, start * BUCKET),
    ).fetchone()[0]
    packed = packed_in(connection, start - 1)
    return int(whole + rest) + sum(event.topic == topic and event.position > position for event in packed)


def count_anew(connection: sqlite3.Connection) -> None:
    """Where the log's head is not the last that was counted: an older Seoga wrote it."""
    head = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'events'").fetchone()
    counted = connection.execute("SELECT max(last) FROM event_counts").fetchone()[0]
    if counted == (head[0] if head else None):
        return
    connection.execute("DELETE FROM event_counts")
    connection.execute(
        "INSERT INTO event_counts SELECT topic, position / ?1, count(*), max(position) FROM events GROUP BY 1, 2",
        (BUCKET,),
    )
    for event in all_packed(connection):
        add(connection, (event.topic,), event.position)
