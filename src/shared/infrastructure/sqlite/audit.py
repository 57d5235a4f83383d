"""The audit log in the SQLite file of access."""

from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar, Final

from typing_extensions import override

from shared.infrastructure.key_rows import entry_of_row, row_of_entry
from shared.infrastructure.sqlite.database import SqliteDatabase
from shared.infrastructure.sqlite.schema import Schema, Step
from shared.ports.audit import AuditEntry, AuditFilter, AuditLog, bounds, oldest_id

_SCHEMA: Final = Schema(
    """
CREATE TABLE IF NOT EXISTS audit (
    id TEXT PRIMARY KEY,
    at TEXT NOT NULL,
    key_name TEXT NOT NULL,
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    detail TEXT NOT NULL,
    collection TEXT,
    count INTEGER NOT NULL,
    correlation_id TEXT
) WITHOUT ROWID;
""",
    (
        Step(
            "audit_filtered",
            # Each ends with the id, so that it gives the order too.
            "CREATE INDEX audit_by_key ON audit (key_name, id); CREATE INDEX audit_by_action ON audit (action, id);",
        ),
    ),
)


class SqliteAudit(AuditLog):
    """AuditLog in `database`, whose schema must contain SCHEMA."""

    SCHEMA: ClassVar[Schema] = _SCHEMA

    def __init__(self, database: SqliteDatabase) -> None:
        self._database = database

    @override
    async def append(self, entry: AuditEntry) -> None:
        row = row_of_entry(entry)
        await self._database.write(
            lambda connection: connection.execute(
                "INSERT INTO audit (id, at, key_name, action, subject, detail, collection, count, correlation_id)"
                " VALUES (:id, :at, :key_name, :action, :subject, :detail, :collection, :count, :correlation_id)",
                row,
            )
        )

    @override
    async def entries(
        self, which: AuditFilter | None = None, *, before: str | None, limit: int
    ) -> Sequence[AuditEntry]:
        which = which or AuditFilter()
        first, end = bounds(which, before)
        wanted = {"key_name": which.key_name, "action": which.action}
        given = {name: value for name, value in wanted.items() if value is not None}
        conditions = "".join(f"{name} = ? AND " for name in given)
        sql = f"SELECT * FROM audit WHERE {conditions}id >= ? AND id < ? ORDER BY id DESC LIMIT ?"
        return await self._database.read(
            lambda connection: [
                entry_of_row(row) for row in connection.execute(sql, (*given.values(), first, end, limit))
            ]
        )

    @override
    async def forget(self, before: datetime, limit: int) -> int:
        return await self._database.write(
            lambda connection: (
                connection.execute(
                    "DELETE FROM audit WHERE id IN (SELECT id FROM audit WHERE id < ? ORDER BY id LIMIT ?)",
                    (oldest_id(before), limit),
                ).rowcount
            )
        )
