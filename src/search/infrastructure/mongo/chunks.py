"""The chunks that hits are shown from, in MongoDB: `_id` is document, version and ordinal, in this order."""

from collections.abc import Iterable, Sequence
from typing import Final

from search.application.ports.versions import NewVersion
from shared.infrastructure.mongo.database import Delete, Insert, MongoDatabase
from shared.infrastructure.mongo.queries import Given, Query
from shared.kernel import DocumentId
from shared.runtime.grouping import GroupedCalls

CHUNKS: Final = "search_chunks"
_MOST_WRITTEN: Final = 500
"""At once, about a megabyte: a call must end within its timeout."""

SEVERAL: Final = Query(CHUNKS, {"_id": {"$in": Given("ids")}})
OF_VERSIONS: Final = Query(CHUNKS, {"_id": {"$gte": Given("first"), "$lt": Given("after")}})

Place = tuple[DocumentId, int, int]
"""Document, version and ordinal."""


class MongoChunks:
    """What no record names is not seen. The chunks of a version never change."""

    def __init__(self, database: MongoDatabase) -> None:
        self._chunks = database.collection(CHUNKS)
        self._writes = GroupedCalls(self._write, name="chunks.write", most=_MOST_WRITTEN, size_of=len)

    async def write(self, new: NewVersion) -> None:
        """One call for every 500, of whichever versions are written at the same time."""
        rows = [
            Insert({"_id": _id(new.document_id, new.version, chunk.ordinal), "chunk": chunk.to_json()})
            for chunk in new.chunks
        ]
        for start in range(0, len(rows), _MOST_WRITTEN):
            await self._writes.ask(rows[start : start + _MOST_WRITTEN])

    async def _write(self, versions: Sequence[Sequence[Insert]]) -> Sequence[None]:
        # A job that is run again finds some of them there: they stay, and the others are added.
        await self._chunks.write_each([row for rows in versions for row in rows])
        return [None] * len(versions)

    async def texts(self, places: Sequence[Place], *, context: int) -> dict[Place, list[str]]:
        """For each place the JSON of its chunk and of so many on either side, as far as there are any. One call."""
        near = {
            (document_id, version, ordinal): [
                _id(document_id, version, one) for one in range(max(0, ordinal - context), ordinal + context + 1)
            ]
            for document_id, version, ordinal in places
        }
        ids = list({one for ids in near.values() for one in ids})
        found = {row["_id"]: row["chunk"] for row in await self._chunks.find(SEVERAL, ids=ids)}
        return {place: [found[one] for one in ids if one in found] for place, ids in near.items()}

    async def delete(self, versions: Iterable[tuple[DocumentId, int, int]]) -> None:
        """Of each document those from the first version to the last, inclusive. One call."""
        ranges = (
            {"first": _of_version(document_id, first), "after": _of_version(document_id, last + 1)}
            for document_id, first, last in versions
        )
        await self._chunks.write(*(Delete(OF_VERSIONS, values, many=True) for values in ranges), ordered=False)


def _id(document_id: DocumentId, version: int, ordinal: int) -> str:
    return f"{_of_version(document_id, version)}{ordinal:08}"


def _of_version(document_id: DocumentId, version: int) -> str:
    return f"{document_id}:{version:010}:"
