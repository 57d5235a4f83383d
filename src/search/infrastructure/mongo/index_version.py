"""The number that counts what searches could notice, in MongoDB: one document, raised by every process."""

from collections.abc import Sequence
from typing import Final

from shared.infrastructure.mongo.database import Duplicate, MongoDatabase
from shared.infrastructure.mongo.queries import Given, Query, Row
from shared.runtime.grouping import LATE_SECONDS, GroupedCalls

COUNTERS: Final = "search_counters"
_INDEX_VERSION: Final = "index_version"

COUNTER: Final = Query(COUNTERS, {"_id": Given("name")})


class MongoIndexVersion:
    """0 until it is raised for the first time. Beside it stands whether the index is whole."""

    def __init__(self, database: MongoDatabase) -> None:
        self._counters = database.collection(COUNTERS)
        self._reading = GroupedCalls(self._read, name="index-version.read", late_seconds=LATE_SECONDS)
        self._raising = GroupedCalls(self._raise, name="index-version.raise", late_seconds=LATE_SECONDS)
        self.is_whole = True
        """As it was when the number was read last."""

    async def read(self) -> int:
        """The number as it is now; those who ask at the same time are told the same. Raises Unavailable."""
        return await self._reading.ask(None)

    async def raised(self) -> int:
        """A number that nobody had read before this call began; those who ask at the same time share one.

        Raises Unavailable.
        """
        return await self._raising.ask(None)

    async def mark_whole(self, whole: bool) -> None:
        """Raises the number with it. Raises Unavailable."""
        self._see(await self._take({"$inc": {"value": 1}, "$set": {"is_whole": whole}}))

    async def _read(self, askers: Sequence[None]) -> Sequence[int]:
        row = await self._counters.find_one(COUNTER, name=_INDEX_VERSION)
        if row is None:
            return [0] * len(askers)
        self._see(row)
        return [int(row["value"])] * len(askers)

    async def _raise(self, askers: Sequence[None]) -> Sequence[int]:
        row = await self._take({"$inc": {"value": 1}})
        return [int(row["value"])] * len(askers)

    async def _take(self, change: Row) -> Row:
        try:
            row = await self._counters.take(COUNTER, change, upsert=True, name=_INDEX_VERSION)
        except Duplicate:  # two made it at the same moment; now it is there
            row = await self._counters.take(COUNTER, change, name=_INDEX_VERSION)
        assert row is not None, "an upsert finds or makes it"
        return row

    def _see(self, row: Row) -> None:
        self.is_whole = bool(row.get("is_whole", True))
