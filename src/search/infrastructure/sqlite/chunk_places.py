"""Where the chunks of a version lie in search.sqlite: one after the other, the one with ordinal n at the first + n.

By their names, of 36 characters in each row and once more in an index, they took a quarter more room, and two looks
instead of one.
"""

import sqlite3
from collections.abc import Sequence

from shared.kernel import DocumentId


def put_chunks(connection: sqlite3.Connection, chunks: Sequence[tuple[int, bytes]]) -> tuple[int, int]:
    """Ordinal and bytes of each, behind all that there are: their first place and their last."""
    (first,) = connection.execute("SELECT coalesce(max(place), 0) + 1 FROM chunk_places").fetchone()
    rows = [(first + ordinal, chunk) for ordinal, chunk in chunks]
    connection.executemany("INSERT INTO chunk_places VALUES (?, ?)", rows)
    return first, max((place for place, _ in rows), default=first - 1)


def remove_chunks(
    connection: sqlite3.Connection, document_id: DocumentId, version: int, *, only_retired: bool = False
) -> None:
    """Those of a version, if it is there; its row is left, and is to be replaced or deleted."""
    retired = " AND live_until IS NOT NULL" if only_retired else ""
    sql = f"SELECT first_place, last_place FROM versions WHERE document_id = ? AND version = ?{retired}"
    for first, last in connection.execute(sql, (document_id, version)).fetchall():
        connection.execute("DELETE FROM chunk_places WHERE place BETWEEN ? AND ?", (first, last))
