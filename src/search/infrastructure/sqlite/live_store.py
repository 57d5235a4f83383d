"""Which version of each document searches see, with what is shown of it: the LiveStore in search.sqlite."""

import asyncio
import contextlib
import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import ClassVar, Final, Self

from typing_extensions import override

from search.application.ports.live_store import HitRecord, LiveStore
from search.application.ports.versions import DocumentState, DocumentVersion, LiveVersion, NewVersion
from search.infrastructure.sqlite.chunk_bytes import to_bytes
from search.infrastructure.sqlite.chunk_places import put_chunks, remove_chunks
from search.infrastructure.sqlite.kept_hits import KeptHits
from search.infrastructure.sqlite.live_schema import LIVE_SCHEMA
from search.infrastructure.sqlite.rows import hit_records, labels_at, live_of, names_of, state_of, texts_of
from shared.events.envelope import Event
from shared.events.ingest import Labels
from shared.infrastructure.sqlite.database import SqliteDatabase, SqliteFacts
from shared.infrastructure.sqlite.schema import Schema
from shared.kernel import DocumentId
from shared.vocabulary import DEFAULT_COLLECTION

_LIVE: Final = "SELECT document_id, version, language, chunk_count, sources FROM versions WHERE live_until IS NULL"


class SqliteLiveStore(LiveStore):
    """An async context manager, entered after its database, whose schema must contain SCHEMA and SqliteFacts.SCHEMA."""

    SCHEMA: ClassVar[Schema] = LIVE_SCHEMA

    def __init__(self, database: SqliteDatabase, facts: SqliteFacts) -> None:
        self._database = database
        self._facts = facts
        self._index_version = 0
        self._is_whole = True
        self._has_retired = False
        self._kept_hits = KeptHits()
        self._changed = asyncio.Event()

    async def __aenter__(self) -> Self:
        def read(connection: sqlite3.Connection) -> tuple[int, bool, bool]:
            return _index_version(connection), _counter(connection, "is_whole") == 1, _has_retired(connection)

        self._index_version, self._is_whole, self._has_retired = await self._database.read(read)
        return self

    async def __aexit__(self, *_: object) -> None:
        return None

    @override
    async def index_version(self) -> int:
        return self._index_version

    @override
    async def is_whole(self) -> bool:
        return self._is_whole

    @override
    async def has_retired(self) -> bool:
        return self._has_retired

    @override
    async def mark_whole(self, whole: bool) -> None:
        def write(connection: sqlite3.Connection) -> None:
            connection.execute("UPDATE counters SET value = ? WHERE name = 'is_whole'", (int(whole),))
            self._will_tell(_next_index_version(connection), is_whole=whole)

        await self._database.write(write)

    @override
    async def document(self, document_id: DocumentId) -> DocumentState | None:
        def read(connection: sqlite3.Connection) -> DocumentState | None:
            row = connection.execute("SELECT * FROM documents WHERE document_id = ?", (document_id,)).fetchone()
            return None if row is None else state_of(row)

        return await self._database.read(read)

    @override
    async def label(self, document_id: DocumentId, version: int, labels: Labels) -> bool:
        def write(connection: sqlite3.Connection) -> bool:
            connection.execute(
                "INSERT INTO documents (document_id, collection, labels, labels_version) VALUES (?, ?, ?, ?)"
                " ON CONFLICT (document_id) DO UPDATE SET collection = excluded.collection,"
                " labels = excluded.labels, labels_version = excluded.labels_version,"
                # The same words again (the document is processed once more): its units carry them already.
                " indexed_labels_version = CASE WHEN documents.live_version IS NOT NULL"
                " AND documents.indexed_labels_version = documents.labels_version"
                " AND documents.labels = excluded.labels"
                " THEN excluded.labels_version ELSE documents.indexed_labels_version END"
                " WHERE documents.labels_version < excluded.labels_version"
                " AND COALESCE(documents.withdrawn_version, 0) < excluded.labels_version",
                (document_id, labels.collection, labels.model_dump_json(), version),
            )
            self._database.after_commit(self._kept_hits.forget)
            stale = connection.execute(
                "SELECT 1 FROM documents WHERE document_id = ? AND live_version IS NOT NULL"
                " AND indexed_labels_version < labels_version",
                (document_id,),
            ).fetchone()
            return stale is not None

        stale = await self._database.write(write)
        self._tell()
        return stale

    @override
    async def labelled(self, document_id: DocumentId, labels_version: int) -> None:
        def write(connection: sqlite3.Connection) -> None:
            connection.execute(
                "UPDATE documents SET indexed_labels_version = ? WHERE document_id = ? AND indexed_labels_version < ?",
                (labels_version, document_id, labels_version),
            )
            # Also when the record said so before: units that were written again may have carried older ones.
            self._will_tell(_next_index_version(connection))

        await self._database.write(write)

    @override
    async def to_label(self) -> Sequence[DocumentId]:
        rows = await self._database.read(
            lambda connection: connection.execute(
                "SELECT document_id FROM documents"
                " WHERE live_version IS NOT NULL AND indexed_labels_version < labels_version"
            ).fetchall()
        )
        return [DocumentId(row[0]) for row in rows]

    @override
    async def switch(self, new: NewVersion, *facts: Event) -> int | None:
        envelopes = self._facts.wrap(facts)
        chunks = await asyncio.to_thread(lambda: [(chunk.ordinal, to_bytes(chunk)) for chunk in new.chunks])

        def write(connection: sqlite3.Connection) -> int | None:
            row = connection.execute(
                "SELECT live_version, withdrawn_version, labels_version FROM documents WHERE document_id = ?",
                (new.document_id,),
            ).fetchone()
            if row is not None and not ((row[1] or 0) < new.version and new.may_replace(row[0])):
                return None
            version = _next_index_version(connection)
            retires = _retire(connection, new.document_id, version)
            remove_chunks(connection, new.document_id, new.version)
            connection.execute(
                "INSERT OR REPLACE INTO versions (document_id, version, revision, language, chunk_count, sources,"
                " live_from, first_place, last_place) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    new.document_id,
                    new.version,
                    new.revision,
                    new.language,
                    len(new.chunks),
                    json.dumps(asdict(new.sources)),
                    version,
                    *put_chunks(connection, chunks),
                ),
            )
            if new.first_pages is not None:
                connection.execute(
                    "INSERT OR REPLACE INTO first_pages VALUES (?, ?, ?, ?)",
                    (new.document_id, new.version, new.first_pages.done, new.first_pages.total),
                )
            connection.execute(
                "INSERT INTO documents (document_id, live_version, indexed_labels_version) VALUES (?, ?, ?)"
                " ON CONFLICT (document_id) DO UPDATE SET live_version = excluded.live_version,"
                " indexed_labels_version = excluded.indexed_labels_version",
                (new.document_id, new.version, new.labels_version),
            )
            self._facts.save(connection, envelopes)
            self._will_tell(version, retires=retires)
            return new.labels_version if row is None else int(row[2])

        return await self._database.write(write)

    @override
    async def withdraw(self, document_id: DocumentId, version: int, *facts: Event) -> bool:
        envelopes = self._facts.wrap(facts)

        def write(connection: sqlite3.Connection) -> bool:
            changed = connection.execute(
                "INSERT INTO documents (document_id, withdrawn_version) VALUES (?, ?)"
                " ON CONFLICT (document_id) DO UPDATE SET withdrawn_version = excluded.withdrawn_version,"
                " collection = NULL, labels = NULL, labels_version = 0, indexed_labels_version = 0,"
                " live_version = NULL, failed_version = NULL"
                " WHERE COALESCE(documents.withdrawn_version, 0) < excluded.withdrawn_version",
                (document_id, version),
            ).rowcount
            if not changed:
                return False
            index_version = _next_index_version(connection)
            retires = _retire(connection, document_id, index_version)
            self._facts.save(connection, envelopes)
            self._will_tell(index_version, retires=retires)
            return True

        return await self._database.write(write)

    @override
    async def fail(self, document_id: DocumentId, version: int) -> None:
        def write(connection: sqlite3.Connection) -> None:
            connection.execute(
                "INSERT INTO documents (document_id, failed_version) VALUES (?, ?)"
                " ON CONFLICT (document_id) DO UPDATE SET failed_version = excluded.failed_version"
                " WHERE COALESCE(documents.failed_version, 0) < excluded.failed_version"
                " AND COALESCE(documents.withdrawn_version, 0) < excluded.failed_version",
                (document_id, version),
            )

        await self._database.write(write)
        self._tell()

    @override
    async def unfail(self, document_id: DocumentId, version: int) -> None:
        def write(connection: sqlite3.Connection) -> None:
            connection.execute(
                "UPDATE documents SET failed_version = NULL WHERE document_id = ? AND failed_version = ?",
                (document_id, version),
            )

        await self._database.write(write)

    @override
    async def unsettled(self, versions: Sequence[DocumentVersion]) -> Sequence[DocumentVersion]:
        def read(connection: sqlite3.Connection) -> tuple[list[DocumentVersion], int]:
            left = []
            for document_id, version in versions:
                row = connection.execute(
                    "SELECT MAX(COALESCE(live_version, 0), COALESCE(failed_version, 0), COALESCE(withdrawn_version, 0))"
                    " FROM documents WHERE document_id = ?",
                    (document_id,),
                ).fetchone()
                if row is None or row[0] < version:
                    left.append((document_id, version))
            return left, _index_version(connection)

        left, index_version = await self._database.read(read)
        # Read after what was found settled: a search that begins now reads at it.
        self._rise_to(index_version)
        return left

    @override
    async def wait_for_change(self, timeout_seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._changed.wait(), timeout_seconds)

    @override
    async def unknown_collections(self, names: Sequence[str]) -> Sequence[str]:
        def read(connection: sqlite3.Connection) -> list[str]:
            sql = "SELECT 1 FROM documents WHERE collection = ? AND withdrawn_version IS NULL LIMIT 1"
            return [name for name in names if connection.execute(sql, (name,)).fetchone() is None]

        names = [name for name in names if name != DEFAULT_COLLECTION]
        return await self._database.read(read) if names else []

    @override
    async def names(self, collection: str) -> Mapping[str, DocumentId]:
        return await self._database.read(lambda connection: names_of(connection, collection))

    @override
    async def hits(
        self, at: int, chunks: Sequence[tuple[DocumentId, int, int]], *, context: int = 0
    ) -> Sequence[HitRecord | None]:
        async def read(places: Sequence[tuple[DocumentId, int, int]]) -> Sequence[HitRecord | None]:
            return await self._database.read(lambda connection: hit_records(connection, at, places, context=context))

        # A search that began before the last change, or looks around its hits, asks for something else.
        is_kept = at == self._index_version and not context
        return await (self._kept_hits.get(chunks, read) if is_kept else read(chunks))

    @override
    async def texts(self, at: int, chunks: Sequence[tuple[DocumentId, int, int]]) -> Sequence[str | None]:
        return await self._database.read(lambda connection: texts_of(connection, at, chunks))

    @override
    async def labels_at(
        self, at: int, documents: Sequence[DocumentId]
    ) -> Sequence[tuple[DocumentId, Labels, str | None]]:
        return await self._database.read(lambda connection: labels_at(connection, at, documents))

    @override
    async def live(self, *, after: DocumentId | None, limit: int) -> Sequence[LiveVersion]:
        sql = f"{_LIVE} AND document_id > ? ORDER BY document_id LIMIT ?"
        rows = await self._database.read(lambda connection: connection.execute(sql, (after or "", limit)).fetchall())
        return [live_of(row) for row in rows]

    @override
    async def live_version(self, document_id: DocumentId) -> LiveVersion | None:
        sql = f"{_LIVE} AND document_id = ?"
        row = await self._database.read(lambda connection: connection.execute(sql, (document_id,)).fetchone())
        return None if row is None else live_of(row)

    @override
    async def retired(self, *, before: int, limit: int) -> Sequence[DocumentVersion]:
        rows = await self._database.read(
            lambda connection: connection.execute(
                "SELECT document_id, version FROM versions WHERE live_until IS NOT NULL AND live_until <= ? LIMIT ?",
                (before, limit),
            ).fetchall()
        )
        return [(DocumentId(row[0]), row[1]) for row in rows]

    @override
    async def unrecorded(self, versions: Sequence[DocumentVersion]) -> Sequence[DocumentVersion]:
        def read(connection: sqlite3.Connection) -> list[DocumentVersion]:
            sql = "SELECT 1 FROM versions WHERE document_id = ? AND version = ?"
            return [one for one in versions if connection.execute(sql, one).fetchone() is None]

        return await self._database.read(read)

    @override
    async def forget(self, versions: Sequence[DocumentVersion]) -> None:
        if not versions:
            return

        def write(connection: sqlite3.Connection) -> None:
            for document_id, version in versions:
                remove_chunks(connection, document_id, version, only_retired=True)
            connection.executemany(
                "DELETE FROM versions WHERE document_id = ? AND version = ? AND live_until IS NOT NULL", versions
            )
            connection.executemany(
                "DELETE FROM first_pages WHERE document_id = :document AND version = :version AND NOT EXISTS"
                " (SELECT 1 FROM versions WHERE document_id = :document AND version = :version)",
                [{"document": document_id, "version": version} for document_id, version in versions],
            )
            has_retired = _has_retired(connection)
            self._database.after_commit(lambda: self._note_retired(has_retired))

        await self._database.write(write)

    def _will_tell(self, index_version: int, *, retires: bool = False, is_whole: bool | None = None) -> None:
        """Only inside a write: what is kept in memory follows its commit, before anybody hears of its facts.

        Also where whoever wrote has gone meanwhile.
        """

        def tell() -> None:
            self._kept_hits.forget()
            self._rise_to(index_version)
            self._note_retired(self._has_retired or retires)
            self._is_whole = self._is_whole if is_whole is None else is_whole
            self._tell()

        self._database.after_commit(tell)

    def _rise_to(self, index_version: int) -> None:
        if index_version > self._index_version:
            self._index_version = index_version
            self._kept_hits.forget()

    def _note_retired(self, has_retired: bool) -> None:
        self._has_retired = has_retired

    def _tell(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()


def _index_version(connection: sqlite3.Connection) -> int:
    return _counter(connection, "index_version")


def _counter(connection: sqlite3.Connection, name: str) -> int:
    return int(connection.execute("SELECT value FROM counters WHERE name = ?", (name,)).fetchone()[0])


def _has_retired(connection: sqlite3.Connection) -> bool:
    return connection.execute("SELECT 1 FROM versions WHERE live_until IS NOT NULL LIMIT 1").fetchone() is not None


def _next_index_version(connection: sqlite3.Connection) -> int:
    row = connection.execute(
        "UPDATE counters SET value = value + 1 WHERE name = 'index_version' RETURNING value"
    ).fetchone()
    return int(row[0])


def _retire(connection: sqlite3.Connection, document_id: DocumentId, index_version: int) -> bool:
    """Whether there was anything to retire."""
    retired = connection.execute(
        "UPDATE versions SET live_until = ? WHERE document_id = ? AND live_until IS NULL", (index_version, document_id)
    ).rowcount
    return retired > 0
