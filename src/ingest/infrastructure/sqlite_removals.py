"""RemovalStore on SQLite: a row for each collection that was ever deleted, beside the documents."""

import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import ClassVar, Final

from typing_extensions import override

from ingest.application.ports import Removal, RemovalStore
from shared.infrastructure.sqlite.database import SqliteDatabase
from shared.infrastructure.sqlite.schema import Schema

_SCHEMA: Final = Schema(
    """
CREATE TABLE IF NOT EXISTS removals (
    collection TEXT PRIMARY KEY, total INTEGER NOT NULL, remaining INTEGER NOT NULL, started_at INTEGER NOT NULL,
    withdrawn_at INTEGER, finished_at INTEGER
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS removals_unfinished ON removals (collection) WHERE finished_at IS NULL;
CREATE INDEX IF NOT EXISTS leaving ON documents (collection)
    WHERE status = 'withdrawn' AND json_extract(standing, '$.removed') IS NULL;
"""
)


class SqliteRemovals(RemovalStore):
    """RemovalStore in the file of SqliteDocuments, whose schema comes before SCHEMA."""

    SCHEMA: ClassVar[Schema] = _SCHEMA

    def __init__(self, database: SqliteDatabase) -> None:
        self._database = database
        # This process alone has the file, so it knows without asking. None: not read yet.
        self._withdrawing: set[str] | None = None

    @override
    async def begin(self, removal: Removal) -> Removal:
        def write(connection: sqlite3.Connection) -> Removal:
            row = connection.execute(
                "SELECT * FROM removals WHERE collection = ? AND withdrawn_at IS NULL", (removal.collection,)
            ).fetchone()
            if row is None:
                connection.execute("INSERT OR REPLACE INTO removals VALUES (?, ?, ?, ?, ?, ?)", _values(removal))
            return removal if row is None else _removal_of(row)

        kept = await self._database.write(write)
        await self._note(kept)
        return kept

    @override
    async def save(self, removal: Removal) -> bool:
        name, total, remaining, started_at, withdrawn_at, finished_at = _values(removal)
        saved = await self._database.write(
            lambda connection: (
                connection.execute(
                    "UPDATE removals SET total = ?, remaining = ?, withdrawn_at = ?, finished_at = ? "
                    "WHERE collection = ? AND started_at = ?",
                    (total, remaining, withdrawn_at, finished_at, name, started_at),
                ).rowcount
                == 1
            )
        )
        if saved:
            await self._note(removal)
        return saved

    @override
    async def unfinished(self) -> Sequence[Removal]:
        rows = await self._database.read_kept(
            "removals",
            lambda connection: connection.execute("SELECT * FROM removals WHERE finished_at IS NULL").fetchall(),
        )
        return [_removal_of(row) for row in rows]

    @override
    async def last(self, collection: str) -> Removal | None:
        row = await self._database.read(
            lambda connection: connection.execute(
                "SELECT * FROM removals WHERE collection = ?", (collection,)
            ).fetchone()
        )
        return None if row is None else _removal_of(row)

    @override
    async def is_withdrawing(self, collection: str) -> bool:
        return collection in await self._all_withdrawing()

    @override
    async def count_leaving(self, collection: str) -> int:
        row = await self._database.read(
            lambda connection: connection.execute(
                "SELECT count(*) FROM documents WHERE collection = ? AND status = 'withdrawn' "
                "AND json_extract(standing, '$.removed') IS NULL",
                (collection,),
            ).fetchone()
        )
        return int(row[0])

    async def _all_withdrawing(self) -> set[str]:
        if self._withdrawing is None:
            found = {one.collection for one in await self.unfinished() if one.withdrawn_at is None}
            if self._withdrawing is None:
                self._withdrawing = found
        return self._withdrawing

    async def _note(self, removal: Removal) -> None:
        known = await self._all_withdrawing()
        if removal.withdrawn_at is None and removal.finished_at is None:
            known.add(removal.collection)
        else:
            known.discard(removal.collection)


def _values(removal: Removal) -> tuple[str, int, int, int, int | None, int | None]:
    """In the columns' order; instants in milliseconds since 1970."""
    return (
        removal.collection,
        removal.total,
        removal.remaining,
        _milliseconds(removal.started_at),
        None if removal.withdrawn_at is None else _milliseconds(removal.withdrawn_at),
        None if removal.finished_at is None else _milliseconds(removal.finished_at),
    )


def _milliseconds(at: datetime) -> int:
    return round(at.timestamp() * 1000)


def _removal_of(row: sqlite3.Row) -> Removal:
    return Removal(
        collection=row["collection"],
        total=row["total"],
        remaining=row["remaining"],
        started_at=_instant(row["started_at"]),
        withdrawn_at=None if row["withdrawn_at"] is None else _instant(row["withdrawn_at"]),
        finished_at=None if row["finished_at"] is None else _instant(row["finished_at"]),
    )


def _instant(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
