"""Journeys in SQLite: the steps as they were told, and beside them one row per journey for lists and counts."""

import functools
import itertools
import json
import sqlite3
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Final

from typing_extensions import override

from monitor.application.ports import DocumentLabels, JourneyQuery, JourneyStore, KnownJourney, Recent, ToldStep
from monitor.domain.journey import Journey, Progress, State, Step, StepKind
from monitor.infrastructure import sqlite_journey_list, sqlite_journey_writes
from monitor.infrastructure.journey_rows import instant, microseconds, place_of
from shared.infrastructure.sqlite.database import SqliteDatabase
from shared.infrastructure.sqlite.schema import Schema
from shared.kernel import DocumentId
from shared.vocabulary import INDEX

# Instants are microseconds since 1970.
_TABLES: Final = """
CREATE TABLE IF NOT EXISTS documents (
    document_id TEXT PRIMARY KEY, label_version INTEGER NOT NULL, collection TEXT NOT NULL, name TEXT
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS steps (
    arrival INTEGER PRIMARY KEY,
    document_id TEXT NOT NULL, version INTEGER NOT NULL, identity TEXT NOT NULL,
    kind TEXT NOT NULL, stage TEXT NOT NULL, occurred_at INTEGER NOT NULL, seconds REAL, detail TEXT NOT NULL,
    event_id TEXT NOT NULL, UNIQUE (document_id, version, identity)
);
CREATE TABLE IF NOT EXISTS journeys (
    document_id TEXT NOT NULL, version INTEGER NOT NULL, newest INTEGER NOT NULL, state TEXT NOT NULL,
    waits_for TEXT, started_at INTEGER NOT NULL, last_event_at INTEGER NOT NULL, finished_at INTEGER,
    total_seconds REAL, PRIMARY KEY (document_id, version)
) WITHOUT ROWID;
"""
SCHEMA: Final = Schema(_TABLES, sqlite_journey_list.STEPS)
# Each with its steps, all in one row: SqliteDatabase.read says why.
_KNOWN: Final = """
SELECT json_group_array(json_array(j.document_id, j.version, j.newest, j.progress_at, j.collection, d.name,
    (SELECT json_group_array(json_array(kind, occurred_at, stage, seconds, detail, event_id)) FROM steps s
        WHERE s.document_id = j.document_id AND s.version = j.version)))
FROM json_each(?) AS asked CROSS JOIN journeys j ON j.document_id = asked.value
LEFT JOIN documents d ON d.document_id = j.document_id
"""
# A stage whose artefact was there already tells nothing of how long the stage takes.
_RECENT: Final = """
SELECT json_group_array(json_array(kind, stage, seconds)) FROM
    (SELECT kind, stage, seconds, detail FROM steps ORDER BY arrival DESC LIMIT ?)
WHERE seconds IS NOT NULL AND detail != 'reused'
"""
_TOTALS: Final = """
SELECT json_group_array(total_seconds) FROM
    (SELECT total_seconds FROM journeys WHERE state = ? AND finished_at IS NOT NULL ORDER BY finished_at DESC LIMIT ?)
"""


_ADVANCE: Final = """
UPDATE journeys SET progress_at = ?1, last_event_at = max(last_event_at, ?1)
WHERE document_id = ?2 AND version = ?3 AND newest = 1 AND coalesce(progress_at, 0) < ?1
"""


