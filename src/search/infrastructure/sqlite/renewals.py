"""What was processed for another model, and what was asked about it: the RenewalStore in search.sqlite."""

import json
import sqlite3
from collections.abc import Sequence
from typing import ClassVar, Final

from typing_extensions import override

from search.application.ports.renewals import RenewalStore
from search.application.ports.versions import DocumentVersion, LiveVersion, Sources
from shared.events.envelope import Event
from shared.infrastructure.sqlite.database import SqliteDatabase, SqliteFacts
from shared.infrastructure.sqlite.schema import Schema
from shared.kernel import DocumentId

_MADE_FOR: Final = "json_extract(sources, '$.fingerprint')"
# Each is a range of the index, which "is not" would not be.
_ANOTHER: Final = (f"{_MADE_FOR} < :model", f"{_MADE_FOR} > :model", f"{_MADE_FOR} IS NULL")
_NOT_ASKED: Final = (
    "NOT EXISTS (SELECT 1 FROM renewals r WHERE r.document_id = versions.document_id"
    " AND r.version = versions.version AND r.fingerprint = :model)"
)
_SCHEMA: Final = Schema(
    f"""
CREATE INDEX IF NOT EXISTS versions_by_model ON versions ({_MADE_FOR}) WHERE live_until IS NULL;
-- The last renewal that was asked for. A row about a version that is not live any more says nothing.
CREATE TABLE IF NOT EXISTS renewals (
    document_id TEXT PRIMARY KEY,
    version INTEGER NOT NULL,
    fingerprint TEXT NOT NULL
) WITHOUT ROWID;
"""
)


class SqliteRenewals(RenewalStore):
    """Its database's schema must contain SqliteLiveStore.SCHEMA, then SCHEMA, and SqliteFacts.SCHEMA."""

    SCHEMA: ClassVar[Schema] = _SCHEMA

    def __init__(self, database: SqliteDatabase, facts: SqliteFacts) -> None:
        self._database = database
        self._facts = facts

    @override
    async def count_outdated(self, fingerprint: str, *, most: int) -> int:
        def read(connection: sqlite3.Connection) -> int:
            count = 0
            for another in _ANOTHER:
                row = connection.execute(
                    f"SELECT count(*) FROM (SELECT 1 FROM versions WHERE live_until IS NULL AND {another} LIMIT :most)",
                    {"model": fingerprint, "most": most - count},
                ).fetchone()
                count += row[0]
                if count >= most:
                    break
            return count

        return await self._database.read(read)

    @override
    async def not_asked(self, fingerprint: str, *, limit: int) -> Sequence[LiveVersion]:
        def read(connection: sqlite3.Connection) -> list[sqlite3.Row]:
            rows: list[sqlite3.Row] = []
            for another in _ANOTHER:
                rows += connection.execute(
                    "SELECT document_id, version, language, chunk_count, sources FROM versions"
                    f" WHERE live_until IS NULL AND {another} AND {_NOT_ASKED} LIMIT :limit",
                    {"model": fingerprint, "limit": limit - len(rows)},
                ).fetchall()
                if len(rows) >= limit:
                    break
            return rows

        return [
            LiveVersion(
                document_id=DocumentId(row["document_id"]),
                version=row["version"],
                language=row["language"],
                chunk_count=row["chunk_count"],
                sources=Sources(**json.loads(row["sources"])),
            )
            for row in await self._database.read(read)
        ]

    @override
    async def ask(self, version: DocumentVersion, fingerprint: str, *facts: Event) -> bool:
        envelopes = self._facts.wrap(facts)
        row = {"document": version[0], "version": version[1], "model": fingerprint}

        def write(connection: sqlite3.Connection) -> bool:
            changed = connection.execute(
                "INSERT INTO renewals (document_id, version, fingerprint)"
                " SELECT document_id, live_version, :model FROM documents"
                " WHERE document_id = :document AND live_version = :version"
                " ON CONFLICT (document_id) DO UPDATE SET version = excluded.version,"
                " fingerprint = excluded.fingerprint"
                " WHERE version != excluded.version OR fingerprint != excluded.fingerprint",
                row,
            ).rowcount
            if not changed:
                return False
            # What has come or gone since, so that the table is as short as the work under way.
            connection.execute(
                "DELETE FROM renewals WHERE NOT EXISTS (SELECT 1 FROM documents d"
                " WHERE d.document_id = renewals.document_id AND d.live_version = renewals.version)"
            )
            self._facts.save(connection, envelopes)
            return True

        return await self._database.write(write)

    @override
    async def chunks_under_way(self, fingerprint: str) -> int:
        def read(connection: sqlite3.Connection) -> int:
            row = connection.execute(
                "SELECT coalesce(sum(max(1, v.chunk_count)), 0) FROM renewals r"
                " JOIN documents d ON d.document_id = r.document_id AND d.live_version = r.version"
                " JOIN versions v ON v.document_id = r.document_id AND v.version = r.version"
                " WHERE r.fingerprint = ? AND coalesce(d.failed_version, 0) < r.version",
                (fingerprint,),
            ).fetchone()
            return int(row[0])

        return await self._database.read(read)
