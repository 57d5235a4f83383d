"""The labels in a document's record in MongoDB, and whether its units carry them."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from search.infrastructure.mongo.records import RECORDS, is_stale, made_or_set
from shared.events.ingest import Labels
from shared.infrastructure.mongo.database import Duplicate, MongoDatabase, Update
from shared.infrastructure.mongo.grouped_writes import GroupedWrites
from shared.infrastructure.mongo.queries import Given, Index, Query, Row
from shared.kernel import DocumentId

_NO_FACTS: Final = {"facts": 0}

INDEXES: Final = (Index(RECORDS, (("stale", 1),), where={"stale": True}),)
RECORD: Final = Query(RECORDS, {"_id": Given("id")})
# Matches nothing, so that an upsert makes a record or meets the one that is there.
NO_RECORD: Final = Query(RECORDS, {"_id": Given("id"), "labels_version": {"$lt": 0}})
_FIRST_VERSION: Final = 1
_OLDER_LABELS: Final = {
    "_id": Given("id"),
    "labels_version": {"$lt": Given("version")},
    "withdrawn_version": {"$lt": Given("version")},
}
OTHER_LABELS: Final = Query(RECORDS, {**_OLDER_LABELS, "labels": {"$ne": Given("labels")}})
SAME_LABELS: Final = Query(RECORDS, {**_OLDER_LABELS, "labels": Given("labels")})
SAME_LABELS_CARRIED: Final = Query(RECORDS, {**_OLDER_LABELS, "labels": Given("labels"), "stale": {"$exists": False}})
UNITS_BEHIND: Final = Query(RECORDS, {"_id": Given("id"), "indexed_labels_version": {"$lt": Given("version")}})
UNITS_CATCH_UP: Final = Query(
    RECORDS,
    {
        "_id": Given("id"),
        "indexed_labels_version": {"$lt": Given("version")},
        "labels_version": {"$lte": Given("version")},
    },
)
TO_LABEL: Final = Query(RECORDS, {"stale": True})


class MongoLabels:
    """Part of the MongoLiveStore, which has the promises."""

    def __init__(self, database: MongoDatabase, grouped: GroupedWrites) -> None:
        self._records = database.collection(RECORDS)
        self._grouped = grouped
        database.declare(*INDEXES)

    async def keep(self, document_id: DocumentId, version: int, labels: Labels) -> bool:
        """Unless as new ones are known. Whether the document is live with units that carry older ones.

        A new document's go together with what else is written at the time.
        """
        words = labels.model_dump_json()
        values: Row = {"collection": labels.collection, "labels": words, "labels_version": version, "stale": True}
        which: Row = {"id": document_id, "version": version, "labels": words}
        if version == _FIRST_VERSION and await self._grouped.update(NO_RECORD, made_or_set(values), id=document_id):
            return False
        while True:
            with suppress(Duplicate):  # it is there with these labels or newer ones, or was made a moment ago
                record = await self._records.take(
                    OTHER_LABELS, made_or_set(values), upsert=True, fields=_NO_FACTS, **which
                )
                return record is not None and is_stale(record)
            # The same words again (the document is processed once more): its units carry them already.
            carried = {"$set": {"labels_version": version, "indexed_labels_version": version}}
            await self._records.write(
                Update(SAME_LABELS_CARRIED, carried, which),
                Update(SAME_LABELS, {"$set": {"labels_version": version}}, which),
            )
            record = await self._records.find_one(RECORD, fields=_NO_FACTS, id=document_id)
            if record is not None and max(record["labels_version"], record["withdrawn_version"]) >= version:
                return is_stale(record)

    async def carried(self, document_id: DocumentId, version: int) -> None:
        """By the units, now."""
        which: Row = {"id": document_id, "version": version}
        carried = {"indexed_labels_version": version}
        await self._records.write(
            Update(UNITS_CATCH_UP, {"$set": carried, "$unset": {"stale": ""}}, which),
            Update(UNITS_BEHIND, {"$set": carried}, which),
        )

    async def not_carried(self) -> Sequence[DocumentId]:
        """Live documents whose units carry older labels than are known."""
        records = await self._records.find(TO_LABEL, fields=_NO_FACTS)
        return [DocumentId(record["_id"]) for record in records if is_stale(record)]
