"""DocumentInventory on MongoDB, over the rows of MongoDocuments."""

from collections.abc import Collection, Sequence
from typing import Final

from typing_extensions import override

from ingest.application.inventory import DocumentInventory, Kept
from ingest.infrastructure.document_rows import standing_from
from ingest.infrastructure.mongo_listing import COLLECTION
from shared.events.envelope import Event
from shared.infrastructure.mongo.database import MongoDatabase
from shared.infrastructure.mongo.facts import MongoFacts, merged
from shared.infrastructure.mongo.queries import Given, Query, Row
from shared.kernel import DocumentId

EVERYTHING: Final = Query(COLLECTION, {"_id": {"$gt": Given("after")}}, sort=(("_id", 1),))
SEVERAL: Final = Query(COLLECTION, {"_id": {"$in": Given("documents")}}, sample={"documents": ["a"]})
WITHDRAWN_BEFORE: Final = Query(
    COLLECTION,
    {
        "_id": Given("document_id"),
        "standing.withdrawn_version": {"$exists": True},
        "version": {"$lt": Given("version")},
    },
    sample={"version": 1},
)

_FIELDS: Final[Row] = {"version": 1, "collection": 1, "size": 1, "standing": 1, "revisions": {"$slice": -1}}


class MongoInventory(DocumentInventory):
    """Beside a MongoDocuments of the same database, whose facts these are."""

    def __init__(self, database: MongoDatabase, facts: MongoFacts) -> None:
        self._documents = database.collection(COLLECTION)
        self._facts = facts

    @override
    async def kept(self, *, after: DocumentId | None, limit: int) -> Sequence[Kept]:
        rows = await self._documents.find(EVERYTHING, limit=limit, fields=_FIELDS, after=after or "")
        return [_kept(row) for row in rows]

    @override
    async def some_kept(self, documents: Sequence[DocumentId]) -> Sequence[Kept]:
        rows = await self._documents.find(SEVERAL, fields=_FIELDS, documents=list(documents))
        return [_kept(row) for row in rows]

    @override
    async def unknown(self, documents: Sequence[DocumentId]) -> Collection[DocumentId]:
        rows = await self._documents.find(SEVERAL, fields={"_id": 1}, documents=list(documents))
        known = {row["_id"] for row in rows}
        return [one for one in documents if one not in known]

    @override
    async def withdraw_again(self, document_id: DocumentId, version: int, *facts: Event) -> bool:
        envelopes = self._facts.wrap(facts)
        changed = await self._documents.update(
            WITHDRAWN_BEFORE,
            merged({"$set": {"version": version}}, self._facts.pushed(envelopes)),
            document_id=document_id,
            version=version,
        )
        if changed and envelopes:
            self._facts.saved(COLLECTION)
        return changed


def _kept(row: Row) -> Kept:
    revisions = row.get("revisions") or []
    return Kept(
        document_id=DocumentId(row["_id"]),
        version=row["version"],
        collection=row["collection"],
        sha256=revisions[-1]["sha256"] if revisions else None,
        size=row.get("size", 0),
        standing=standing_from(row["standing"]),
    )
