"""ReleaseStore on SQLite: rows beside the documents, written with a document's removal."""

import sqlite3
from collections.abc import Collection, Sequence
from functools import partial
from typing import ClassVar, Final

from typing_extensions import override

from ingest.application.ports import Release, ReleaseStore
from shared.infrastructure.sqlite.database import SqliteDatabase
from shared.infrastructure.sqlite.schema import Schema
from shared.kernel import DocumentId

_TABLES: Final = """
CREATE TABLE IF NOT EXISTS released (
    document TEXT NOT NULL, sha256 TEXT NOT NULL, PRIMARY KEY (document, sha256)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS revisions_by_bytes ON revisions (sha256);
"""
_VALUES_AT_ONCE: Final = 500


class SqliteReleases(ReleaseStore):
    """ReleaseStore in the file of SqliteDocuments, whose schema comes before SCHEMA."""

    SCHEMA: ClassVar[Schema] = Schema(_TABLES)

    def __init__(self, database: SqliteDatabase) -> None:
        self._database = database

    @override
    async def released(self, *, after: DocumentId | None, limit: int) -> Sequence[Release]:
        rows = await self._database.read(
            lambda connection: connection.execute(
                "SELECT document, sha256 FROM released WHERE document IN "
                "(SELECT DISTINCT document FROM released WHERE document > ? ORDER BY document LIMIT ?) "
                "ORDER BY document",
                (after or "", limit),
            ).fetchall()
        )
        found: dict[str, set[str]] = {}
        for row in rows:
            found.setdefault(row["document"], set()).add(row["sha256"])
        return [Release(DocumentId(document), hashes) for document, hashes in found.items()]

    @override
    async def forget(self, documents: Sequence[DocumentId]) -> None:
        await self._database.write(
            lambda connection: connection.executemany(
                "DELETE FROM released WHERE document = ?", [(document,) for document in documents]
            )
        )

    @override
    async def referred(self, hashes: Collection[str]) -> frozenset[str]:
        found = set[str]()
        wanted = sorted(hashes)
        for first in range(0, len(wanted), _VALUES_AT_ONCE):
            found |= await self._database.read(partial(_in_revisions, wanted[first : first + _VALUES_AT_ONCE]))
        return frozenset(found)


def _in_revisions(hashes: Sequence[str], connection: sqlite3.Connection) -> set[str]:
    marks = ", ".join("?" for _ in hashes)
    rows = connection.execute(f"SELECT DISTINCT sha256 FROM revisions WHERE sha256 IN ({marks})", hashes)
    return {row["sha256"] for row in rows}


def release(connection: sqlite3.Connection, number: int) -> None:
    """Inside the write that removes the document of that number, before its revisions go."""
    connection.execute(
        "INSERT OR IGNORE INTO released SELECT d.id, r.sha256 FROM revisions r JOIN documents d ON d.number = r.number "
        "WHERE d.number = ?",
        (number,),
    )
