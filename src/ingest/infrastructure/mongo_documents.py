"""DocumentStore on MongoDB: a document, its revisions and its unpublished facts are one row, changed by condition."""

import asyncio
import itertools
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final

from typing_extensions import override

from ingest.application.ports import CollectionCounts, DocumentFilter, DocumentStore, Page, Stale, Taken
from ingest.domain.document import Document, Revision
from ingest.domain.standing import Standing, Status
from ingest.infrastructure.document_rows import standing_from
from ingest.infrastructure.mongo_document_rows import (
    DOCUMENT_FIELDS,
    RisingNumbers,
    advancing,
    containing,
    document_of,
    held,
    revision_of,
    saving,
)
from shared.events.envelope import Event
from shared.infrastructure.mongo.database import Duplicate, MongoDatabase
from shared.infrastructure.mongo.facts import MongoFacts, merged
from shared.infrastructure.mongo.grouped_writes import GroupedWrites
from shared.infrastructure.mongo.queries import Given, Index, Query, Row
from shared.infrastructure.mongo.row_memory import RowMemory
from shared.kernel import Clock, DocumentId, NotFound, Unavailable
from shared.runtime.grouping import GroupedCalls

COLLECTION: Final = "ingest_documents"
REVISIONS: Final = "ingest_revisions"
"""Older revisions of documents that have very many; a row has several."""

_LIVE: Final = {"holds": {"$exists": True}}
_WAITS: Final = {"waits": True}
INDEXES: Final = (
    # Names and bytes in one array, each with its collection: one index keeps all unique and finds both holders.
    Index(COLLECTION, (("holds", 1),), unique=True, where=_LIVE),
    # With what `counts` adds up, which so need not read documents.
    Index(COLLECTION, (("status", 1), ("number", 1), ("collection", 1), ("size", 1))),
    Index(COLLECTION, (("collection", 1), ("status", 1), ("number", 1))),
    Index(COLLECTION, (("queue_number", 1),), where=_WAITS),
    Index(REVISIONS, (("document", 1),)),
)
_SAMPLE: Final = {"statuses": ["received"], "before": 1 << 62, "start": 0, "end": 1}
ONE: Final = Query(COLLECTION, {"_id": Given("document_id")})
OF_VERSION: Final = Query(COLLECTION, {"_id": Given("document_id"), "version": Given("version")}, sample={"version": 1})
OF_STANDING: Final = Query(
    COLLECTION, {"_id": Given("document_id"), "standing_number": Given("number")}, sample={"number": 1}
)
HOLDERS: Final = Query(COLLECTION, {"holds": {"$in": Given("held")}}, sample={"held": ["a"]})
LISTED: Final = Query(
    COLLECTION,
    {"status": {"$in": Given("statuses")}, "number": {"$lt": Given("before")}},
    sort=(("number", -1),),
    sample=_SAMPLE,
)
LISTED_OF: Final = Query(
    COLLECTION, {"collection": {"$in": Given("collections")}, **LISTED.filter}, sort=LISTED.sort,
    sample={**_SAMPLE, "collections": ["a"]},
)  # fmt: skip
COUNTED: Final = Query(COLLECTION, {"status": {"$in": Given("statuses")}}, sample=_SAMPLE)
WAITING: Final = Query(
    COLLECTION, {**_WAITS, "queue_number": {"$gte": Given("start"), "$lt": Given("end")}}, sample=_SAMPLE
)
ALL: Final = Query(COLLECTION, {"_id": {"$gt": Given("after")}}, sort=(("_id", 1),))
LIVE_ONE: Final = Query(COLLECTION, {"_id": Given("document_id"), **_LIVE})
ARCHIVED: Final = Query(REVISIONS, {"document": {"$in": Given("documents")}}, sample={"documents": ["a"]})
ARCHIVE_ROW: Final = Query(REVISIONS, {"_id": Given("row_id")})

_SHOWN: Final[tuple[Status, ...]] = ("received", "processing", "searchable", "failed")
_BEFORE_ALL: Final = (1 << 63) - 1
_BEFORE_QUEUE: Final = -1
_REMEMBERED: Final = 4_000
# Of one document at once: each lost race is another's success.
_MOST_TRIES: Final = 200
_HOLDERS_AT_ONCE: Final = 100


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
        self._finding = GroupedCalls(self._find_holders, name="find-holders", most=_HOLDERS_AT_ONCE)
        self._archive = database.collection(REVISIONS)
        database.declare(*INDEXES)
        facts.live_in(COLLECTION)
        self._standings: RowMemory[tuple[int, Standing]] = RowMemory(_REMEMBERED)

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
    async def find(self, which: DocumentFilter, *, before: int | None = None, limit: int = 50) -> Page:
        query = LISTED if which.collections is None else LISTED_OF
        values: dict[str, Any] = {"statuses": _SHOWN if which.status is None else (which.status,)}
        if which.collections is not None:
            values["collections"] = sorted(which.collections)
        also = None if which.name_contains is None else containing(which.name_contains)
        last = _BEFORE_ALL if before is None else before
        rows, total = await asyncio.gather(
            self._documents.find(query, limit=limit + 1, fields=DOCUMENT_FIELDS, also=also, before=last, **values),
            self._documents.count(query, also=also, before=_BEFORE_ALL, **values),
        )
        page = rows[:limit]
        return Page([document_of(row) for row in page], page[-1]["number"] if len(rows) > limit else None, total)

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
        rows = await self._documents.aggregate(COUNTED, [{"$group": group}], statuses=_SHOWN)
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
            for key in held(document.collection, document.content.sha256, *document.names):
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
