"""DocumentStore on MongoDB: a document, its revisions and its unpublished facts are one row, changed by condition."""

import itertools
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final

from typing_extensions import override

from ingest.application.listing_order import DocumentSort, Place
from ingest.application.ports import CollectionCounts, DocumentFilter, DocumentStore, Page, Similar, Stale, Taken
from ingest.domain.document import Document, Revision
from ingest.domain.standing import Standing, Status
from ingest.infrastructure.document_rows import most_similar, standing_from
from ingest.infrastructure.mongo_document_rows import (
    DOCUMENT_FIELDS,
    RisingNumbers,
    advancing,
    document_of,
    held,
    held_by,
    revision_of,
    saving,
)
from ingest.infrastructure.mongo_listing import COLLECTION, SHOWN, MongoListing
from ingest.infrastructure.mongo_listing import INDEXES as LISTING_INDEXES
from shared.events.envelope import Event
from shared.infrastructure.mongo.database import Duplicate, MongoDatabase
from shared.infrastructure.mongo.facts import MongoFacts, merged
from shared.infrastructure.mongo.grouped_writes import GroupedWrites
from shared.infrastructure.mongo.queries import Given, Index, Query, Row
from shared.infrastructure.mongo.row_memory import RowMemory
from shared.kernel import Clock, DocumentId, NotFound, Unavailable
from shared.runtime.grouping import LATE_SECONDS, GroupedCalls

REVISIONS: Final = "ingest_revisions"
"""Older revisions of documents that have very many; a row has several."""

_LIVE: Final = {"holds": {"$exists": True}}
_WAITS: Final = {"waits": True}
_BELOW: Final = {"root": {"$exists": True}}
_SIGNED: Final = {"bands": {"$exists": True}}
INDEXES: Final = (
    # Names and bytes in one array, each with its collection: one index keeps all unique and finds both holders.
    Index(COLLECTION, (("holds", 1),), unique=True, where=_LIVE),
    Index(COLLECTION, (("queue_number", 1),), where=_WAITS),
    Index(COLLECTION, (("root", 1), ("status", 1)), where=_BELOW),
    Index(COLLECTION, (("bands", 1), ("collection", 1), ("status", 1)), where=_SIGNED),
    Index(REVISIONS, (("document", 1),)),
)
_SAMPLE: Final = {"statuses": ["received"], "start": 0, "end": 1, "root": "a"}
ONE: Final = Query(COLLECTION, {"_id": Given("document_id")})
OF_VERSION: Final = Query(COLLECTION, {"_id": Given("document_id"), "version": Given("version")}, sample={"version": 1})
OF_STANDING: Final = Query(
    COLLECTION, {"_id": Given("document_id"), "standing_number": Given("number")}, sample={"number": 1}
)
HOLDERS: Final = Query(COLLECTION, {"holds": {"$in": Given("held")}}, sample={"held": ["a"]})
PARTS: Final = Query(
    COLLECTION, {"parent": {"$in": Given("parents")}, "status": {"$in": Given("statuses")}},
    sample={**_SAMPLE, "parents": ["a"]},
)  # fmt: skip
BELOW: Final = Query(COLLECTION, {"root": Given("root"), "status": {"$in": Given("statuses")}}, sample=_SAMPLE)
COUNTED: Final = Query(COLLECTION, {"status": {"$in": Given("statuses")}}, sample=_SAMPLE)
WAITING: Final = Query(
    COLLECTION, {**_WAITS, "queue_number": {"$gte": Given("start"), "$lt": Given("end")}}, sample=_SAMPLE
)
SIMILAR: Final = Query(
    COLLECTION, {"bands": {"$in": Given("bands")}, "status": {"$in": Given("statuses")}},
    sample={**_SAMPLE, "bands": [1]},
)  # fmt: skip
SIMILAR_OF: Final = Query(
    COLLECTION, {"collection": {"$in": Given("collections")}, **SIMILAR.filter},
    sample={**SIMILAR.sample, "collections": ["a"]},
)  # fmt: skip
SEVERAL: Final = Query(COLLECTION, {"_id": {"$in": Given("documents")}}, sample={"documents": ["a"]})
ALL: Final = Query(COLLECTION, {"_id": {"$gt": Given("after")}}, sort=(("_id", 1),))
LIVE_ONE: Final = Query(COLLECTION, {"_id": Given("document_id"), **_LIVE})
ARCHIVED: Final = Query(REVISIONS, {"document": {"$in": Given("documents")}}, sample={"documents": ["a"]})
ARCHIVE_ROW: Final = Query(REVISIONS, {"_id": Given("row_id")})

