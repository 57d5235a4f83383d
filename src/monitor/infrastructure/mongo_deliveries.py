"""The outbox of notices in MongoDB: the collection `monitor_deliveries`."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Final

from typing_extensions import override

from monitor.application.notification_ports import Delivery, DeliveryPlace, DeliveryState, DeliveryStore
from monitor.infrastructure.delivery_rows import PATIENCE_MICROSECONDS, instant, notice_from, written_notice
from monitor.infrastructure.journey_rows import microseconds
from shared.infrastructure.mongo.database import Insert, MongoDatabase
from shared.infrastructure.mongo.queries import Given, Index, Query, Row

DELIVERIES: Final = "monitor_deliveries"
_WAITING: Final = {"waits": True}
_NEWEST_FIRST: Final = (("place", -1),)
INDEXES: Final = (
    # `waits` is there while it waits, `place` is instant and id in one field, so that "behind" is one comparison.
    Index(DELIVERIES, (("waits", 1), ("channel", 1), ("place", 1))),
    Index(DELIVERIES, (("place", 1),)),
    Index(DELIVERIES, (("finished_at", 1),), where={"finished_at": {"$exists": True}}),
)
WAITING: Final = Query(DELIVERIES, _WAITING)
WAITING_IN: Final = Query(DELIVERIES, {**_WAITING, "channel": Given("channel")}, sort=(("place", 1),))
WAITING_OF: Final = Query(DELIVERIES, {"_id": {"$in": Given("ids")}, **_WAITING})
BEHIND: Final = Query(DELIVERIES, {"place": {"$lt": Given("place")}}, sort=_NEWEST_FIRST)
FINISHED_BEFORE: Final = Query(DELIVERIES, {"finished_at": {"$lt": Given("before")}})
SEVERAL: Final = Query(DELIVERIES, {"_id": {"$in": Given("ids")}})
_LAST: Final = "z"


class MongoDeliveries(DeliveryStore):
    """Notices are kept as JSON text: nobody asks the database for what is in them."""

    def __init__(self, database: MongoDatabase) -> None:
        self._deliveries = database.collection(DELIVERIES)
        database.declare(*INDEXES)

    @override
    async def add(self, deliveries: Collection[Delivery]) -> int:
        known = {
            row["_id"]
            for row in await self._deliveries.find(SEVERAL, fields={"_id": 1}, ids=[one.id for one in deliveries])
        }
        new = [one for one in deliveries if one.id not in known]
        # Another may make one at the same moment: then it is as it is.
        made = await self._deliveries.write_each([Insert(_new_row(one)) for one in new]) if new else []
        return sum(made)

    @override
    async def waiting(self) -> Mapping[str, int]:
        groups = await self._deliveries.aggregate(WAITING, [{"$group": {"_id": "$channel", "number": {"$sum": 1}}}])
        return {group["_id"]: int(group["number"]) for group in groups}

    @override
    async def due(self, channel: str, now: datetime, limit: int) -> Sequence[Delivery]:
        at = microseconds(now)
        also = {"$or": [{"next_at": {"$lte": at}}, {"next_at": {"$gt": at + PATIENCE_MICROSECONDS}}]}
        return [
            _delivery(row) for row in await self._deliveries.find(WAITING_IN, limit=limit, also=also, channel=channel)
        ]

    @override
    async def sent(self, ids: Collection[str], at: datetime, detail: str) -> None:
        await self._finish(ids, DeliveryState.SENT, at, detail)

    @override
    async def failed(self, ids: Collection[str], detail: str, next_at: datetime) -> None:
        change = {"$inc": {"attempts": 1}, "$set": {"detail": detail, "next_at": microseconds(next_at)}}
        await self._deliveries.update(WAITING_OF, change, many=True, ids=list(ids))

    @override
    async def give_up(self, ids: Collection[str], at: datetime, detail: str) -> None:
        await self._finish(ids, DeliveryState.GIVEN_UP, at, detail)

    @override
    async def give_up_channel(self, channel: str, at: datetime, detail: str) -> int:
        rows = await self._deliveries.find(WAITING_IN, fields={"_id": 1}, channel=channel)
        await self.give_up([row["_id"] for row in rows], at, detail)
        return len(rows)

    @override
    async def hasten(self, channel: str) -> None:
        await self._deliveries.update(WAITING_IN, {"$set": {"next_at": 0}}, many=True, channel=channel)

    @override
    async def newest(
        self, *, channel: str | None, state: DeliveryState | None, after: DeliveryPlace | None, limit: int
    ) -> Sequence[Delivery]:
        also: Row = {}
        if channel is not None:
            also["channel"] = channel
        if state is not None:
            also["state"] = state.value
        place = _LAST if after is None else _place(after)
        return [_delivery(row) for row in await self._deliveries.find(BEHIND, limit=limit, also=also, place=place)]

    @override
    async def forget(self, before: datetime, limit: int) -> int:
        rows = await self._deliveries.find(FINISHED_BEFORE, limit=limit, fields={"_id": 1}, before=microseconds(before))
        ids = [row["_id"] for row in rows]
        await self._deliveries.delete(SEVERAL, many=True, ids=ids)
        return len(ids)

    async def _finish(self, ids: Collection[str], state: DeliveryState, at: datetime, detail: str) -> None:
        change: Row = {
            "$set": {"state": state.value, "finished_at": microseconds(at), "detail": detail},
            "$unset": {"waits": ""},
        }
        if state is DeliveryState.SENT:
            change["$inc"] = {"attempts": 1}
        await self._deliveries.update(WAITING_OF, change, many=True, ids=list(ids))


def _new_row(one: Delivery) -> Row:
    return {
        "_id": one.id,
        "channel": one.channel,
        "notice": written_notice(one.notice),
        "created_at": microseconds(one.created_at),
        "place": _place(DeliveryPlace(one.created_at, one.id)),
        "state": DeliveryState.WAITING.value,
        "waits": True,
        "attempts": 0,
        "next_at": 0,
        "detail": "",
    }


def _place(place: DeliveryPlace) -> str:
    return f"{microseconds(place.created_at):020d} {place.id}"


def _delivery(row: Row) -> Delivery:
    finished_at = row.get("finished_at")
    return Delivery(
        row["_id"],
        row["channel"],
        notice_from(row["notice"]),
        instant(row["created_at"]),
        DeliveryState(row["state"]),
        row["attempts"],
        instant(row["next_at"]) if row["next_at"] else None,
        None if finished_at is None else instant(finished_at),
        row["detail"],
    )
