"""Evaluations in search.sqlite: the EvaluationStore."""

import json
import sqlite3
from collections.abc import Collection, Sequence
from typing import ClassVar, Final

from typing_extensions import override

from search.application.ports.evaluations import Evaluation, EvaluationPlace, EvaluationStore
from search.infrastructure.evaluation_rows import instant, microseconds
from shared.infrastructure.sqlite.database import SqliteDatabase
from shared.infrastructure.sqlite.schema import Schema

_SCHEMA: Final = Schema(
    """
CREATE TABLE IF NOT EXISTS evaluations (
    id TEXT PRIMARY KEY,
    created_at INTEGER NOT NULL,
    name TEXT NOT NULL,
    collection TEXT NOT NULL,
    mode TEXT NOT NULL,
    outcome TEXT NOT NULL,
    per_question TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS evaluations_by_age ON evaluations (created_at, id);
CREATE INDEX IF NOT EXISTS evaluations_by_collection ON evaluations (collection);
"""
)
_HEAD: Final = "id, created_at, name, collection, mode, outcome"


class SqliteEvaluations(EvaluationStore):
    """Its database's schema must contain SCHEMA."""

    SCHEMA: ClassVar[Schema] = _SCHEMA

    def __init__(self, database: SqliteDatabase) -> None:
        self._database = database

    @override
    async def add(self, evaluation: Evaluation, *, kept: int) -> None:
        row = (
            evaluation.id,
            microseconds(evaluation.created_at),
            evaluation.name,
            evaluation.collection,
            evaluation.mode,
            json.dumps(evaluation.outcome),
            json.dumps(evaluation.per_question),
        )

        def write(connection: sqlite3.Connection) -> None:
            connection.execute("INSERT INTO evaluations VALUES (?, ?, ?, ?, ?, ?, ?)", row)
            connection.execute(
                "DELETE FROM evaluations WHERE id IN"
                " (SELECT id FROM evaluations ORDER BY created_at DESC, id DESC LIMIT -1 OFFSET ?)",
                (kept,),
            )

        await self._database.write(write)

    @override
    async def get(self, evaluation_id: str) -> Evaluation | None:
        def read(connection: sqlite3.Connection) -> sqlite3.Row | None:
            row: sqlite3.Row | None = connection.execute(
                f"SELECT {_HEAD}, per_question FROM evaluations WHERE id = ?", (evaluation_id,)
            ).fetchone()
            return row

        row = await self._database.read(read)
        return None if row is None else _evaluation(row, row["per_question"])

    @override
    async def page(
        self, collections: Collection[str] | None, *, after: EvaluationPlace | None, limit: int
    ) -> Sequence[Evaluation]:
        values = {
            "at": microseconds(after.created_at) if after else 1 << 62,
            "id": after.id if after else "",
            "all": collections is None,
            "collections": json.dumps(list(collections or ())),
            "limit": limit,
        }

        def read(connection: sqlite3.Connection) -> list[sqlite3.Row]:
            return connection.execute(
                f"SELECT {_HEAD} FROM evaluations WHERE (created_at, id) < (:at, :id)"
                " AND (:all OR collection IN (SELECT value FROM json_each(:collections)))"
                " ORDER BY created_at DESC, id DESC LIMIT :limit",
                values,
            ).fetchall()

        return [_evaluation(row, "[]") for row in await self._database.read(read)]

    @override
    async def count(self, collections: Collection[str] | None) -> int:
        def read(connection: sqlite3.Connection) -> int:
            if collections is None:
                (count,) = connection.execute("SELECT count(*) FROM evaluations").fetchone()
            else:
                (count,) = connection.execute(
                    "SELECT count(*) FROM json_each(?) AS named JOIN evaluations e ON e.collection = named.value",
                    (json.dumps(list(collections)),),
                ).fetchone()
            return int(count)

        return await self._database.read(read)


def _evaluation(row: sqlite3.Row, per_question: str) -> Evaluation:
    return Evaluation(
        id=row["id"],
        name=row["name"],
        collection=row["collection"],
        mode=row["mode"],
        created_at=instant(row["created_at"]),
        outcome=json.loads(row["outcome"]),
        per_question=json.loads(per_question),
    )
