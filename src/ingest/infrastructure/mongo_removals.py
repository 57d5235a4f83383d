"""RemovalStore on MongoDB: a document for each collection that was ever deleted."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Final

from typing_extensions import override

from ingest.application.ports import Removal, RemovalStore
from shared.infrastructure.mongo.database import MongoDatabase
from shared.infrastructure.mongo.queries import Given, Index, Query, Row
from shared.runtime.grouping import LATE_SECONDS, GroupedCalls

COLLECTION: Final = "ingest_removals"
DOCUMENTS: Final = "ingest_documents"
INDEXES: Final = (
    Index(COLLECTION, (("is_finished", 1),)),
    # As MongoDocuments declares it.
    Index(DOCUMENTS, (("collection", 1), ("status", 1), ("number", 1))),
)
ONE: Final = Query(COLLECTION, {"_id": Given("name")})
OF_INSTANT: Final = Query(COLLECTION, {"_id": Given("name"), "started_at": Given("started_at")})
SEVERAL: Final = Query(COLLECTION, {"_id": {"$in": Given("names")}}, sample={"names": ["a"]})
UNFINISHED: Final = Query(COLLECTION, {"is_finished": False})
LEAVING: Final = Query(DOCUMENTS, {"collection": Given("collection"), "status": "withdrawn"})


class MongoRemovals(RemovalStore):
    """RemovalStore beside MongoDocuments."""

    def __init__(self, database: MongoDatabase) -> None:
        self._removals = database.collection(COLLECTION)
        self._documents = database.collection(DOCUMENTS)
        # Every upload asks, and many at once.
        self._asking = GroupedCalls(self._are_withdrawing, name="removals", late_seconds=LATE_SECONDS)
        database.declare(*INDEXES)

    @override
    async def begin(self, removal: Removal) -> Removal:
        there = await self.last(removal.collection)
        if there is not None and there.withdrawn_at is None:
            return there
        # Two that begin at once begin the same, and the later one's instant stays.
        await self._removals.update(ONE, _change(removal), upsert=True, name=removal.collection)
        return removal

    @override
    async def save(self, removal: Removal) -> bool:
        return await self._removals.update(
            OF_INSTANT, _change(removal), name=removal.collection, started_at=removal.started_at
        )

    @override
    async def unfinished(self) -> Sequence[Removal]:
        return [_removal_of(row) for row in await self._removals.find(UNFINISHED)]

    @override
    async def last(self, collection: str) -> Removal | None:
        row = await self._removals.find_one(ONE, name=collection)
        return None if row is None else _removal_of(row)

    @override
    async def is_withdrawing(self, collection: str) -> bool:
        return await self._asking.ask(collection)

    @override
    async def count_leaving(self, collection: str) -> int:
        return await self._documents.count(LEAVING, collection=collection)

    async def _are_withdrawing(self, names: Sequence[str]) -> list[bool]:
        rows = await self._removals.find(SEVERAL, names=sorted(set(names)))
        found = {row["_id"] for row in rows if not row["is_finished"] and row["withdrawn_at"] is None}
        return [name in found for name in names]


def _change(removal: Removal) -> Row:
    fields: Row = {**asdict(removal), "is_finished": removal.finished_at is not None}
    del fields["collection"]
    return {"$set": fields}


def _removal_of(row: Row) -> Removal:
    return Removal(
        collection=row["_id"],
        **{name: row[name] for name in ("total", "remaining", "started_at", "withdrawn_at", "finished_at")},
    )
