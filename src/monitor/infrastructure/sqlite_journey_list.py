"""Lists and counts of journeys from Monitor's SQLite file: the same work however many there are."""

import heapq
import itertools
import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from monitor.application.ports import JourneyQuery
from monitor.domain.journey import UNFINISHED, State
from monitor.infrastructure.journey_rows import microseconds
from shared.infrastructure.sqlite.kept_counts import kept_counts
from shared.infrastructure.sqlite.schema import Step

_INDEXES: Final = """
ALTER TABLE journeys ADD COLUMN collection TEXT;
UPDATE journeys SET collection =
    (SELECT collection FROM documents WHERE documents.document_id = journeys.document_id);
DROP INDEX IF EXISTS journeys_by_start;
DROP INDEX IF EXISTS journeys_by_state;
DROP INDEX IF EXISTS journeys_by_end;
CREATE INDEX journeys_listed ON journeys (state, started_at, document_id) WHERE newest = 1;
CREATE INDEX journeys_of_collection ON journeys (collection, state, started_at, document_id) WHERE newest = 1;
CREATE INDEX journeys_under_way ON journeys (state, waits_for, collection, last_event_at)
    WHERE newest = 1 AND state IN ('received', 'processing', 'withdrawing');
CREATE INDEX journeys_finished ON journeys (state, finished_at, collection) WHERE finished_at IS NOT NULL;
"""
_UNDER_WAY: Final = "newest = 1 AND state IN ('received', 'processing', 'withdrawing')"
PAST: Final = "(newest = 0 OR state = 'withdrawn')"
"""Journeys that go after a time."""
STEPS: Final = (
    Step("journeys_sorted", _INDEXES),
    Step(
        "journeys_counted",
        kept_counts(
            "journey_counts",
            of="journeys",
            by={
                "state": "row.state",
                "waits_for": "coalesce(row.waits_for, '')",
                "collection": "coalesce(row.collection, '')",
            },
            where="row.newest = 1",
        ),
    ),
    Step("journeys_of_the_past", f"CREATE INDEX journeys_past ON journeys (last_event_at) WHERE {PAST};"),
    Step("journeys_get_on", "ALTER TABLE journeys ADD COLUMN progress_at INTEGER;"),
    Step(
        "documents_folded", "ALTER TABLE documents ADD COLUMN folded TEXT; UPDATE documents SET folded = lower(name);"
    ),
)
_SORTED_AT_ONCE: Final = 1_000
"""Of so few silent journeys all are read and sorted; of more, those in order are asked whether they are silent."""


class Place(NamedTuple):
    """Where a journey stands in a list: the microsecond in which it started, and its document."""

    started_at: int
    document_id: str


class _Group(NamedTuple):
    """A row of `journey_counts`: None as the journeys have it."""

    state: str
    waits_for: str | None
    collection: str | None
    number: int


def count(connection: sqlite3.Connection, query: JourneyQuery) -> int:
    """JourneyStore.count."""
    if query.words:
        return _counted_one_by_one(connection, query)
    groups = _groups(connection, query)
    if query.silent_since is None:
        return sum(group.number for group in groups)
    return sum(
        connection.execute(f"SELECT count(*) FROM journeys WHERE {_SILENT}", _silent(group, query)).fetchone()[0]
        for group in groups
    )


def count_by_state(connection: sqlite3.Connection, query: JourneyQuery) -> Mapping[State, int]:
    """JourneyStore.count_by_state."""
    counts: dict[State, int] = {}
    for group in _groups(connection, query):
        counts[State(group.state)] = counts.get(State(group.state), 0) + group.number
    return counts


