"""Lists of the documents of MongoDocuments, in each order that there is: every query has an index that gives it."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from ingest.application.listing_order import RANKS, DocumentSort, Place, place_of, sort_name_of
from ingest.application.ports import DocumentFilter, Page
from ingest.domain.standing import Status
from ingest.infrastructure.mongo_document_rows import DOCUMENT_FIELDS, containing, document_of, of_type
from shared.infrastructure.mongo.database import MongoCollection
from shared.infrastructure.mongo.queries import Given, Index, Query, Row

COLLECTION: Final = "ingest_documents"
SHOWN: Final[tuple[Status, ...]] = ("received", "processing", "searchable", "failed")
INDEXES: Final = (
    # With what `counts` adds up, which so need not read documents.
    Index(COLLECTION, (("status", 1), ("number", 1), ("collection", 1), ("size", 1))),
    Index(COLLECTION, (("collection", 1), ("status", 1), ("number", 1))),
    # Not touched when a document's status changes.
    Index(COLLECTION, (("sort_name", 1), ("number", 1))),
    Index(COLLECTION, (("collection", 1), ("sort_name", 1), ("number", 1))),
    Index(COLLECTION, (("size", 1), ("number", 1))),
    Index(COLLECTION, (("collection", 1), ("size", 1), ("number", 1))),
    Index(COLLECTION, (("parent", 1), ("status", 1), ("number", 1)), where={"parent": {"$exists": True}}),
)
_BEFORE_ALL: Final = (1 << 63) - 1
_SAMPLE: Final = {"statuses": ["received"], "before": 1 << 62}
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
PARTS_LISTED: Final = Query(
    COLLECTION, {"parent": Given("parent"), **LISTED.filter}, sort=LISTED.sort, sample={**_SAMPLE, "parent": "a"}
)
OLDEST: Final = Query(
    COLLECTION, {"status": {"$in": Given("statuses")}, "number": {"$gt": Given("beyond")}}, sort=(("number", 1),),
    sample={**_SAMPLE, "beyond": 0},
)  # fmt: skip
BY_NAME: Final = Query(
    COLLECTION, {"sort_name": {"$gte": Given("name")}, "status": {"$in": Given("statuses")}},
    sort=(("sort_name", 1), ("number", 1)), sample=_SAMPLE,
)  # fmt: skip
BY_SIZE: Final = Query(
    COLLECTION, {"size": {"$lte": Given("size")}, "status": {"$in": Given("statuses")}},
    sort=(("size", -1), ("number", -1)), sample={**_SAMPLE, "size": 1},
)  # fmt: skip
_OF_SOME: Final[Row] = {"collection": {"$in": Given("collections")}}
SORTED: Final[Mapping[DocumentSort, Query]] = {
    DocumentSort.OLDEST: OLDEST,
    DocumentSort.NAME: BY_NAME,
    DocumentSort.SIZE: BY_SIZE,
}
SORTED_OF: Final[Mapping[DocumentSort, Query]] = {
    sort: Query(
        COLLECTION, {**_OF_SOME, **query.filter}, sort=query.sort, sample={**query.sample, "collections": ["a"]}
    )
    for sort, query in SORTED.items()
}
OF_PARENT: Final = "Those of one document are few enough to be sorted."
SORTED_PARTS: Final[Mapping[DocumentSort, Query]] = {
    sort: Query(
        COLLECTION,
        {"parent": Given("parent"), **query.filter},
        sort=query.sort,
        sorts_in_memory=OF_PARENT,
        sample={**query.sample, "parent": "a"},
    )
    for sort, query in SORTED.items()
}
UNNAMED: Final = Query(COLLECTION, {"sort_name": None, "status": {"$in": Given("statuses")}}, sample=_SAMPLE)
"""What an older Seoga kept."""
TO_NAME: Final = Query(COLLECTION, {"_id": Given("document_id")})
_FIRST_PLACES: Final[Mapping[DocumentSort, Place]] = {
    DocumentSort.OLDEST: (-1,),
    DocumentSort.NAME: ("", -1),
    DocumentSort.SIZE: (_BEFORE_ALL, _BEFORE_ALL),
}
_NAMED_AT_ONCE: Final = 500


class MongoListing:
    """DocumentStore.find."""

    def __init__(self, documents: MongoCollection) -> None:
        """Over the collection COLLECTION, whose store declares INDEXES."""
        self._documents = documents
        self._is_named = False

    async def find(
        self,
        which: DocumentFilter,
        *,
        sort: DocumentSort,
        after: Place | None,
        limit: int,
    ) -> Page:
        """A page of those documents, and how many there are in all."""
        values: dict[str, Any] = {"statuses": SHOWN if which.status is None else (which.status,)}
        also: dict[str, Any] = {} if which.name_contains is None else dict(containing(which.name_contains))
        if which.media_type is not None:
            also |= of_type(which.media_type)
        counted = LISTED if which.collections is None else LISTED_OF
        if which.parent is not None:
            counted, values["parent"] = PARTS_LISTED, which.parent
            if which.collections is not None:
                also |= {"collection": {"$in": sorted(which.collections)}}
        elif which.collections is not None:
            values["collections"] = sorted(which.collections)
        if sort is DocumentSort.NAME:
            await self._name_all()
        rows, total = await asyncio.gather(
            self._rows(counted, sort, after, limit + 1, also, values),
            self._documents.count(counted, also=also or None, before=_BEFORE_ALL, **values),
        )
        page = rows[:limit]
        return Page([document_of(row) for row in page], _place(sort, page[-1]) if len(rows) > limit else None, total)

    async def _rows(
        self,
        counted: Query,
        sort: DocumentSort,
        after: Place | None,
        limit: int,
        also: Mapping[str, Any],
        values: Mapping[str, Any],
    ) -> list[Row]:
        """In that order; `counted` is the query of the same documents, newest first."""
        fields = {**DOCUMENT_FIELDS, "sort_name": 1, "size": 1}
        if sort is DocumentSort.STATUS:
            rows: list[Row] = []
            first, last = (-1, _BEFORE_ALL) if after is None else (int(after[0]), int(after[1]))
            for status in sorted(values["statuses"], key=RANKS.__getitem__):
                rank = RANKS[status]
                if rank < first or len(rows) == limit:
                    continue
                given = {**values, "statuses": (status,), "before": last if rank == first else _BEFORE_ALL}
                rows += await self._documents.find(
                    counted, limit=limit - len(rows), fields=fields, also=also or None, **given
                )
            return rows
        if sort is DocumentSort.NEWEST:
            before = _BEFORE_ALL if after is None else int(after[0])
            return await self._documents.find(
                counted, limit=limit, fields=fields, also=also or None, before=before, **values
            )
        query = (SORTED_PARTS if counted is PARTS_LISTED else SORTED if counted is LISTED else SORTED_OF)[sort]
        beyond: dict[str, Any] = {}
        match sort, after or _FIRST_PLACES[sort]:
            case DocumentSort.NAME, (name, number):
                given = {"name": name}
                beyond = {"$or": [{"sort_name": {"$gt": name}}, {"number": {"$gt": number}}]}
            case DocumentSort.SIZE, (size, number):
                given = {"size": size}
                beyond = {"$or": [{"size": {"$lt": size}}, {"number": {"$lt": number}}]}
            case _, (number, *_):
                given = {"beyond": number}
        return await self._documents.find(
            query, limit=limit, fields=fields, also={**also, **beyond} or None, **given, **values
        )

    async def _name_all(self) -> None:
        """What an older Seoga kept is found by its name from now on. Once in a process; one quick look when all are."""
        if self._is_named:
            return
        statuses = (*SHOWN, "withdrawn")
        while rows := await self._documents.find(UNNAMED, limit=_NAMED_AT_ONCE, fields={"names": 1}, statuses=statuses):
            for row in rows:
                name = sort_name_of(row["names"][-1]) if row["names"] else ""
                await self._documents.update(TO_NAME, {"$set": {"sort_name": name}}, document_id=row["_id"])
        self._is_named = True


def _place(sort: DocumentSort, row: Row) -> Place:
    return place_of(
        sort, row["number"], sort_name=row.get("sort_name", ""), size=row.get("size", 0), status=row["status"]
    )
