"""The lexicon in MongoDB: the LexiconStore, one document of the collection `search_lexicons`."""

from typing import Final

from typing_extensions import override

from search.application.ports.lexicons import KeptLexicon, LexiconStore
from search.domain.lexicon import Lexicon
from search.infrastructure.lexicon_rows import lexicon_of, row_of
from shared.infrastructure.mongo.database import Duplicate, MongoDatabase
from shared.infrastructure.mongo.queries import Given, Query

LEXICONS: Final = "search_lexicons"
_ONE: Final = "lexicon"
ONE: Final = Query(LEXICONS, {"_id": _ONE})
UNCHANGED: Final = Query(LEXICONS, {"_id": _ONE, "version": Given("after")})


class MongoLexicons(LexiconStore):
    """No document is version 0."""

    def __init__(self, database: MongoDatabase) -> None:
        self._lexicons = database.collection(LEXICONS)

    @override
    async def version(self) -> int:
        row = await self._lexicons.find_one(ONE, fields={"version": 1})
        return 0 if row is None else int(row["version"])

    @override
    async def read(self) -> KeptLexicon:
        row = await self._lexicons.find_one(ONE)
        return KeptLexicon(0, Lexicon()) if row is None else KeptLexicon(int(row["version"]), lexicon_of(row))

    @override
    async def write(self, lexicon: Lexicon, *, after: int | None = None) -> int | None:
        change = {"$set": row_of(lexicon), "$inc": {"version": 1}}
        fields = {"version": 1}
        if after is None:
            row = await self._lexicons.take(ONE, change, upsert=True, fields=fields)
        elif after > 0:
            row = await self._lexicons.take(UNCHANGED, change, fields=fields, after=after)
        else:
            try:
                await self._lexicons.insert({"_id": _ONE, "version": 1, **row_of(lexicon)})
            except Duplicate:
                return None
            return 1
        return None if row is None else int(row["version"])