def newest(connection: sqlite3.Connection, query: JourneyQuery, after: Place | None, limit: int) -> Sequence[Place]:
    """JourneyStore.newest, without what is known of each."""
    if query.words or query.silent_since is None or count(connection, query) > _SORTED_AT_ONCE:
        return list(itertools.islice(heapq.merge(*_ranges(connection, query, after, limit), reverse=True), limit))
    found = (
        Place(*row)
        for group in _groups(connection, query)
        for row in connection.execute(
            f"SELECT started_at, document_id FROM journeys WHERE {_SILENT}", _silent(group, query)
        ).fetchall()
    )
    return heapq.nlargest(limit, (place for place in found if after is None or place < after))


_SILENT: Final = f"{_UNDER_WAY} AND state = ? AND waits_for IS ? AND collection IS ? AND last_event_at < ?"


def _silent(group: _Group, query: JourneyQuery) -> tuple[object, ...]:
    assert query.silent_since is not None
    return (group.state, group.waits_for, group.collection, microseconds(query.silent_since))


def _groups(connection: sqlite3.Connection, query: JourneyQuery) -> Sequence[_Group]:
    """Those with a journey that the query wants, but for its silence."""
    states = _states(query)
    rows = [
        row
        for state in states
        for row in connection.execute(
            "SELECT state, nullif(waits_for, ''), nullif(collection, ''), number FROM journey_counts WHERE state = ?",
            (state,),
        ).fetchall()
    ]
    return [
        group
        for group in itertools.starmap(_Group, rows)
        if group.waits_for not in query.not_waiting_for
        and (query.collections is None or group.collection in query.collections)
    ]


def _states(query: JourneyQuery) -> Sequence[State]:
    states = frozenset(State) if query.states is None else query.states
    # Only what is under way can be silent.
    return sorted(states if query.silent_since is None else states & UNFINISHED)


def _ranges(
    connection: sqlite3.Connection, query: JourneyQuery, after: Place | None, limit: int
) -> Iterator[list[Place]]:
    """For each state (and collection) the first journeys, last started first, each from one range of an index."""
    also, values = _looked_at(query)
    if after is not None:
        also += " AND (started_at, document_id) < (?, ?)"
        values += after
    for condition, place in _places(query):
        rows = connection.execute(
            "SELECT json_group_array(json_array(started_at, document_id)) FROM"
            f" (SELECT started_at, document_id FROM journeys WHERE newest = 1 AND {condition}{also}"
            " ORDER BY started_at DESC, document_id DESC LIMIT ?)",
            (*place, *values, limit),
        )
        yield sorted(itertools.starmap(Place, json.loads(rows.fetchone()[0])), reverse=True)


def _counted_one_by_one(connection: sqlite3.Connection, query: JourneyQuery) -> int:
    also, values = _looked_at(query)
    return sum(
        connection.execute(
            f"SELECT count(*) FROM journeys WHERE newest = 1 AND {condition}{also}", (*place, *values)
        ).fetchone()[0]
        for condition, place in _places(query)
    )


def _places(query: JourneyQuery) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The ranges of an index that together hold what the query wants."""
    condition = "state = ?" if query.collections is None else "collection = ? AND state = ?"
    collections = () if query.collections is None else (sorted(query.collections),)
    return ((condition, place) for place in itertools.product(*collections, _states(query)))


def _looked_at(query: JourneyQuery) -> tuple[str, list[Any]]:
    """Conditions on journeys that no range answers, and their values."""
    condition, values = "", list[Any]()
    if query.silent_since is not None:
        condition, values = " AND last_event_at < ?", [microseconds(query.silent_since)]
    if query.not_waiting_for:
        condition += f" AND (waits_for IS NULL OR waits_for NOT IN ({', '.join('?' * len(query.not_waiting_for))}))"
        values += sorted(query.not_waiting_for)
    if query.words:
        named = " AND ".join(["instr(folded, ?)"] * len(query.words))
        meant = f"EXISTS (SELECT 1 FROM documents d WHERE d.document_id = journeys.document_id AND {named})"
        values += query.words
        if query.id_begins is not None:
            meant = f"({meant} OR substr(document_id, 1, ?) = ?)"
            values += (len(query.id_begins), query.id_begins)
        condition += f" AND {meant}"
    return condition, values
