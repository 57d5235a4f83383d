"""What a list of documents shows, and how many are waiting, from Ingest's SQLite file: the same work however many.

Each question is one row or two, however long the list: SqliteDatabase.read says why.
"""

import heapq
import itertools
import json
import re
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any, Final

from ingest.application.listing_order import RANKS, DocumentSort, Place, key_of, place_of
from ingest.application.ports import DocumentFilter, Page
from ingest.domain.standing import Status
from ingest.infrastructure.document_rows import DOCUMENTS_QUERY, documents_of
from ingest.infrastructure.sqlite_schema import QUEUE_BUCKET

_SHOWN: Final[tuple[Status, ...]] = ("received", "processing", "searchable", "failed")
_BEFORE_ALL: Final = (1 << 63) - 1
_FIRST: Final = -1
"""Below every number."""
_FEW: Final = 2_000
_Found = tuple[int, Place]
"""A document's number and its place."""
_ALL: Final = -1
"""SQLite's word for no limit."""
_STANDS_AS_IT_IS: Final = re.compile(r"[^\x00-\x1f\"\\]*[^\x00-\x1f\"\\\[\], ][^\x00-\x1f\"\\]*")
"""Text that JSON writes as it is, with a sign in it that is none of those between the strings of a list."""
_RANGES_AT_ONCE: Final = 100
"""SQLite joins up to 500."""
_PLACES: Final = """
SELECT json_group_array(json_array(d.number, d.sort_name, d.size, d.status))
FROM json_each(?) AS wanted CROSS JOIN documents d ON d.number = wanted.value
"""
# What is counted together below each bucket, and what is before each number in its own, one by one.
_POSITIONS: Final = f"""
SELECT
    (SELECT json_group_object(b.value, (SELECT coalesce(sum(number), 0) FROM queue_counts WHERE bucket < b.value))
        FROM json_each(?) AS b),
    (SELECT json_group_object(n.value, (SELECT count(*) FROM documents WHERE status IN ('received', 'processing')
        AND queue_number >= n.value / {QUEUE_BUCKET} * {QUEUE_BUCKET} AND queue_number < n.value))
        FROM json_each(?) AS n)
"""


def page_of(
    connection: sqlite3.Connection,
    which: DocumentFilter,
    sort: DocumentSort,
    after: Place | None,
    limit: int,
    *,
    few: int = _FEW,
) -> Page:
    """DocumentStore.find. What no index answers is sorted where it is `few`, else walked in the order asked for."""
    if which.parent is None and not which.looks_inside:
        total = _listed(connection, which)
        found = _walked(connection, which, sort, after, limit + 1, total)
    else:
        # Parts of names and types have no index: of all that are listed they are looked at.
        named = _all_of(connection, which, most=few)
        if named is not None:
            total = len(named)
            found = _sorted(connection, named, sort, after)[: limit + 1]
        else:
            total = _counted_inside(connection, which)
            found = _walked(connection, which, sort, after, limit + 1, total)
    page = [number for number, _ in found[:limit]]
    documents = documents_of(connection.execute(DOCUMENTS_QUERY, (json.dumps(page),)).fetchone()[0])
    return Page(
        [documents[number] for number in page if number in documents],
        found[limit - 1][1] if len(found) > limit else None,
        total,
    )


