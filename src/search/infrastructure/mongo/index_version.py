"""The number that counts what searches could notice, in MongoDB: one document, raised by every process."""

from collections.abc import Sequence
from typing import Final

from shared.infrastructure.mongo.database import Duplicate, MongoDatabase
from shared.infrastructure.mongo.queries import Given, Query
from shared.runtime.grouping import GroupedCalls

COUNTERS: Final = "search_counters"
_INDEX_VERSION: Final = "index_version"

COUNTER: Final = Query(COUNTERS, {"_id": Given("name")})


class MongoIndexVersion:
    """0 until it is raised for the first time."""

    def __init__(self, database: MongoDatabase) -> None:
        self._counters = database.collection(COUNTERS)
        self._reading = GroupedCalls(self._read, name="index-version.read")
        self._raising = GroupedCalls(self._raise, name="index-version.raise")

    async def read(self) -> int:
        """The number as it is now; those who ask at the same time are told the same. Raises Unavailable."""
        return await self._reading.ask(None)

    async def raised(self) -> int:
        """A number that nobody had read before this call began; those who ask at the same time share one.

        Raises Unavailable.
        """
        return await self._raising.ask(None)

    async def _read(self, askers: Sequence[None]) -> Sequence[int]:
        row = await self._counters.find_one(COUNTER, name=_INDEX_VERSION)
        return [0 if row is None else int(row["value"])] * len(askers)

    async def _raise(self, askers: Sequence[None]) -> Sequence[int]:
        more = {"$inc": {"value": 1}}
        try:
            row = await self._counters.take(COUNTER, more, upsert=True, name=_INDEX_VERSION)
        except Duplicate:  # two made it at the same moment; now it is there
            row = await self._counters.take(COUNTER, more, name=_INDEX_VERSION)
        assert row is not None, "an upsert finds or makes it"
        return [int(row["value"])] * len(askers)
