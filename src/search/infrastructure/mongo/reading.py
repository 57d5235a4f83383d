"""Records read from MongoDB, those of one moment in one call, and what was read lately to decide on."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from search.infrastructure.mongo.records import RECORDS
from shared.infrastructure.mongo.database import MongoDatabase
from shared.infrastructure.mongo.queries import Given, Query, Row
from shared.infrastructure.mongo.row_memory import RowMemory
from shared.kernel import DocumentId
from shared.runtime.grouping import LATE_SECONDS, GroupedCalls

_MOST_AT_ONCE: Final = 1000
_MOST_REMEMBERED: Final = 1000

READ: Final = {"facts": 0}
"""All but what is on its way to the bus."""
SEVERAL: Final = Query(RECORDS, {"_id": {"$in": Given("ids")}})


class MongoReading:
    """Part of the MongoLiveStore."""

    def __init__(self, database: MongoDatabase) -> None:
        self._records = database.collection(RECORDS)
        self._reading = GroupedCalls(self._read, name=f"read-{RECORDS}", most=_MOST_AT_ONCE, late_seconds=LATE_SECONDS)
        self._lately: RowMemory[Row] = RowMemory(_MOST_REMEMBERED)

    async def record(self, document_id: DocumentId) -> Row | None:
        """As it is, or was during this call."""
        return await self._reading.ask(document_id)

    async def remembered(self, document_id: DocumentId) -> Row | None:
        """The same, for `lately`."""
        record = await self.record(document_id)
        self._lately.of(document_id).value = record
        return record

    def lately(self, document_id: DocumentId) -> Row | None:
        """What `remembered` read last, given once; long ago perhaps: only for what is done on condition."""
        memory = self._lately.of(document_id)
        record, memory.value = memory.value, None
        return record

    async def several(self, ids: Iterable[DocumentId], fields: dict[str, Any]) -> dict[DocumentId, Row]:
        """Those that there are. One call for every thousand."""
        wanted = list(dict.fromkeys(ids))
        found: dict[DocumentId, Row] = {}
        for start in range(0, len(wanted), _MOST_AT_ONCE):
            some = wanted[start : start + _MOST_AT_ONCE]
            found.update(
                (record["_id"], record) for record in await self._records.find(SEVERAL, fields=fields, ids=some)
            )
        return found

    async def _read(self, ids: Sequence[DocumentId]) -> Sequence[Row | None]:
        found = await self.several(ids, READ)
        return [found.get(document_id) for document_id in ids]