class SqliteJourneys(JourneyStore):
    """JourneyStore on one SQLite file."""

    def __init__(self, database: SqliteDatabase) -> None:
        self._database = database

    @override
    async def add(self, document_id: DocumentId, version: int, step: Step, labels: DocumentLabels | None) -> bool:
        (is_new,) = await self.add_all([ToldStep(document_id, version, step, labels)])
        return is_new

    @override
    async def add_all(self, told: Sequence[ToldStep]) -> Sequence[bool]:
        return await self._database.write(functools.partial(sqlite_journey_writes.add, told=told))

    @override
    async def advance(self, progress: Collection[Progress]) -> None:
        rows = [(microseconds(one.at), one.document_id, one.version) for one in progress]

        def write(connection: sqlite3.Connection) -> None:
            connection.executemany(_ADVANCE, rows)

        await self._database.write(write)

    @override
    async def label(self, labels: DocumentLabels) -> None:
        await self._database.write(lambda connection: sqlite_journey_writes.label(connection, [labels]))

    @override
    async def of_document(self, document_id: DocumentId) -> Sequence[KnownJourney]:
        known = await self._database.read(lambda connection: _known(connection, [document_id]))
        return sorted(known, key=lambda one: one.journey.version)

    @override
    async def newest(
        self, query: JourneyQuery, *, after: tuple[str, str] | None, limit: int
    ) -> Sequence[tuple[tuple[str, str], KnownJourney]]:
        place = None if after is None else sqlite_journey_list.Place(int(after[0]), after[1])

        def read(connection: sqlite3.Connection) -> list[tuple[tuple[str, str], KnownJourney]]:
            found = sqlite_journey_list.newest(connection, query, place, limit)
            of = {
                one.journey.document_id: one
                for one in _known(connection, [document_id for _, document_id in found])
                if one.is_newest
            }
            return [((str(at), document_id), of[DocumentId(document_id)]) for at, document_id in found]

        return await self._database.read(read)

    @override
    def place_of(self, instant: datetime) -> tuple[str, str]:
        return place_of(instant)

    @override
    async def count(self, query: JourneyQuery) -> int:
        return await self._database.read(lambda connection: sqlite_journey_list.count(connection, query))

    @override
    async def count_by_state(self, collections: frozenset[str] | None) -> Mapping[State, int]:
        query = JourneyQuery(collections=collections)
        return await self._database.read(lambda connection: sqlite_journey_list.count_by_state(connection, query))

    @override
    async def count_finished(self, state: State, since: datetime, collections: frozenset[str] | None) -> int:
        sql = "SELECT count(*) FROM journeys WHERE state = ? AND finished_at >= ?"
        values: list[object] = [state, microseconds(since)]
        if collections is not None:
            sql += f" AND collection IN ({_marks(collections)})"
            values += sorted(collections)
        return await self._database.read(lambda connection: int(connection.execute(sql, values).fetchone()[0]))

    @override
    async def recent(self, limit: int) -> Recent:
        def read(connection: sqlite3.Connection) -> Recent:
            stages: dict[str, list[float]] = {}
            for kind, stage, seconds in json.loads(connection.execute(_RECENT, (limit,)).fetchone()[0]):
                stages.setdefault(INDEX if kind == StepKind.INDEXED else stage, []).append(seconds)
            totals = connection.execute(_TOTALS, (State.SEARCHABLE, limit // 8)).fetchone()[0]
            return Recent(stages, json.loads(totals))

        return await self._database.read(read)

    @override
    async def forget(self, before: datetime, limit: int) -> int:
        def write(connection: sqlite3.Connection) -> int:
            found = connection.execute(
                f"SELECT document_id, version FROM journeys WHERE {sqlite_journey_list.PAST} AND last_event_at < ?"
                " ORDER BY last_event_at LIMIT ?",
                (microseconds(before), limit),
            ).fetchall()
            gone = [(row["document_id"], row["version"]) for row in found]
            for table in ("steps", "journeys"):
                connection.executemany(f"DELETE FROM {table} WHERE document_id = ? AND version = ?", gone)
            connection.executemany(
                "DELETE FROM documents WHERE document_id = ?1"
                " AND NOT EXISTS (SELECT 1 FROM journeys WHERE journeys.document_id = ?1)",
                [(document_id,) for document_id, _ in gone],
            )
            return len(gone)

        return await self._database.write(write)

    @override
    async def collections_of(self, documents: Collection[DocumentId]) -> Mapping[DocumentId, str]:
        wanted = list(documents)
        rows = await self._database.read(
            lambda connection: connection.execute(
                f"SELECT document_id, collection FROM documents WHERE document_id IN ({_marks(wanted)})", wanted
            ).fetchall()
        )
        return {DocumentId(row["document_id"]): row["collection"] for row in rows}


def _known(connection: sqlite3.Connection, documents: Sequence[str]) -> list[KnownJourney]:
    """All journeys of these documents."""
    (found,) = connection.execute(_KNOWN, (json.dumps(documents),)).fetchone()
    return [
        KnownJourney(
            Journey.of(
                DocumentId(document_id),
                version,
                tuple(itertools.starmap(sqlite_journey_writes.step_of, steps)),
                instant(progress_at),
            ),
            is_newest=bool(newest),
            collection=collection,
            name=name,
        )
        for document_id, version, newest, progress_at, collection, name, steps in json.loads(found)
    ]


def _marks(values: Collection[object]) -> str:
    return ", ".join("?" * len(values))