_BEFORE_QUEUE: Final = -1
_REMEMBERED: Final = 4_000
# Of one document at once: each lost race is another's success.
_MOST_TRIES: Final = 200
_HOLDERS_AT_ONCE: Final = 100
_SIMILAR_AT_ONCE: Final = 1_000


class MongoDocuments(DocumentStore):
    """DocumentStore; one call to the server is one round trip.

    `save` and `load` take one. `advance` takes one write where this process wrote the standing last, else a read
    more. Two processes that change one document are told apart by `version` (saves) and `standing_number`
    (everything that touches the standing).
    """

    def __init__(
        self, database: MongoDatabase, facts: MongoFacts, *, clock: Clock | None = None, embedded: int = 200
    ) -> None:
        """`embedded`: at every so many revisions the older ones move out of the document's row.

        A row may have 16 MB, and is written whole by the server with every progress.
        """
        self._facts = facts
        self._numbers = RisingNumbers(clock or database.now)
        self._embedded = embedded
        self._documents = database.collection(COLLECTION)
        self._grouped = GroupedWrites(self._documents)
        self._finding = GroupedCalls(
            self._find_holders, name="find-holders", most=_HOLDERS_AT_ONCE, late_seconds=LATE_SECONDS
        )
        self._archive = database.collection(REVISIONS)
        database.declare(*INDEXES, *LISTING_INDEXES)
        facts.live_in(COLLECTION)
        self._standings: RowMemory[tuple[int, Standing]] = RowMemory(_REMEMBERED)
        self._listing = MongoListing(self._documents)

    @override
    async def load(self, document_id: DocumentId) -> Document:
        row = await self._documents.find_one(ONE, fields=DOCUMENT_FIELDS, document_id=document_id)
        if row is None or not row["names"]:
            raise _unknown(document_id)
        return document_of(row)

    @override
    async def holders(self, collection: str, *, sha256: str, name: str) -> tuple[Document | None, Document | None]:
        return await self._finding.ask((collection, sha256, name))

    @override
    async def save(self, document: Document, *facts: Event, expected_version: int) -> Document:
        envelopes = self._facts.wrap(facts)
        change = merged(saving(document, expected_version, self._numbers), self._facts.pushed(envelopes))
        values: dict[str, Any] = {"document_id": document.id, "version": expected_version}
        try:
            if expected_version == 0:
                saved = await self._insert(document, change, values)
            else:
                row = await self._documents.take(OF_VERSION, change, fields=DOCUMENT_FIELDS, **values)
                if row is None:
                    raise _stale(document.id)
                saved = document_of(row)
                self._standings.of(document.id).value = (row["standing_number"], saved.standing)
        except Duplicate as error:
            raise _taken() from error
        if envelopes:
            self._facts.saved(COLLECTION)
        if document.content_version > expected_version and not document.revision.number % self._embedded:
            # It is saved all the same; what stays embedded moves out the next time.
            with suppress(Unavailable):
                await self._move_out(document.id)
        return saved

    @override
    async def advance(self, document_id: DocumentId, change: Callable[[Standing], Standing]) -> bool:
        memory = self._standings.of(document_id)
        async with memory.lock:
            for _ in range(_MOST_TRIES):
                remembered = memory.value
                stored = remembered or await self._read_standing(document_id)
                if stored is None:
                    return False
                number, before = stored
                after = change(before)
                # Until the answer is there nobody knows what is stored.
                memory.value = None
                if after == before:
                    if remembered is None:
                        memory.value = stored
                        return False
                    continue  # what is stored may have moved on: it is looked at before an event is passed over
                # A withdrawn document has no further revisions: these are all.
                gives_up = await self._all_hashes(document_id) if after.removed and not before.removed else ()
                change_of_row = advancing(before, after, gives_up)
                if await self._grouped.update(OF_STANDING, change_of_row, document_id=document_id, number=number):
                    memory.value = (number + 1, after)
                    if gives_up:
                        # What a crash leaves of them goes when what was given up is forgotten.
                        await self._archive.delete(ARCHIVED, many=True, documents=[document_id])
                    return True
        raise Unavailable(f"The document {document_id} is being changed by too many others; try again.")

    @override
    async def find(
        self,
        which: DocumentFilter,
        *,
        sort: DocumentSort = DocumentSort.NEWEST,
        after: Place | None = None,
        limit: int = 50,
    ) -> Page:
        return await self._listing.find(which, sort=sort, after=after, limit=limit)

    @override
    async def revisions(self, document_id: DocumentId) -> Sequence[Revision]:
        row = await self._documents.find_one(ONE, fields={"revisions": 1, "archived": 1}, document_id=document_id)
        if row is None or not row["revisions"]:
            raise _unknown(document_id)
        stored = {one["number"]: one for one in row["revisions"]}
        if row.get("archived"):
            for older in await self._archive.find(ARCHIVED, documents=[document_id]):
                stored |= {one["number"]: one for one in older["revisions"]}
        return [revision_of(stored[number]) for number in sorted(stored, reverse=True)]

    @override
    async def parts_of(self, document_id: DocumentId) -> Sequence[Document]:
        rows = await self._documents.find(PARTS, fields=DOCUMENT_FIELDS, parents=[document_id], statuses=SHOWN)
        return [document_of(row) for row in sorted(rows, key=lambda row: row["number"])]

    @override
    async def count_parts(self, documents: Sequence[DocumentId]) -> Mapping[DocumentId, int]:
        if not documents:
            return {}
        group = {"_id": "$parent", "documents": {"$sum": 1}}
        rows = await self._documents.aggregate(
            PARTS, [{"$group": group}], parents=sorted(set(documents)), statuses=SHOWN
        )
        return {DocumentId(row["_id"]): row["documents"] for row in rows}

    @override
    async def below(self, root: DocumentId) -> tuple[int, int]:
        group = {"_id": None, "documents": {"$sum": 1}, "size": {"$sum": "$size"}}
        rows = await self._documents.aggregate(BELOW, [{"$group": group}], root=root, statuses=SHOWN)
        return (rows[0]["documents"], rows[0]["size"]) if rows else (0, 0)

    @override
    async def similar(
        self, document: Document, *, collections: Collection[str] | None, limit: int = 10
    ) -> Sequence[Similar]:
        signature = document.standing.signature
        if signature is None:
            return []
        values: dict[str, Any] = {"bands": signature.bands(), "statuses": SHOWN}
        query = SIMILAR if collections is None else SIMILAR_OF
        if collections is not None:
            values["collections"] = sorted(collections)
        rows = await self._documents.find(
            query, limit=_SIMILAR_AT_ONCE, fields={"number": 1, "standing.signature": 1}, **values
        )
        found = {row["number"]: row for row in rows if row["_id"] != document.id}
        ranked = most_similar(
            signature, {number: row["standing"].get("signature") for number, row in found.items()}, limit
        )
        if not ranked:
            return []
        wanted = [found[number]["_id"] for number in ranked]
        several = await self._documents.find(SEVERAL, fields=DOCUMENT_FIELDS, documents=wanted)
        documents = {row["number"]: document_of(row) for row in several if row["status"] in SHOWN}
        return [Similar(documents[number], similarity) for number, similarity in ranked.items() if number in documents]

    @override
    async def queue_positions(self, queue_numbers: Sequence[int]) -> Mapping[int, int]:
        numbers = sorted(set(queue_numbers))
        if not numbers:
            return {}
        # How many from one number to the next: so each that waits is counted once.
        count: Row = {"groupBy": "$queue_number", "boundaries": [_BEFORE_QUEUE, *numbers]}
        rows = await self._documents.aggregate(WAITING, [{"$bucket": count}], start=_BEFORE_QUEUE, end=numbers[-1])
        counted = {row["_id"]: row["count"] for row in rows}
        between = [counted.get(start, 0) for start in (_BEFORE_QUEUE, *numbers[:-1])]
        return dict(zip(numbers, itertools.accumulate(between), strict=True))

    @override
    async def counts(self) -> Sequence[CollectionCounts]:
        group = {
            "_id": {"collection": "$collection", "status": "$status"},
            "documents": {"$sum": 1},
            "size": {"$sum": "$size"},
        }
        rows = await self._documents.aggregate(COUNTED, [{"$group": group}], statuses=SHOWN)
        found: dict[str, tuple[dict[Status, int], int]] = {}
        for row in rows:
            name, status = row["_id"]["collection"], row["_id"]["status"]
            by_status, size = found.get(name, ({}, 0))
            found[name] = ({**by_status, status: row["documents"]}, size + row["size"])
        return [CollectionCounts(name, by_status, size) for name, (by_status, size) in sorted(found.items())]

    async def _insert(self, document: Document, change: Row, values: Mapping[str, Any]) -> Document:
        if not await self._grouped.update(OF_VERSION, change, **values):
            there = await self._documents.find_one(ONE, fields={"_id": 1}, document_id=document.id)
            raise _stale(document.id) if there else _taken()
        self._standings.of(document.id).value = (0, document.standing)
        return replace(document, saved_version=document.version, queue_number=change["$set"]["queue_number"])

    async def _find_holders(
        self, wanted: Sequence[tuple[str, str, str]]
    ) -> list[tuple[Document | None, Document | None]]:
        """Of each (collection, sha256, name)."""
        keys = [held(collection, sha256, name) for collection, sha256, name in wanted]
        rows = await self._documents.find(HOLDERS, fields=DOCUMENT_FIELDS, held=sorted({*itertools.chain(*keys)}))
        holders: dict[str, Document] = {}
        for document in map(document_of, rows):
            for key in held_by(document):
                holders[key] = document
        return [(holders.get(by_bytes), holders.get(by_name)) for by_bytes, by_name in keys]

    async def _all_hashes(self, document_id: DocumentId) -> frozenset[str]:
        try:
            return frozenset(revision.content.sha256 for revision in await self.revisions(document_id))
        except NotFound:
            return frozenset()

    async def _read_standing(self, document_id: DocumentId) -> tuple[int, Standing] | None:
        row = await self._documents.find_one(ONE, fields={"standing": 1, "standing_number": 1}, document_id=document_id)
        return None if row is None else (row["standing_number"], standing_from(row["standing"]))

    async def _move_out(self, document_id: DocumentId) -> None:
        """Copies all revisions but the newest, then takes the copied ones out of the row."""
        row = await self._documents.find_one(LIVE_ONE, fields={"revisions": 1}, document_id=document_id)
        older: list[Row] = row["revisions"][:-1] if row else []
        if not older:
            return
        first, last = older[0]["number"], older[-1]["number"]
        row_id = f"{document_id}/{first}-{last}"
        await self._archive.update(
            ARCHIVE_ROW, {"$set": {"document": document_id, "revisions": older}}, upsert=True, row_id=row_id
        )
        taken_out = {"$set": {"archived": True}, "$pull": {"revisions": {"number": {"$lte": last}}}}
        if not await self._documents.update(LIVE_ONE, taken_out, document_id=document_id):
            await self._archive.delete(ARCHIVE_ROW, row_id=row_id)


def _taken() -> Taken:
    return Taken("Another document of this collection has the same bytes or this name.")


def _stale(document_id: DocumentId) -> Stale:
    return Stale(f"The document {document_id} was changed by someone else meanwhile.")


def _unknown(document_id: DocumentId) -> NotFound:
    return NotFound(f"There is no document with the id {document_id!r}.", code="document_not_found")
