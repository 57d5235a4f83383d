"""The mark of a module's own SQLite file."""

import sqlite3
from collections.abc import Sequence
from typing import ClassVar, Final

from typing_extensions import override

from shared.infrastructure.sqlite.database import SqliteDatabase
from shared.infrastructure.sqlite.schema import Schema
from shared.ports.belonging import Mark, Marked

_TABLES: Final = """
CREATE TABLE IF NOT EXISTS mark (
    one INTEGER PRIMARY KEY CHECK (one = 1), installation TEXT NOT NULL, collections INTEGER NOT NULL,
    is_settled INTEGER NOT NULL
);
"""


class SqliteMark(Marked):
    """Marked, in `database`, whose schema must contain SCHEMA; it is empty when all of `tables` are."""

    SCHEMA: ClassVar[Schema] = Schema(_TABLES)

    def __init__(self, database: SqliteDatabase, tables: Sequence[str]) -> None:
        self._database = database
        self._tables = tables

    @override
    async def read(self) -> Mark | None:
        row = await self._database.read(
            lambda connection: connection.execute("SELECT * FROM mark WHERE one = 1").fetchone()
        )
        return None if row is None else Mark(row["installation"], row["collections"], bool(row["is_settled"]))

    @override
    async def write(self, mark: Mark) -> None:
        values = (mark.installation, mark.collections, mark.is_settled)
        await self._database.write(
            lambda connection: connection.execute("INSERT OR REPLACE INTO mark VALUES (1, ?, ?, ?)", values)
        )

    @override
    async def claim(self, mark: Mark) -> Mark:
        # One process alone has the file.
        if (there := await self.read()) is not None:
            return there
        await self.write(mark)
        return mark

    @override
    async def is_empty(self) -> bool:
        return await self._database.read(self._holds_nothing)

    def _holds_nothing(self, connection: sqlite3.Connection) -> bool:
        return not any(
            connection.execute(f"SELECT EXISTS (SELECT 1 FROM {table})").fetchone()[0] for table in self._tables
        )
