"""The number that counts what searches could notice, in MongoDB: one document, raised by every process."""

import asyncio
from typing import Final

from shared.infrastructure.mongo import Duplicate, MongoDatabase
from shared.infrastructure.mongo_queries import Given, Query

COUNTERS: Final = "search_counters"
_INDEX_VERSION: Final = "index_version"

COUNTER: Final = Query(COUNTERS, {"_id": Given("name")})


class MongoIndexVersion:
    """0 until it is raised for the first time."""

    def __init__(self, database: MongoDatabase) -> None:
        self._counters = database.collection(COUNTERS)
        self._last: asyncio.Task[int] | None = None
        self._following: asyncio.Task[int] | None = None

    async def read(self) -> int:
        """The number as it is now. Raises Unavailable."""
        row = await self._counters.find_one(COUNTER, name=_INDEX_VERSION)
        return 0 if row is None else int(row["value"])

    async def raised(self) -> int:
        """A number that nobody had read before this call began; those who ask at the same time share one.

        Raises Unavailable.
        """
        if self._following is None:
            self._following = asyncio.create_task(self._after(self._last))
            self._following.add_done_callback(_look_at)
        return await asyncio.shield(self._following)

    async def _after(self, former: asyncio.Task[int] | None) -> int:
        if former is not None:
            await asyncio.wait({former})
        # Whoever asks from now on gets the next one: this one's call is on its way.
        self._last, self._following = self._following, None
        more = {"$inc": {"value": 1}}
        try:
            row = await self._counters.take(COUNTER, more, upsert=True, name=_INDEX_VERSION)
        except Duplicate:  # two made it at the same moment; now it is there
            row = await self._counters.take(COUNTER, more, name=_INDEX_VERSION)
        assert row is not None, "an upsert finds or makes it"
        return int(row["value"])


def _look_at(task: asyncio.Task[int]) -> None:
    """So that nobody complains about an error that no waiter was left to see."""
    if not task.cancelled():
        task.exception()
