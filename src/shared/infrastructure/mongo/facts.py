"""Facts that live inside the MongoDB documents they tell of, saved in the same write, until they are published.

A document with unpublished facts has `facts` (`[{id, raw}]`, oldest first), `facts_last` (the id of the newest),
`facts_owner` (who saved it) and `facts_until` (from when on anybody may publish them).
"""

import asyncio
import time
from collections.abc import Collection, Hashable, Iterable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from typing_extensions import override

from shared.events.envelope import Envelope, Event, wrap
from shared.infrastructure.mongo.database import MongoCollection, MongoDatabase, Update
from shared.infrastructure.mongo.queries import ANY_COLLECTION, Given, Index, Query, Row
from shared.kernel import Clock, new_id
from shared.ports.outbox import Outbox, PendingFact

_FIELDS: Final = ("facts", "facts_last", "facts_owner", "facts_until")
_UNSET: Final[Row] = {"$unset": dict.fromkeys(_FIELDS, "")}
_READ: Final = {"facts": 1, "facts_until": 1}

_WAITING: Final = {"facts_owner": {"$exists": True}}
INDEXES: Final = (
    Index(ANY_COLLECTION, (("facts_owner", 1), ("facts_until", 1)), where=_WAITING),
    Index(ANY_COLLECTION, (("facts_until", 1),), where={"facts_until": {"$exists": True}}),
)
OWN: Final = Query(ANY_COLLECTION, {"facts_owner": Given("owner")}, sort=(("facts_until", 1),))
LEFT_OVER: Final = Query(ANY_COLLECTION, {"facts_until": {"$lte": Given("now")}}, sort=(("facts_until", 1),))
TAKEN: Final = Query(ANY_COLLECTION, {"_id": {"$in": Given("ids")}, "facts_until": {"$lte": Given("now")}})
# Nobody pushed since they were read: then all of them are those that were published.
UNCHANGED: Final = Query(ANY_COLLECTION, {"_id": Given("id"), "facts_last": Given("last")})
HOLDER: Final = Query(ANY_COLLECTION, {"_id": Given("id")})
EMPTIED: Final = Query(ANY_COLLECTION, {"_id": Given("id"), "facts": []})


class _Place(NamedTuple):
    collection: str
    document_id: Hashable
    fact_id: str
    of: int
    """How many facts the document had when it was read."""


class _Holding:
    """A collection, and whether facts of this process may wait in it."""

    def __init__(self, rows: MongoCollection) -> None:
        self.rows = rows
        self.saves = 0
        self.empty_at = -1
        """How many saves there had been when all was published: as long as it is no more, nobody needs to ask."""
        self._read: tuple[int, frozenset[Hashable]] | None = None

    def was_read(self, saves: int, everything: frozenset[Hashable] | None) -> None:
        """What waited, or None if that was not all; `saves` as it was before the call."""
        self._read = None if everything is None else (saves, everything)
        self.forgot(())

    def forgot(self, places: Collection[Hashable]) -> None:
        """They are published; what is published a part at a time is looked for once more."""
        if self._read is not None and self._read[1].issubset(places):
            self.empty_at = self._read[0]


