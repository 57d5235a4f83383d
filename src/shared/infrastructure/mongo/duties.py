"""Duties in MongoDB: one document for each that is held, `{_id: name, owner, lease_ends_at}`."""

from typing import Final

from typing_extensions import override

from shared.infrastructure.mongo.database import Duplicate, MongoDatabase
from shared.infrastructure.mongo.queries import ANY_COLLECTION, Given, Query, Row
from shared.kernel import Clock
from shared.ports.duties import DutyStore

HELD: Final = Query(ANY_COLLECTION, {"_id": Given("name"), "owner": Given("owner")})
ENDED: Final = Query(ANY_COLLECTION, {"_id": Given("name"), "lease_ends_at": {"$lte": Given("now")}})


class MongoDuties(DutyStore):
    """DutyStore in the collection `<module>_duties`.

    Instants are the database's (`MongoDatabase.now`), so that machines agree on them.
    """

    def __init__(self, database: MongoDatabase, module: str, *, clock: Clock | None = None) -> None:
        self._clock = clock or database.now
        self._duties = database.collection(f"{module}_duties")

    @override
    async def take(self, name: str, *, owner: str, lease_seconds: float) -> bool:
        if await self._duties.update(self._of(HELD), self._lease(owner, lease_seconds), name=name, owner=owner):
            return True
        try:
            return await self._duties.update(
                self._of(ENDED),
                self._lease(owner, lease_seconds),
                upsert=True,
                name=name,
                now=self._clock().timestamp(),
            )
        except Duplicate:  # another's lease has not ended, or another was faster to take what was free
            return False

    @override
    async def give_back(self, name: str, *, owner: str) -> None:
        await self._duties.delete(self._of(HELD), name=name, owner=owner)

    def _lease(self, owner: str, seconds: float) -> Row:
        return {"$set": {"owner": owner, "lease_ends_at": self._clock().timestamp() + seconds}}

    def _of(self, query: Query) -> Query:
        return query.of(self._duties.name)
