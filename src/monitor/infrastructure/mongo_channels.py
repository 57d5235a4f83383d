"""Channels in MongoDB: the collection `monitor_channels`."""

from collections.abc import Sequence
from typing import Final

from typing_extensions import override

from monitor.application.notification_ports import ChannelStore
from monitor.domain.channel import Channel
from monitor.infrastructure.delivery_rows import channel_from, written_settings
from shared.infrastructure.mongo.database import Duplicate, MongoDatabase
from shared.infrastructure.mongo.queries import Given, Query, Row

CHANNELS: Final = "monitor_channels"
ALL: Final = Query(CHANNELS, {}, sort=(("_id", 1),), scans="as many as an operator made, all of which are asked for")
ONE: Final = Query(CHANNELS, {"_id": Given("name")})


class MongoChannels(ChannelStore):
    """Settings are kept as JSON text: nobody asks the database for them."""

    def __init__(self, database: MongoDatabase) -> None:
        self._channels = database.collection(CHANNELS)

    @override
    async def channels(self) -> Sequence[Channel]:
        return [_channel(row) for row in await self._channels.find(ALL)]

    @override
    async def channel(self, name: str) -> Channel | None:
        row = await self._channels.find_one(ONE, name=name)
        return None if row is None else _channel(row)

    @override
    async def create(self, channel: Channel) -> bool:
        try:
            await self._channels.insert({"_id": channel.name, **_written(channel)})
        except Duplicate:
            return False
        return True

    @override
    async def replace(self, channel: Channel) -> bool:
        return await self._channels.update(ONE, {"$set": _written(channel)}, name=channel.name)

    @override
    async def remove(self, name: str) -> bool:
        return bool(await self._channels.delete(ONE, name=name))


def _written(channel: Channel) -> Row:
    return {"kind": channel.kind.value, "settings": written_settings(channel)}


def _channel(row: Row) -> Channel:
    return channel_from(row["_id"], row["kind"], row["settings"])
