"""Duties in a module's own SQLite file: one row for each that is held."""

from typing import ClassVar, Final, Self

from typing_extensions import override

from shared.infrastructure.sqlite.database import SqliteDatabase
from shared.infrastructure.sqlite.schema import Schema
from shared.kernel import Clock, utc_now
from shared.ports.duties import DutyStore

_SCHEMA: Final = Schema(
    """
CREATE TABLE IF NOT EXISTS duties (
    name TEXT PRIMARY KEY,
    owner TEXT NOT NULL,
    lease_ends_at REAL NOT NULL
) WITHOUT ROWID;
"""
)


class SqliteDuties(DutyStore):
    """DutyStore in `database`, whose schema must contain SCHEMA.

    An async context manager, entered once by the process that holds the data directory, when the database is open:
    whoever held a duty before is gone, so all are free.
    """

    SCHEMA: ClassVar[Schema] = _SCHEMA

    def __init__(self, database: SqliteDatabase, *, clock: Clock = utc_now) -> None:
        self._database = database
        self._clock = clock

    async def __aenter__(self) -> Self:
        await self._database.write(lambda connection: connection.execute("DELETE FROM duties"))
        return self

    async def __aexit__(self, *_: object) -> None:
        """Nothing: who holds a duty gives it back."""

    @override
    async def take(self, name: str, *, owner: str, lease_seconds: float) -> bool:
        now = self._clock().timestamp()
        row = {"name": name, "owner": owner, "now": now, "ends": now + lease_seconds}
        return await self._database.write(
            lambda connection: (
                connection.execute(
                    "INSERT INTO duties (name, owner, lease_ends_at) VALUES (:name, :owner, :ends)"
                    " ON CONFLICT (name) DO UPDATE SET owner = excluded.owner, lease_ends_at = excluded.lease_ends_at"
                    " WHERE owner = excluded.owner OR lease_ends_at <= :now",
                    row,
                ).rowcount
                == 1
            )
        )

    @override
    async def give_back(self, name: str, *, owner: str) -> None:
        await self._database.write(
            lambda connection: connection.execute("DELETE FROM duties WHERE name = ? AND owner = ?", (name, owner))
        )
