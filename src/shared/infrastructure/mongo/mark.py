"""The mark of a MongoDB database: one for all stores in it, GridFS included, since they are copied together."""

from dataclasses import asdict
from typing import Final

from typing_extensions import override

from shared.infrastructure.mongo.database import Duplicate, MongoDatabase
from shared.infrastructure.mongo.queries import ANY_COLLECTION, Given, Query, Row
from shared.ports.belonging import Mark, Marked

COLLECTION: Final = "installation"
_ID: Final = "mark"
MARK: Final = Query(COLLECTION, {"_id": Given("mark")})
FIRST: Final = Query(ANY_COLLECTION, {"_id": {"$gt": ""}}, sort=(("_id", 1),))


class MongoMark(Marked):
    """Marked; it is empty when it has no document."""

    def __init__(self, database: MongoDatabase, documents: str) -> None:
        """`documents` is the collection of documents."""
        self._marks = database.collection(COLLECTION)
        self._documents = database.collection(documents)

    @override
    async def read(self) -> Mark | None:
        row = await self._marks.find_one(MARK, mark=_ID)
        return None if row is None else _mark_of(row)

    @override
    async def write(self, mark: Mark) -> None:
        await self._marks.update(MARK, {"$set": asdict(mark)}, upsert=True, mark=_ID)

    @override
    async def claim(self, mark: Mark) -> Mark:
        change = {"$setOnInsert": asdict(mark)}
        try:
            row = await self._marks.take(MARK, change, upsert=True, mark=_ID)
        except Duplicate:
            row = await self._marks.take(MARK, change, upsert=True, mark=_ID)
        return mark if row is None else _mark_of(row)

    @override
    async def is_empty(self) -> bool:
        return await self._documents.find_one(FIRST.of(self._documents.name), fields={"_id": 1}) is None


def _mark_of(row: Row) -> Mark:
    return Mark(row["installation"], row["collections"], row["is_settled"])
