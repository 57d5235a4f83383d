"""What leaves the embedded event log: events that are older than the retention, and that every group has handled."""

import itertools
import sqlite3
from typing import Final

from shared.infrastructure.sqlite import event_counts, event_packs

TRIM_BATCH: Final = 2000


def trim_pack(connection: sqlite3.Connection, oldest: float) -> int:
    """The oldest pack goes, if all in it may; how many events that was."""
    gone = event_packs.drop_oldest(connection, oldest)
    for topic, positions in gone.items():
        event_counts.remove(connection, topic, positions)
    return sum(map(len, gone.values()))


def trim_topic(connection: sqlite3.Connection, topic: int, oldest: float) -> int:
    """Of what is not packed, at most TRIM_BATCH of the topic; how many events that was."""
    (below,) = connection.execute("SELECT min(position) FROM positions WHERE topic = ?", (topic,)).fetchone()
    # Instants rise with positions, so the first that is young enough ends the search.
    rows = connection.execute(
        "SELECT position, published_at FROM events WHERE topic = ?1 AND (?2 IS NULL OR position <= ?2)"
        " ORDER BY position LIMIT ?3",
        (topic, below, TRIM_BATCH),
    ).fetchall()
    old = list(itertools.takewhile(lambda row: row["published_at"] < oldest, rows))
    if old:
        connection.execute("DELETE FROM events WHERE topic = ? AND position <= ?", (topic, old[-1]["position"]))
        event_counts.remove(connection, topic, [row["position"] for row in old])
    return len(old)
