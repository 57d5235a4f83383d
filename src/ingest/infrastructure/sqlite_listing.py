"""What a list of documents shows, and how many are waiting, from Ingest's SQLite file: the same work however many."""

import heapq
import itertools
import sqlite3
from collections.abc import Sequence
from typing import Any, Final

from ingest.application.ports import DocumentFilter, Page
from ingest.domain.standing import Status
from ingest.infrastructure.document_rows import DOCUMENT_QUERY, document_of
from ingest.infrastructure.sqlite_schema import QUEUE_BUCKET

_SHOWN: Final[tuple[Status, ...]] = ("received", "processing", "searchable", "failed")
_BEFORE_ALL: Final = (1 << 63) - 1
_ALL: Final = -1
"""SQLite's word for no limit."""


def page_of(connection: sqlite3.Connection, which: DocumentFilter, before: int | None, limit: int) -> Page:
    """DocumentStore.find."""
    if which.name_contains is None:
        total = _listed(connection, which)
        numbers = _numbers(connection, which, before=_BEFORE_ALL if before is None else before, limit=limit + 1)
    else:
        # Names have no index for their parts: those of all that are listed are looked at.
        named = _numbers(connection, which, before=_BEFORE_ALL, limit=_ALL)
        total = len(named)
        numbers = [number for number in named if before is None or number < before][: limit + 1]
    page = numbers[:limit]
    documents = [
        document_of(connection.execute(DOCUMENT_QUERY + "WHERE d.number = ?", (number,)).fetchone()) for number in page
    ]
    return Page(documents, page[-1] if len(numbers) > limit else None, total)


def _statuses(which: DocumentFilter) -> Sequence[Status]:
    return _SHOWN if which.status is None else (which.status,)


def _numbers(connection: sqlite3.Connection, which: DocumentFilter, *, before: int, limit: int) -> list[int]:
    """Of what is listed, highest first. Each collection and status is a range of an index."""
    named, values = "", list[Any]((before,))
    if which.name_contains is not None:
        escaped = which.name_contains.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        named = (
            " AND EXISTS (SELECT 1 FROM labels l, json_each(l.names) n"
            " WHERE l.number = d.number AND n.value LIKE ? ESCAPE '\\')"
        )
        values.append(f"%{escaped}%")
    found: list[list[int]] = []
    for place in itertools.product(*([] if which.collections is None else [which.collections]), _statuses(which)):
        condition = "status = ?" if which.collections is None else "collection = ? AND status = ?"
        rows = connection.execute(
            f"SELECT number FROM documents d WHERE listed = 1 AND {condition} AND number < ?{named}"
            " ORDER BY number DESC LIMIT ?",
            (*place, *values, limit),
        )
        found.append([row["number"] for row in rows])
    merged = heapq.merge(*found, reverse=True)
    return list(merged if limit == _ALL else itertools.islice(merged, limit))


def _listed(connection: sqlite3.Connection, which: DocumentFilter) -> int:
    """How many documents `_numbers` has from the beginning."""
    if which.collections is None:
        # One row for each collection and status.
        rows = connection.execute("SELECT status, sum(number) AS number FROM document_counts GROUP BY status")
        wanted = _statuses(which)
        return sum(row["number"] for row in rows if row["status"] in wanted)
    counts = (
        connection.execute(
            "SELECT number FROM document_counts WHERE collection = ? AND status = ?", (collection, status)
        ).fetchone()
        for collection in which.collections
        for status in _statuses(which)
    )
    return sum(row["number"] for row in counts if row is not None)


def unfinished(connection: sqlite3.Connection, start: int, end: int) -> int:
    """How many are on their way of those with these queue numbers, `end` not included."""
    one_by_one = (
        "SELECT count(*) FROM documents WHERE status IN ('received', 'processing') "
        "AND queue_number >= ? AND queue_number < ?"
    )
    first, last = -(-start // QUEUE_BUCKET), end // QUEUE_BUCKET
    if first >= last:
        return int(connection.execute(one_by_one, (start, end)).fetchone()[0])
    whole = connection.execute(
        "SELECT coalesce(sum(number), 0) FROM queue_counts WHERE bucket >= ? AND bucket < ?", (first, last)
    ).fetchone()[0]
    before, after = ((start, first * QUEUE_BUCKET), (last * QUEUE_BUCKET, end))
    return int(whole + sum(connection.execute(one_by_one, part).fetchone()[0] for part in (before, after)))
