"""How a decision in a document's record comes about in MongoDB: the last of the four calls of a change."""

import asyncio
from collections.abc import Callable

from search.infrastructure.mongo.index_version import MongoIndexVersion
from search.infrastructure.mongo.live_queries import DECIDED
from search.infrastructure.mongo.reading import MongoReading
from search.infrastructure.mongo.records import RECORDS, completion, facts_of
from shared.infrastructure.mongo.facts import MongoFacts, merged
from shared.infrastructure.mongo.grouped_writes import GroupedWrites
from shared.infrastructure.mongo.queries import Row
from shared.kernel import Clock


class MongoCompletion:
    """Part of the MongoLiveStore, which says at its head why any number that is taken then will do."""

    def __init__(
        self,
        records: GroupedWrites,
        reading: MongoReading,
        index_version: MongoIndexVersion,
        facts: MongoFacts,
        clock: Clock,
        tell: Callable[[], None],
    ) -> None:
        self._records = records
        self._reading = reading
        self._index_version = index_version
        self._facts = facts
        self._clock = clock
        self._tell = tell
        self._under_way: dict[str, asyncio.Event] = {}
        """By the token of the decision: set when this process has done it, or could not."""

    async def do(self, record: Row) -> int:
        """The version of the newest labels known as its decision came about, by this process or another."""
        token = record["next"]["token"]
        ended = self._under_way.setdefault(token, asyncio.Event())
        try:
            return await self._do(record)
        finally:
            ended.set()
            self._under_way.pop(token, None)

    async def await_or_do(self, record: Row) -> None:
        """Waits where this process is at it, which need not have succeeded then."""
        if (ended := self._under_way.get(record["next"]["token"])) is not None:
            await ended.wait()
        else:
            await self.do(record)

    async def _do(self, record: Row) -> int:
        decided = record["next"]
        number = await self._index_version.raised()
        facts = facts_of(decided)
        while True:
            change = merged(completion(record, number, self._clock()), self._facts.pushed(facts))
            labels_version = int(record["labels_version"])
            if await self._records.update(
                DECIDED, change, id=record["_id"], token=decided["token"], labels_version=labels_version
            ):
                if facts:
                    self._facts.saved(RECORDS)
                self._tell()
                return labels_version
            found = await self._reading.record(record["_id"])
            if found is None or found.get("next", {}).get("token") != decided["token"]:
                return int((found or record)["labels_version"])
            record = found