class MongoFacts(Outbox):
    """Outbox over some collections of `database`; stores put what `pushed` gives into their own updates.

    Other processes find what this one leaves behind by the server's clock (`MongoDatabase.now`). Where two take the
    same, a fact is published twice at worst, never lost.
    """

    def __init__(
        self,
        database: MongoDatabase,
        producer: str,
        collections: Sequence[str] = (),
        *,
        own_seconds: float = 5.0,
        look_for_leftovers_seconds: float = 2.0,
        clock: Clock | None = None,
    ) -> None:
        """`own_seconds` is how long facts are left to the process that saved them.

        Every `look_for_leftovers_seconds` it is seen whether others left some for longer.
        """
        self.producer = producer
        self.owner = new_id()
        self._database = database
        self._own = timedelta(seconds=own_seconds)
        self._look_for_leftovers_seconds = look_for_leftovers_seconds
        self._clock = clock or database.now
        self._collections: dict[str, _Holding] = {}
        self._saved = asyncio.Event()
        self._look_at = 0.0
        for name in collections:
            self.live_in(name)

    def live_in(self, collection: str) -> None:
        """Facts are looked for in this collection too; called before the database is entered."""
        self._collections[collection] = _Holding(self._database.collection(collection))
        self._database.declare(*(index.of(collection) for index in INDEXES))

    def wrap(self, facts: Iterable[Event]) -> list[Envelope]:
        """Gives facts their envelopes; call it where the cause is known."""
        return [wrap(fact, producer=self.producer) for fact in facts]

    def pushed(self, envelopes: Sequence[Envelope]) -> Row:
        """The operators of an update that saves them with the document; `merged` adds them to a store's own."""
        if not envelopes:
            return {}
        fields = self.fields(envelopes)
        return {"$push": {"facts": {"$each": fields.pop("facts")}}, "$set": fields}

    def fields(self, envelopes: Sequence[Envelope]) -> Row:
        """The fields of a new document that is inserted with them."""
        if not envelopes:
            return {}
        return {
            "facts": [{"id": envelope.id, "raw": envelope.to_json().decode()} for envelope in envelopes],
            "facts_last": envelopes[-1].id,
            "facts_owner": self.owner,
            "facts_until": self._clock() + self._own,
        }

    def saved(self, *collections: str) -> None:
        """Wakes the relay; called after the write. Who names the collections spares it a look into the others."""
        for name in collections or self._collections:
            self._collections[name].saves += 1
        self._saved.set()

    @override
    async def pending_facts(self, limit: int) -> Sequence[PendingFact]:
        is_time_to_look = time.monotonic() >= self._look_at
        found = await self._owned(limit, all_of_them=is_time_to_look)
        if len(found) < limit and is_time_to_look:
            # Before looking, so that an error does not make every call look.
            self._look_at = time.monotonic() + self._look_for_leftovers_seconds
            if await self._take_left_over(limit):
                self.saved()
                found = await self._owned(limit)
        return found

    @override
    async def forget_facts(self, places: Sequence[Hashable]) -> None:
        by_collection: dict[str, dict[Hashable, list[_Place]]] = {}
        for place in places:
            assert isinstance(place, _Place), "a place that pending_facts gave"
            by_collection.setdefault(place.collection, {}).setdefault(place.document_id, []).append(place)
        await asyncio.gather(
            *(self._forget(self._collections[name].rows, documents) for name, documents in by_collection.items())
        )
        for name in by_collection:
            self._collections[name].forgot(places)

    @override
    async def wait_for_facts(self, timeout_seconds: float) -> None:
        """Also returns when it is time to look for what others left."""
        with suppress(TimeoutError):
            async with asyncio.timeout(min(timeout_seconds, self._look_for_leftovers_seconds)):
                await self._saved.wait()
        self._saved.clear()

    async def _owned(self, limit: int, *, all_of_them: bool = False) -> list[PendingFact]:
        """Of `all_of_them`, or of the collections where something may wait."""

        async def read(holding: _Holding) -> list[tuple[datetime, str, Row]]:
            name, saves = holding.rows.name, holding.saves
            rows = await holding.rows.find(OWN.of(name), limit=limit, fields=_READ, owner=self.owner)
            facts = (fact for row in rows for fact in _facts_of(name, row))
            holding.was_read(saves, None if len(rows) == limit else frozenset(fact.place for fact in facts))
            return [(row["facts_until"], name, row) for row in rows]

        wanted = [holding for holding in self._collections.values() if all_of_them or holding.saves != holding.empty_at]
        found = await asyncio.gather(*(read(holding) for holding in wanted))
        rows = sorted((row for of_one in found for row in of_one), key=lambda row: row[0])
        return [fact for _, collection, row in rows for fact in _facts_of(collection, row)][:limit]

    async def _take_left_over(self, limit: int) -> bool:
        """Makes what others did not publish in time this process's own, by condition: one process gets each."""
        now = self._clock()

        async def take(collection: MongoCollection) -> bool:
            rows = await collection.find(LEFT_OVER.of(collection.name), limit=limit, fields={"_id": 1}, now=now)
            if not rows:
                return False
            mine = {"$set": {"facts_owner": self.owner, "facts_until": self._clock() + self._own}}
            ids = [row["_id"] for row in rows]
            return await collection.update(TAKEN.of(collection.name), mine, many=True, ids=ids, now=now)

        return any(await asyncio.gather(*(take(holding.rows) for holding in self._collections.values())))

    async def _forget(self, collection: MongoCollection, documents: dict[Hashable, list[_Place]]) -> None:
        """One call where nothing changed since; what did change meanwhile keeps what was saved later."""
        name = collection.name
        whole = {it: places[-1].fact_id for it, places in documents.items() if len(places) == places[0].of}
        done = await collection.write(
            *(Update(UNCHANGED.of(name), _UNSET, {"id": it, "last": last}) for it, last in whole.items()),
            ordered=False,
        )
        if done == len(documents):
            return
        changes: list[Update] = []
        for document_id, places in documents.items():
            ids = [place.fact_id for place in places]
            changes.append(Update(HOLDER.of(name), {"$pull": {"facts": {"id": {"$in": ids}}}}, {"id": document_id}))
            changes.append(Update(EMPTIED.of(name), _UNSET, {"id": document_id}))
        await collection.write(*changes)


def merged(change: Row, *more: Row) -> Row:
    """Several updates as one. Raises ValueError where two of them change the same field by the same operator."""
    result: dict[str, Any] = {operator: dict(fields) for operator, fields in change.items()}
    for other in more:
        for operator, fields in other.items():
            into = result.setdefault(operator, {})
            if twice := into.keys() & fields.keys():
                raise ValueError(f"{operator} changes {sorted(twice)} twice.")
            into.update(fields)
    return result


def _facts_of(collection: str, row: Row) -> list[PendingFact]:
    facts = row["facts"]
    return [
        PendingFact(_Place(collection, row["_id"], fact["id"], len(facts)), Envelope.from_json(fact["raw"]))
        for fact in facts
    ]
