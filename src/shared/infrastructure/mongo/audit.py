"""The audit log in MongoDB: the collection `shared_audit`, a document for each entry, `_id` the entry's id."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from typing_extensions import override

from shared.infrastructure.key_rows import entry_of_row, row_of_entry
from shared.infrastructure.mongo.database import MongoDatabase
from shared.infrastructure.mongo.queries import Given, Index, Query
from shared.ports.audit import AuditEntry, AuditFilter, AuditLog, bounds, oldest_id

AUDIT: Final = "shared_audit"
INDEXES: Final = (
    # Each ends with the id, so that it gives the order too.
    Index(AUDIT, (("key_name", 1), ("_id", 1))),
    Index(AUDIT, (("action", 1), ("_id", 1))),
)
BEHIND: Final = Query(AUDIT, {"_id": {"$gte": Given("first"), "$lt": Given("end")}}, sort=(("_id", -1),))
OF_KEY: Final = Query(AUDIT, {"key_name": Given("key_name"), **BEHIND.filter}, sort=BEHIND.sort)
OF_ACTION: Final = Query(AUDIT, {"action": Given("action"), **BEHIND.filter}, sort=BEHIND.sort)
OF_BOTH: Final = Query(AUDIT, {"action": Given("action"), **OF_KEY.filter}, sort=BEHIND.sort)
OLDER: Final = Query(AUDIT, {"_id": {"$lt": Given("id")}}, sort=(("_id", 1),))
SEVERAL: Final = Query(AUDIT, {"_id": {"$in": Given("ids")}})


class MongoAudit(AuditLog):
    """AuditLog on the database that all processes share."""

    def __init__(self, database: MongoDatabase) -> None:
        self._audit = database.collection(AUDIT)
        database.declare(*INDEXES)

    @override
    async def append(self, entry: AuditEntry) -> None:
        row = row_of_entry(entry)
        await self._audit.insert({"_id": row.pop("id"), **row})

    @override
    async def entries(
        self, which: AuditFilter | None = None, *, before: str | None, limit: int
    ) -> Sequence[AuditEntry]:
        which = which or AuditFilter()
        first, end = bounds(which, before)
        wanted = {"key_name": which.key_name, "action": which.action}
        given: dict[str, Any] = {name: value for name, value in wanted.items() if value is not None}
        query = {
            (False, False): BEHIND, (True, False): OF_KEY, (False, True): OF_ACTION, (True, True): OF_BOTH
        }["key_name" in given, "action" in given]  # fmt: skip
        rows = await self._audit.find(query, limit=limit, first=first, end=end, **given)
        return [entry_of_row({**row, "id": row["_id"]}) for row in rows]

    @override
    async def forget(self, before: datetime, limit: int) -> int:
        rows = await self._audit.find(OLDER, limit=limit, fields={"_id": 1}, id=oldest_id(before))
        return await self._audit.delete(SEVERAL, many=True, ids=[row["_id"] for row in rows]) if rows else 0
