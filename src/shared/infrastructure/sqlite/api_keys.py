"""API keys in the SQLite file of access."""

import sqlite3
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import ClassVar, Final

from typing_extensions import override

from shared.infrastructure.key_rows import key_of_row, row_of_key, written
from shared.infrastructure.sqlite.database import SqliteDatabase
from shared.infrastructure.sqlite.schema import Schema
from shared.ports.api_keys import KeyStore, StoredKey

_SCHEMA: Final = Schema(
    """
CREATE TABLE IF NOT EXISTS api_keys (
    name TEXT PRIMARY KEY,
    digest TEXT NOT NULL UNIQUE,
    session_digest TEXT NOT NULL,
    owner TEXT NOT NULL,
    collections TEXT,
    rights TEXT NOT NULL,
    created_at TEXT NOT NULL,
    last_used_at TEXT
) WITHOUT ROWID;
"""
)


class SqliteKeys(KeyStore):
    """KeyStore in `database`, whose schema must contain SCHEMA."""

    SCHEMA: ClassVar[Schema] = _SCHEMA

    def __init__(self, database: SqliteDatabase) -> None:
        self._database = database

    @override
    async def add(self, key: StoredKey) -> bool:
        row = row_of_key(key)
        return await self._database.write(
            lambda connection: (
                connection.execute(
                    "INSERT INTO api_keys (name, digest, session_digest, owner, collections, rights, created_at,"
                    " last_used_at) VALUES (:name, :digest, :session_digest, :owner, :collections, :rights,"
                    " :created_at, :last_used_at) ON CONFLICT (name) DO NOTHING",
                    row,
                ).rowcount
                == 1
            )
        )

    @override
    async def keys(self) -> Sequence[StoredKey]:
        return await self._database.read(
            lambda connection: [key_of_row(row) for row in connection.execute("SELECT * FROM api_keys ORDER BY name")]
        )

    @override
    async def remove(self, name: str) -> bool:
        return await self._database.write(
            lambda connection: connection.execute("DELETE FROM api_keys WHERE name = ?", (name,)).rowcount == 1
        )

    @override
    async def used(self, uses: Mapping[str, datetime]) -> None:
        rows = [(written(at), digest, written(at)) for digest, at in uses.items()]

        def write(connection: sqlite3.Connection) -> None:
            connection.executemany(
                "UPDATE api_keys SET last_used_at = ? WHERE digest = ? AND coalesce(last_used_at, '') < ?", rows
            )

        await self._database.write(write)
