"""The lexicon in search.sqlite: the LexiconStore of a single process, which remembers the version."""

import json
import sqlite3
from typing import ClassVar, Final

from typing_extensions import override

from search.application.ports.lexicons import KeptLexicon, LexiconStore
from search.domain.lexicon import Lexicon
from search.infrastructure.lexicon_rows import lexicon_of, row_of
from shared.infrastructure.sqlite.database import SqliteDatabase
from shared.infrastructure.sqlite.schema import Schema

_SCHEMA: Final = Schema(
    """
CREATE TABLE IF NOT EXISTS lexicons (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    version INTEGER NOT NULL,
    lexicon TEXT NOT NULL
);
INSERT OR IGNORE INTO lexicons (id, version, lexicon) VALUES (1, 0, '{"synonyms": [], "words": []}');
"""
)


class SqliteLexicons(LexiconStore):
    """Its database's schema must contain SCHEMA."""

    SCHEMA: ClassVar[Schema] = _SCHEMA

    def __init__(self, database: SqliteDatabase) -> None:
        self._database = database
        self._version: int | None = None

    @override
    async def version(self) -> int:
        if self._version is None:
            self._version = (await self.read()).version
        return self._version

    @override
    async def read(self) -> KeptLexicon:
        def read(connection: sqlite3.Connection) -> tuple[int, str]:
            row = connection.execute("SELECT version, lexicon FROM lexicons WHERE id = 1").fetchone()
            return row["version"], row["lexicon"]

        version, raw = await self._database.read(read)
        return KeptLexicon(version, lexicon_of(json.loads(raw)))

    @override
    async def write(self, lexicon: Lexicon, *, after: int | None = None) -> int | None:
        values = {"lexicon": json.dumps(row_of(lexicon)), "after": after}

        def write(connection: sqlite3.Connection) -> int | None:
            row = connection.execute(
                "UPDATE lexicons SET version = version + 1, lexicon = :lexicon"
                " WHERE id = 1 AND (:after IS NULL OR version = :after) RETURNING version",
                values,
            ).fetchone()
            return None if row is None else int(row[0])

        version = await self._database.write(write)
        self._version = version if version is not None else self._version
        return version
