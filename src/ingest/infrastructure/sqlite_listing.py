"""What a list of documents shows, and how many are waiting, from Ingest's SQLite file: the same work however many.

Each question is one row or two, however long the list: SqliteDatabase.read says why.
"""

import heapq
import itertools
import json
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any, Final

from ingest.application.ports import DocumentFilter, Page
from ingest.domain.standing import Status
from ingest.infrastructure.document_rows import DOCUMENTS_QUERY, documents_of
from ingest.infrastructure.sqlite_schema import QUEUE_BUCKET

_SHOWN: Final[tuple[Status, ...]] = ("received", "processing", "searchable", "failed")
_BEFORE_ALL: Final = (1 << 63) - 1
_ALL: Final = -1
"""SQLite's word for no limit."""
_RANGES_AT_ONCE: Final = 100
"""SQLite joins up to 500."""
# What is counted together below each bucket, and what is before each number in its own, one by one.
_POSITIONS: Final = f"""
SELECT
    (SELECT json_group_object(b.value, (SELECT coalesce(sum(number), 0) FROM queue_counts WHERE bucket < b.value))
        FROM json_each(?) AS b),
    (SELECT json_group_object(n.value, (SELECT count(*) FROM documents WHERE status IN ('received', 'processing')
        AND queue_number >= n.value / {QUEUE_BUCKET} * {QUEUE_BUCKET} AND queue_number < n.value))
        FROM json_each(?) AS n)
"""


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
    documents = documents_of(connection.execute(DOCUMENTS_QUERY, (json.dumps(page),)).fetchone()[0])
    return Page(
        [documents[number] for number in page if number in documents],
        page[-1] if len(numbers) > limit else None,
        total,
    )


def positions_of(connection: sqlite3.Connection, queue_numbers: Sequence[int]) -> Mapping[int, int]:
    """DocumentStore.queue_positions."""
    numbers = sorted(set(queue_numbers))
    buckets = sorted({number // QUEUE_BUCKET for number in numbers})
    row = connection.execute(_POSITIONS, (json.dumps(buckets), json.dumps(numbers))).fetchone()
    below, within = (json.loads(part) for part in row)
    return {number: below[str(number // QUEUE_BUCKET)] + within[str(number)] for number in numbers}


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
    condition = "status = ?" if which.collections is None else "collection = ? AND status = ?"
    one = (
        f"SELECT number FROM (SELECT number FROM documents d WHERE listed = 1 AND {condition} AND number < ?{named}"
        " ORDER BY number DESC LIMIT ?)"
    )
    places = list(itertools.product(*([] if which.collections is None else [which.collections]), _statuses(which)))
    found: list[list[int]] = []
    for start in range(0, len(places), _RANGES_AT_ONCE):
        some = places[start : start + _RANGES_AT_ONCE]
        sql = f"SELECT json_group_array(number) FROM ({' UNION ALL '.join([one] * len(some))})"
        given = [value for place in some for value in (*place, *values, limit)]
        found.append(sorted(json.loads(connection.execute(sql, given).fetchone()[0]), reverse=True))
    merged = heapq.merge(*found, reverse=True)
    return list(merged if limit == _ALL else itertools.islice(merged, limit))


def _listed(connection: sqlite3.Connection, which: DocumentFilter) -> int:
    """How many documents `_numbers` has without a limit."""
    statuses = _statuses(which)
    sql = f"SELECT coalesce(sum(number), 0) FROM document_counts WHERE status IN ({', '.join('?' * len(statuses))})"
    given: list[str] = [*statuses]
    if which.collections is not None:
        sql += " AND collection IN (SELECT value FROM json_each(?))"
        given.append(json.dumps(sorted(which.collections)))
    return int(connection.execute(sql, given).fetchone()[0])
