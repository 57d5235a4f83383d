"""API keys in MongoDB: the collection `shared_keys`, a document for each, `_id` its name."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from typing_extensions import override

from shared.infrastructure.key_rows import key_of_row, row_of_key, written
from shared.infrastructure.mongo.database import Duplicate, MongoDatabase, Update
from shared.infrastructure.mongo.queries import Given, Index, Query
from shared.ports.api_keys import KeyStore, StoredKey

KEYS: Final = "shared_keys"
INDEXES: Final = (Index(KEYS, (("digest", 1),), unique=True),)
ALL: Final = Query(KEYS, {}, sort=(("_id", 1),), scans="as many as an operator made, all of which are asked for")
ONE: Final = Query(KEYS, {"_id": Given("name")})
OF_DIGEST: Final = Query(KEYS, {"digest": Given("digest")})


class MongoKeys(KeyStore):
    """Instants are text of one length: `$max` compares them as instants."""

    def __init__(self, database: MongoDatabase) -> None:
        self._keys = database.collection(KEYS)
        database.declare(*INDEXES)

    @override
    async def add(self, key: StoredKey) -> bool:
        row = row_of_key(key)
        if row["last_used_at"] is None:
            del row["last_used_at"]  # `$max` with a field that is not there sets it
        try:
            await self._keys.insert({"_id": row.pop("name"), **row})
        except Duplicate:
            return False
        return True

    @override
    async def keys(self) -> Sequence[StoredKey]:
        return [key_of_row({"last_used_at": None, **row, "name": row["_id"]}) for row in await self._keys.find(ALL)]

    @override
    async def remove(self, name: str) -> bool:
        return bool(await self._keys.delete(ONE, name=name))

    @override
    async def used(self, uses: Mapping[str, datetime]) -> None:
        await self._keys.write(
            *(
                Update(OF_DIGEST, {"$max": {"last_used_at": written(at)}}, {"digest": digest})
                for digest, at in uses.items()
            )
        )