def positions_of(connection: sqlite3.Connection, queue_numbers: Sequence[int]) -> Mapping[int, int]:
    """DocumentStore.queue_positions."""
    numbers = sorted(set(queue_numbers))
    buckets = sorted({number // QUEUE_BUCKET for number in numbers})
    row = connection.execute(_POSITIONS, (json.dumps(buckets), json.dumps(numbers))).fetchone()
    below, within = (json.loads(part) for part in row)
    return {number: below[str(number // QUEUE_BUCKET)] + within[str(number)] for number in numbers}


def _all_of(connection: sqlite3.Connection, which: DocumentFilter, *, most: int) -> list[int] | None:
    """None where there are more; the parts of one document are had whole."""
    if which.parent is not None:
        return _numbers_of_parts(connection, which)
    found = _numbers(connection, which, _statuses(which), limit=most + 1)
    return found if len(found) <= most else None


def _walked(
    connection: sqlite3.Connection,
    which: DocumentFilter,
    sort: DocumentSort,
    after: Place | None,
    limit: int,
    total: int,
) -> list[_Found]:
    """The next so many by an index; few are sorted rather than looked for among all others of their collections."""
    if sort in (DocumentSort.NAME, DocumentSort.SIZE):
        if which.status is not None and total <= _FEW:
            return _sorted(connection, _numbers(connection, which, _statuses(which), limit=_ALL), sort, after)[:limit]
        return _by_index(connection, which, sort, after, limit)
    last = None if after is None else int(after[-1])
    if sort is DocumentSort.STATUS:
        found: list[_Found] = []
        first = -1 if after is None else int(after[0])
        for status in sorted(_statuses(which), key=RANKS.__getitem__):
            rank = RANKS[status]
            if rank >= first and len(found) < limit:
                some = _numbers(
                    connection, which, (status,), beyond=last if rank == first else None, limit=limit - len(found)
                )
                found += [(number, (rank, number)) for number in some]
        return found
    rising = sort is DocumentSort.OLDEST
    numbers = _numbers(connection, which, _statuses(which), beyond=last, rising=rising, limit=limit)
    return [(number, (number,)) for number in numbers]


def _sorted(
    connection: sqlite3.Connection, numbers: Sequence[int], sort: DocumentSort, after: Place | None
) -> list[_Found]:
    if sort in (DocumentSort.NEWEST, DocumentSort.OLDEST):
        found: list[_Found] = [(number, (number,)) for number in numbers]
    else:
        row = connection.execute(_PLACES, (json.dumps(numbers),)).fetchone()
        found = [
            (number, place_of(sort, number, sort_name=name, size=size, status=status))
            for number, name, size, status in json.loads(row[0])
        ]
    keyed = sorted((key_of(sort, place), number, place) for number, place in found)
    beyond = None if after is None else key_of(sort, after)
    return [(number, place) for key, number, place in keyed if beyond is None or key > beyond]


def _by_index(
    connection: sqlite3.Connection, which: DocumentFilter, sort: DocumentSort, after: Place | None, limit: int
) -> list[_Found]:
    """Each collection is a range of an index."""
    column, index, order, than, start = (
        ("sort_name", "listed_by_name", "ASC", ">", ("", _FIRST))
        if sort is DocumentSort.NAME
        else ("size", "listed_by_size", "DESC", "<", (_BEFORE_ALL, _BEFORE_ALL))
    )
    statuses = _statuses(which)
    looked_at, wanted = _inside(which)
    one = (
        f"SELECT {column}, number FROM (SELECT {column}, number FROM documents d INDEXED BY {index} WHERE listed = 1"
        f" AND collection = ? AND ({column}, number) {than} (?, ?) AND status IN ({', '.join('?' * len(statuses))})"
        f"{looked_at} ORDER BY {column} {order}, number {order} LIMIT ?)"
    )
    collections = sorted(_collections(connection) if which.collections is None else which.collections)
    found: list[Place] = []
    for first in range(0, len(collections), _RANGES_AT_ONCE):
        some = collections[first : first + _RANGES_AT_ONCE]
        sql = f"SELECT json_group_array(json_array({column}, number)) FROM ({' UNION ALL '.join([one] * len(some))})"
        given = [value for name in some for value in (name, *(after or start), *statuses, *wanted, limit)]
        found += [tuple(place) for place in json.loads(connection.execute(sql, given).fetchone()[0])]
    return [(int(place[-1]), place) for place in sorted(found, key=lambda place: key_of(sort, place))[:limit]]


def _collections(connection: sqlite3.Connection) -> list[str]:
    return [row[0] for row in connection.execute("SELECT DISTINCT collection FROM document_counts")]


def _statuses(which: DocumentFilter) -> Sequence[Status]:
    return _SHOWN if which.status is None else (which.status,)


def _numbers(
    connection: sqlite3.Connection,
    which: DocumentFilter,
    statuses: Sequence[Status],
    *,
    beyond: int | None = None,
    rising: bool = False,
    limit: int,
) -> list[int]:
    """Of what is listed, highest first, or lowest. Each collection and status is a range of an index."""
    looked_at, wanted = _inside(which)
    than, order, start = (">", "ASC", _FIRST) if rising else ("<", "DESC", _BEFORE_ALL)
    values: list[Any] = [start if beyond is None else beyond, *wanted]
    condition = "status = ?" if which.collections is None else "collection = ? AND status = ?"
    one = (
        f"SELECT number FROM (SELECT number FROM documents d WHERE listed = 1 AND {condition} AND number {than} ?"
        f"{looked_at} ORDER BY number {order} LIMIT ?)"
    )
    places = _places(which, statuses)
    found: list[list[int]] = []
    for first in range(0, len(places), _RANGES_AT_ONCE):
        some = places[first : first + _RANGES_AT_ONCE]
        sql = f"SELECT json_group_array(number) FROM ({' UNION ALL '.join([one] * len(some))})"
        given = [value for place in some for value in (*place, *values, limit)]
        found.append(sorted(json.loads(connection.execute(sql, given).fetchone()[0]), reverse=not rising))
    merged = heapq.merge(*found, reverse=not rising)
    return list(merged if limit == _ALL else itertools.islice(merged, limit))


def _counted_inside(connection: sqlite3.Connection, which: DocumentFilter) -> int:
    """How many documents `_numbers` has without a limit, where each must be looked at."""
    looked_at, wanted = _inside(which)
    condition = "status = ?" if which.collections is None else "collection = ? AND status = ?"
    sql = f"SELECT count(*) FROM documents d WHERE listed = 1 AND {condition}{looked_at}"
    return sum(
        int(connection.execute(sql, (*place, *wanted)).fetchone()[0]) for place in _places(which, _statuses(which))
    )


def _places(which: DocumentFilter, statuses: Sequence[Status]) -> list[tuple[str, ...]]:
    """Collection and status of each range of the index, or the status alone."""
    return list(itertools.product(*([] if which.collections is None else [which.collections]), statuses))


def _numbers_of_parts(connection: sqlite3.Connection, which: DocumentFilter) -> list[int]:
    """Of what was found in one document and is listed."""
    sql = (
        "SELECT number FROM documents d WHERE parent = ? AND listed = 1 AND status IN (SELECT value FROM json_each(?))"
    )
    given: list[Any] = [which.parent, json.dumps(_statuses(which))]
    if which.collections is not None:
        sql += " AND collection IN (SELECT value FROM json_each(?))"
        given.append(json.dumps(sorted(which.collections)))
    looked_at, wanted = _inside(which)
    return [row[0] for row in connection.execute(sql + looked_at, [*given, *wanted])]


def _inside(which: DocumentFilter) -> tuple[str, list[str]]:
    """Conditions on documents `d` that no range of an index answers, and their values."""
    condition, values = "", list[str]()
    if which.name_contains is not None:
        named, pattern = _named(which.name_contains)
        condition, values = condition + named, [*values, pattern]
    if which.media_type is not None:
        condition += " AND d.media_type = ?"
        values.append(which.media_type)
    return condition, values


def _named(text: str) -> tuple[str, str]:
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    if _STANDS_AS_IT_IS.fullmatch(text):
        # Within one name, then: to take the list of names apart took most of the time.
        return (
            " AND EXISTS (SELECT 1 FROM labels l WHERE l.number = d.number AND l.names LIKE ? ESCAPE '\\')",
            f"%{escaped}%",
        )
    condition = (
        " AND EXISTS (SELECT 1 FROM labels l, json_each(l.names) n"
        " WHERE l.number = d.number AND n.value LIKE ? ESCAPE '\\')"
    )
    return condition, f"%{escaped}%"


def _listed(connection: sqlite3.Connection, which: DocumentFilter) -> int:
    """How many documents `_numbers` has without a limit."""
    statuses = _statuses(which)
    sql = f"SELECT coalesce(sum(number), 0) FROM document_counts WHERE status IN ({', '.join('?' * len(statuses))})"
    given: list[str] = [*statuses]
    if which.collections is not None:
        sql += " AND collection IN (SELECT value FROM json_each(?))"
        given.append(json.dumps(sorted(which.collections)))
    return int(connection.execute(sql, given).fetchone()[0])
