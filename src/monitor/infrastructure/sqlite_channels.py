"""Channels in Monitor's SQLite file."""

import sqlite3
from collections.abc import Sequence
from typing import Final

from typing_extensions import override

from monitor.application.notification_ports import ChannelStore
from monitor.domain.channel import Channel
from monitor.infrastructure.delivery_rows import channel_from, written_settings
from shared.infrastructure.sqlite.database import SqliteDatabase
from shared.infrastructure.sqlite.schema import Schema

SCHEMA: Final = Schema(
    "CREATE TABLE IF NOT EXISTS channels (name TEXT PRIMARY KEY, kind TEXT NOT NULL, settings TEXT NOT NULL)"
    " WITHOUT ROWID;\n"
)
_ALL: Final = "SELECT name, kind, settings FROM channels ORDER BY name"


class SqliteChannels(ChannelStore):
    """ChannelStore in `database`, whose schema must contain SCHEMA."""

    def __init__(self, database: SqliteDatabase) -> None:
        self._database = database

    @override
    async def channels(self) -> Sequence[Channel]:
        rows = await self._database.read_kept("channels", lambda connection: connection.execute(_ALL).fetchall())
        return [channel_from(*row) for row in rows]

    @override
    async def channel(self, name: str) -> Channel | None:
        row = await self._database.read(
            lambda connection: connection.execute(
                "SELECT name, kind, settings FROM channels WHERE name = ?", (name,)
            ).fetchone()
        )
        return None if row is None else channel_from(*row)

    @override
    async def create(self, channel: Channel) -> bool:
        return await self._change(
            "INSERT INTO channels (name, kind, settings) VALUES (:name, :kind, :settings) ON CONFLICT DO NOTHING",
            channel,
        )

    @override
    async def replace(self, channel: Channel) -> bool:
        return await self._change("UPDATE channels SET kind = :kind, settings = :settings WHERE name = :name", channel)

    @override
    async def remove(self, name: str) -> bool:
        def write(connection: sqlite3.Connection) -> bool:
            return connection.execute("DELETE FROM channels WHERE name = ?", (name,)).rowcount > 0

        return await self._database.write(write)

    async def _change(self, sql: str, channel: Channel) -> bool:
        row = {"name": channel.name, "kind": channel.kind.value, "settings": written_settings(channel)}
        return await self._database.write(lambda connection: connection.execute(sql, row).rowcount > 0)
