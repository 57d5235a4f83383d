"""ReleaseStore on MongoDB: a removed document's row keeps the hashes it gave up until they are forgotten."""

import asyncio
from collections.abc import Collection, Sequence
from typing import Final

from typing_extensions import override

from ingest.application.ports import Release, ReleaseStore
from ingest.infrastructure.mongo_document_rows import GIVES_UP
from shared.infrastructure.mongo.database import MongoDatabase
from shared.infrastructure.mongo.queries import Given, Index, Query, Row
from shared.kernel import DocumentId

DOCUMENTS: Final = "ingest_documents"
REVISIONS: Final = "ingest_revisions"
INDEXES: Final = (
    Index(DOCUMENTS, ((GIVES_UP, 1), ("_id", 1)), where={GIVES_UP: True}),
    Index(DOCUMENTS, (("revisions.sha256", 1),)),
    Index(REVISIONS, (("revisions.sha256", 1),)),
)
GIVEN_UP: Final = Query(DOCUMENTS, {GIVES_UP: True, "_id": {"$gt": Given("after")}}, sort=(("_id", 1),))
GIVEN_UP_BY: Final = Query(DOCUMENTS, {"_id": {"$in": Given("documents")}}, sample={"documents": ["a"]})
OLDER_OF: Final = Query(REVISIONS, {"document": {"$in": Given("documents")}}, sample={"documents": ["a"]})
WITH_BYTES: Final = Query(DOCUMENTS, {"revisions.sha256": {"$in": Given("hashes")}}, sample={"hashes": ["a"]})
OLDER_WITH_BYTES: Final = Query(REVISIONS, {"revisions.sha256": {"$in": Given("hashes")}}, sample={"hashes": ["a"]})
_HASHES_AT_ONCE: Final = 1_000


class MongoReleases(ReleaseStore):
    """ReleaseStore in the collections of MongoDocuments."""

    def __init__(self, database: MongoDatabase) -> None:
        self._documents = database.collection(DOCUMENTS)
        self._older = database.collection(REVISIONS)
        database.declare(*INDEXES)

    @override
    async def released(self, *, after: DocumentId | None, limit: int) -> Sequence[Release]:
        rows = await self._documents.find(GIVEN_UP, limit=limit, fields={"released": 1}, after=after or "")
        return [Release(DocumentId(row["_id"]), frozenset(row["released"])) for row in rows]

    @override
    async def forget(self, documents: Sequence[DocumentId]) -> None:
        if documents:
            await self._older.delete(OLDER_OF, many=True, documents=list(documents))
            nothing: Row = {"$unset": {GIVES_UP: "", "released": ""}}
            await self._documents.update(GIVEN_UP_BY, nothing, many=True, documents=list(documents))

    @override
    async def referred(self, hashes: Collection[str]) -> frozenset[str]:
        wanted, found = sorted(hashes), set[str]()
        fields = {"revisions.sha256": 1}
        for first in range(0, len(wanted), _HASHES_AT_ONCE):
            some = wanted[first : first + _HASHES_AT_ONCE]
            for rows in await asyncio.gather(
                self._documents.find(WITH_BYTES, fields=fields, hashes=some),
                self._older.find(OLDER_WITH_BYTES, fields=fields, hashes=some),
            ):
                for row in rows:
                    found |= {revision["sha256"] for revision in row["revisions"]}
        return frozenset(found & set(wanted))
