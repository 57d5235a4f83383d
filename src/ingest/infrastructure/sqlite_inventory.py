"""DocumentInventory on SQLite, beside SqliteDocuments."""

import sqlite3
from collections.abc import Collection, Sequence
from typing import Final

from typing_extensions import override

from ingest.application.inventory import DocumentInventory, Kept
from ingest.infrastructure.document_rows import standing_of
from shared.events.envelope import Event
from shared.infrastructure.sqlite.database import SqliteDatabase, SqliteFacts
from shared.kernel import DocumentId

_RECORDS: Final = "SELECT id, version, collection, sha256, size, standing FROM documents "


class SqliteInventory(DocumentInventory):
    """`facts` saves into the same file as `database`, which SqliteDocuments uses too."""

    def __init__(self, database: SqliteDatabase, facts: SqliteFacts) -> None:
        self._database = database
        self._facts = facts

    @override
    async def kept(self, *, after: DocumentId | None, limit: int) -> Sequence[Kept]:
        def read(connection: sqlite3.Connection) -> list[Kept]:
            rows = connection.execute(_RECORDS + "WHERE id > ? ORDER BY id LIMIT ?", (after or "", limit))
            return [_kept(row) for row in rows]

        return await self._database.read(read)

    @override
    async def some_kept(self, documents: Sequence[DocumentId]) -> Sequence[Kept]:
        def read(connection: sqlite3.Connection) -> list[Kept]:
            rows = (connection.execute(_RECORDS + "WHERE id = ?", (one,)).fetchone() for one in documents)
            return [_kept(row) for row in rows if row is not None]

        return await self._database.read(read)

    @override
    async def unknown(self, documents: Sequence[DocumentId]) -> Collection[DocumentId]:
        def read(connection: sqlite3.Connection) -> list[DocumentId]:
            sql = "SELECT 1 FROM documents WHERE id = ?"
            return [one for one in documents if connection.execute(sql, (one,)).fetchone() is None]

        return await self._database.read(read)

    @override
    async def withdraw_again(self, document_id: DocumentId, version: int, *facts: Event) -> bool:
        envelopes = self._facts.wrap(facts)

        def write(connection: sqlite3.Connection) -> bool:
            changed = connection.execute(
                "UPDATE documents SET version = ? WHERE id = ? AND status = 'withdrawn' AND version < ?",
                (version, document_id, version),
            )
            if changed.rowcount:
                self._facts.save(connection, envelopes)
            return changed.rowcount > 0

        return await self._database.write(write)


def _kept(row: sqlite3.Row) -> Kept:
    standing = standing_of(row["standing"])
    return Kept(
        document_id=DocumentId(row["id"]),
        version=row["version"],
        collection=row["collection"],
        sha256=None if standing.removed else row["sha256"],
        size=row["size"],
        standing=standing,
    )
