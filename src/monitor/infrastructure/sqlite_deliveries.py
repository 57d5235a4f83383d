"""The outbox of notices in Monitor's SQLite file."""

import json
import sqlite3
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from typing_extensions import override

from monitor.application.notification_ports import Delivery, DeliveryPlace, DeliveryState, DeliveryStore
from monitor.infrastructure.delivery_rows import PATIENCE_MICROSECONDS, instant, notice_from, written_notice
from monitor.infrastructure.journey_rows import microseconds
from shared.infrastructure.sqlite.database import SqliteDatabase
from shared.infrastructure.sqlite.kept_counts import kept_counts
from shared.infrastructure.sqlite.schema import Schema, Step

# Instants are microseconds since 1970; a `next_at` of 0 is at once.
_TABLES: Final = """
CREATE TABLE IF NOT EXISTS deliveries (
    id TEXT PRIMARY KEY, channel TEXT NOT NULL, notice TEXT NOT NULL, created_at INTEGER NOT NULL,
    state TEXT NOT NULL, attempts INTEGER NOT NULL, next_at INTEGER NOT NULL, finished_at INTEGER, detail TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS deliveries_waiting ON deliveries (channel, created_at, id) WHERE state = 'waiting';
CREATE INDEX IF NOT EXISTS deliveries_listed ON deliveries (created_at, id);
CREATE INDEX IF NOT EXISTS deliveries_of_channel ON deliveries (channel, created_at, id);
CREATE INDEX IF NOT EXISTS deliveries_of_state ON deliveries (state, created_at, id);
CREATE INDEX IF NOT EXISTS deliveries_finished ON deliveries (finished_at) WHERE finished_at IS NOT NULL;
"""
SCHEMA: Final = Schema(
    _TABLES,
    (
        Step(
            "deliveries_counted",
            kept_counts(
                "delivery_counts", of="deliveries", by={"channel": "row.channel"}, where="row.state = 'waiting'"
            ),
        ),
    ),
)
_EVER: Final = 1 << 62
_COLUMNS: Final = "id, channel, notice, created_at, state, attempts, next_at, finished_at, detail"


class SqliteDeliveries(DeliveryStore):
    """DeliveryStore in `database`, whose schema must contain SCHEMA."""

    def __init__(self, database: SqliteDatabase) -> None:
        self._database = database

    @override
    async def add(self, deliveries: Collection[Delivery]) -> int:
        rows = [
            (one.id, one.channel, written_notice(one.notice), microseconds(one.created_at), one.state.value)
            for one in deliveries
        ]

        def write(connection: sqlite3.Connection) -> int:
            return sum(
                connection.execute(
                    "INSERT INTO deliveries (id, channel, notice, created_at, state, attempts, next_at, detail)"
                    " VALUES (?, ?, ?, ?, ?, 0, 0, '') ON CONFLICT DO NOTHING",
                    row,
                ).rowcount
                for row in rows
            )

        return await self._database.write(write)

    @override
    async def waiting(self) -> Mapping[str, int]:
        rows = await self._database.read_kept(
            "delivery_counts",
            lambda connection: connection.execute(
                "SELECT channel, number FROM delivery_counts WHERE number > 0"
            ).fetchall(),
        )
        return {row["channel"]: row["number"] for row in rows}

    @override
    async def due(self, channel: str, now: datetime, limit: int) -> Sequence[Delivery]:
        at = microseconds(now)
        return await self._found(
            f"SELECT {_COLUMNS} FROM deliveries WHERE state = 'waiting' AND channel = ?"
            " AND (next_at <= ? OR next_at > ?) ORDER BY created_at, id LIMIT ?",
            (channel, at, at + PATIENCE_MICROSECONDS, limit),
        )

    @override
    async def sent(self, ids: Collection[str], at: datetime, detail: str) -> None:
        await self._finish(ids, DeliveryState.SENT, at, detail)

    @override
    async def failed(self, ids: Collection[str], detail: str, next_at: datetime) -> None:
        await self._database.write(
            lambda connection: connection.execute(
                "UPDATE deliveries SET attempts = attempts + 1, detail = ?, next_at = ?"
                " WHERE id IN (SELECT value FROM json_each(?)) AND state = 'waiting'",
                (detail, microseconds(next_at), json.dumps(list(ids))),
            )
        )

    @override
    async def give_up(self, ids: Collection[str], at: datetime, detail: str) -> None:
        await self._finish(ids, DeliveryState.GIVEN_UP, at, detail)

    @override
    async def give_up_channel(self, channel: str, at: datetime, detail: str) -> int:
        def write(connection: sqlite3.Connection) -> int:
            return connection.execute(
                "UPDATE deliveries SET state = 'given_up', finished_at = ?, detail = ?"
                " WHERE channel = ? AND state = 'waiting'",
                (microseconds(at), detail, channel),
            ).rowcount

        return await self._database.write(write)

    @override
    async def hasten(self, channel: str) -> None:
        await self._database.write(
            lambda connection: connection.execute(
                "UPDATE deliveries SET next_at = 0 WHERE channel = ? AND state = 'waiting'", (channel,)
            )
        )

    @override
    async def newest(
        self, *, channel: str | None, state: DeliveryState | None, after: DeliveryPlace | None, limit: int
    ) -> Sequence[Delivery]:
        # From a place on in any case: so a range of an index serves it.
        conditions = ["(created_at, id) < (?, ?)"]
        values: list[Any] = [_EVER, ""] if after is None else [microseconds(after.created_at), after.id]
        if channel is not None:
            conditions.append("channel = ?")
            values.append(channel)
        if state is not None:
            conditions.append("state = ?")
            values.append(state.value)
        return await self._found(
            f"SELECT {_COLUMNS} FROM deliveries WHERE {' AND '.join(conditions)}"
            " ORDER BY created_at DESC, id DESC LIMIT ?",
            (*values, limit),
        )

    @override
    async def forget(self, before: datetime, limit: int) -> int:
        def write(connection: sqlite3.Connection) -> int:
            return connection.execute(
                "DELETE FROM deliveries WHERE id IN"
                " (SELECT id FROM deliveries WHERE finished_at IS NOT NULL AND finished_at < ? LIMIT ?)",
                (microseconds(before), limit),
            ).rowcount

        return await self._database.write(write)

    async def _finish(self, ids: Collection[str], state: DeliveryState, at: datetime, detail: str) -> None:
        await self._database.write(
            lambda connection: connection.execute(
                "UPDATE deliveries SET state = ?, finished_at = ?, detail = ?, attempts = attempts + ?"
                " WHERE id IN (SELECT value FROM json_each(?)) AND state = 'waiting'",
                (state.value, microseconds(at), detail, state is DeliveryState.SENT, json.dumps(list(ids))),
            )
        )

    async def _found(self, sql: str, values: Sequence[Any]) -> Sequence[Delivery]:
        rows = await self._database.read(lambda connection: connection.execute(sql, values).fetchall())
        return [_delivery(*row) for row in rows]


def _delivery(
    delivery_id: str,
    channel: str,
    notice: str,
    created_at: int,
    state: str,
    attempts: int,
    next_at: int,
    finished_at: int | None,
    detail: str,
) -> Delivery:
    return Delivery(
        delivery_id,
        channel,
        notice_from(notice),
        instant(created_at),
        DeliveryState(state),
        attempts,
        instant(next_at) if next_at else None,
        None if finished_at is None else instant(finished_at),
        detail,
    )
