"""What was processed for another model, and what was asked about it: the RenewalStore, in the records of search.

A record's `renewal` names the model whose renewal was asked for last; it goes when another version becomes live.
"""

import asyncio
from collections.abc import Sequence
from typing import Final

from typing_extensions import override

from search.application.ports.renewals import RenewalStore
from search.application.ports.versions import DocumentVersion, LiveVersion
from search.infrastructure.mongo.records import RECORDS, live_version_of
from shared.events.envelope import Event
from shared.infrastructure.mongo.database import MongoDatabase
from shared.infrastructure.mongo.facts import MongoFacts, merged
from shared.infrastructure.mongo.queries import Given, Index, Query, Row

INDEXES: Final = (
    Index(RECORDS, (("live.made_for", 1),), where={"live.made_for": {"$exists": True}}),
    Index(RECORDS, (("renewal.model", 1),), where={"renewal.model": {"$exists": True}}),
)
# Each is a range of the index, which "is not" would not be.
BEFORE: Final = Query(RECORDS, {"live.made_for": {"$lt": Given("model")}})
BEYOND: Final = Query(RECORDS, {"live.made_for": {"$gt": Given("model")}})
_NOT_ASKED: Final = {"renewal.model": {"$ne": Given("model")}}
NOT_ASKED_BEFORE: Final = Query(RECORDS, {**BEFORE.filter, **_NOT_ASKED})
NOT_ASKED_BEYOND: Final = Query(RECORDS, {**BEYOND.filter, **_NOT_ASKED})
ASKABLE: Final = Query(RECORDS, {"_id": Given("id"), "live_version": Given("version"), **_NOT_ASKED})
ASKED: Final = Query(RECORDS, {"renewal.model": Given("model")})


class MongoRenewals(RenewalStore):
    """Beside a MongoLiveStore of the same database."""

    def __init__(self, database: MongoDatabase, facts: MongoFacts) -> None:
        self._facts = facts
        self._records = database.collection(RECORDS)
        database.declare(*INDEXES)
        facts.live_in(RECORDS)

    @override
    async def count_outdated(self, fingerprint: str, *, most: int) -> int:
        before, beyond = await asyncio.gather(
            *(self._records.count(query, most=most, model=fingerprint) for query in (BEFORE, BEYOND))
        )
        return min(most, before + beyond)

    @override
    async def not_asked(self, fingerprint: str, *, limit: int) -> Sequence[LiveVersion]:
        rows: list[Row] = []
        for query in (NOT_ASKED_BEFORE, NOT_ASKED_BEYOND):
            if len(rows) < limit:
                rows += await self._records.find(query, limit=limit - len(rows), fields={"live": 1}, model=fingerprint)
        return [live_version_of(row) for row in rows]

    @override
    async def ask(self, version: DocumentVersion, fingerprint: str, *facts: Event) -> bool:
        envelopes = self._facts.wrap(facts)
        asked = await self._records.update(
            ASKABLE,
            merged({"$set": {"renewal": {"model": fingerprint}}}, self._facts.pushed(envelopes)),
            id=version[0],
            version=version[1],
            model=fingerprint,
        )
        if asked and envelopes:
            self._facts.saved(RECORDS)
        return asked

    @override
    async def chunks_under_way(self, fingerprint: str) -> int:
        stages: list[Row] = [
            {
                "$group": {
                    "_id": {"$lt": ["$failed_version", "$live_version"]},
                    "chunks": {"$sum": {"$max": [1, "$live.chunk_count"]}},
                }
            }
        ]
        groups = await self._records.aggregate(ASKED, stages, model=fingerprint)
        return sum(int(group["chunks"]) for group in groups if group["_id"])
