"""JourneyStore on MongoDB: a row per document with its labels and its newest journey, and one per overtaken journey."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from typing_extensions import override

from monitor.application.ports import DocumentLabels, JourneyQuery, JourneyStore, KnownJourney, Recent, ToldStep
from monitor.domain.journey import Journey, Progress, State, Step, StepKind
from monitor.infrastructure.journey_rows import instant, microseconds, place_of
from monitor.infrastructure.mongo_journey_rows import (
    NOTHING,
    Told,
    steps_of,
    stored,
    summary,
    told_of,
    with_step,
    writing,
)
from shared.infrastructure.mongo import patterns
from shared.infrastructure.mongo.database import Duplicate, MongoCollection, MongoDatabase
from shared.infrastructure.mongo.grouped_writes import GroupedWrites
from shared.infrastructure.mongo.queries import Filter, Given, Index, Query, Row
from shared.infrastructure.mongo.row_memory import RowMemory
from shared.kernel import DocumentId, Unavailable
from shared.vocabulary import INDEX

COLLECTION: Final = "monitor_journeys"
PAST: Final = "monitor_past_journeys"
INDEXES: Final = (
    Index(COLLECTION, (("state", 1), ("started_at", 1), ("_id", 1))),
    Index(COLLECTION, (("collection", 1), ("state", 1), ("started_at", 1), ("_id", 1))),
    Index(COLLECTION, (("state", 1), ("last_event_at", 1))),
    Index(COLLECTION, (("state", 1), ("finished_at", 1))),
    Index(PAST, (("document", 1), ("version", 1))),
    Index(PAST, (("state", 1), ("last_event_at", 1))),
    Index(PAST, (("state", 1), ("finished_at", 1))),
)
_SAMPLE: Final = {"states": ["received"], "collections": ["a"], "latest": 1, "silent_since": 1, "since": 1}
ONE: Final = Query(COLLECTION, {"_id": Given("document_id")})
OF_NUMBER: Final = Query(COLLECTION, {"_id": Given("document_id"), "number": Given("number")}, sample={"number": 1})
OF_VERSION: Final = Query(COLLECTION, {"_id": Given("document_id"), "version": Given("version")}, sample={"version": 1})
WITH_OLDER_LABELS: Final = Query(
    COLLECTION, {"_id": Given("document_id"), "label_version": {"$lt": Given("version")}}, sample={"version": 1}
)
LISTED: Final = Query(
    COLLECTION,
    {"state": {"$in": Given("states")}, "started_at": {"$lte": Given("latest")}},
    sort=(("started_at", -1), ("_id", -1)),
    sample=_SAMPLE,
)
LISTED_OF: Final = Query(
    COLLECTION, {"collection": {"$in": Given("collections")}, **LISTED.filter}, sort=LISTED.sort, sample=_SAMPLE
)
SILENT: Final = Query(
    COLLECTION, {"state": {"$in": Given("states")}, "last_event_at": {"$lt": Given("silent_since")}}, sample=_SAMPLE
)
STIRRED: Final = Query(COLLECTION, {"state": {"$in": Given("states")}}, sort=(("last_event_at", -1),), sample=_SAMPLE)
FINISHED: Final = Query(COLLECTION, {"state": Given("state"), "finished_at": {"$gte": Given("since")}}, sample=_SAMPLE)
FINISHED_LAST: Final = Query(COLLECTION, {"state": Given("state")}, sort=(("finished_at", -1),))
NAMED: Final = Query(COLLECTION, {"_id": {"$in": Given("documents")}}, sample={"documents": ["a"]})
PAST_ONE: Final = Query(PAST, {"_id": Given("row_id")})
PAST_OF_NUMBER: Final = Query(PAST, {"_id": Given("row_id"), "number": Given("number")}, sample={"number": 1})
PAST_OF: Final = Query(PAST, {"document": Given("document_id")}, sort=(("version", 1),))
PAST_NAMELESS: Final = Query(PAST, {"document": Given("document_id"), "collection": None})
PAST_STIRRED: Final = STIRRED.of(PAST)
PAST_FINISHED: Final = FINISHED.of(PAST)
PAST_FINISHED_LAST: Final = FINISHED_LAST.of(PAST)

WITHDRAWN: Final = Query(
    COLLECTION,
    {"state": Given("state"), "last_event_at": {"$lt": Given("silent_since")}},
    sort=(("last_event_at", 1),),
    sample=_SAMPLE,
)
PAST_SILENT: Final = SILENT.of(PAST)
PAST_NAMED: Final = NAMED.of(PAST)

_STATES: Final = [state.value for state in State]
_EVER: Final = 1 << 62
_REMEMBERED: Final = 4_000
_MOST_TRIES: Final = 200
# Three stages and the index tell seconds.
_TIMED_STEPS: Final = 4
_WORK_SECONDS: Final[list[Row]] = [
    {"$unwind": "$steps"},
    # A stage whose artefact was there already tells nothing of how long the stage takes.
    {"$match": {"steps.seconds": {"$ne": None}, "steps.detail": {"$ne": "reused"}}},
    {"$group": {"_id": {"kind": "$steps.kind", "stage": "$steps.stage"}, "seconds": {"$push": "$steps.seconds"}}},
]


class MongoJourneys(JourneyStore):
    """JourneyStore; one call to the server is one round trip.

    `add` takes one write for a document that is new, or that this process was told of last; none for a step that
    it knows; a read more for another document, and a write more for the first step of a new version. So each row
    stays small however often a document changes, and no two rows need to agree on which is the newest.
    """

    def __init__(self, database: MongoDatabase) -> None:
        self._journeys = database.collection(COLLECTION)
        self._grouped = GroupedWrites(self._journeys)
        self._past = database.collection(PAST)
        database.declare(*INDEXES)
        self._told: RowMemory[Told] = RowMemory(_REMEMBERED)

    @override
    async def add(self, document_id: DocumentId, version: int, step: Step, labels: DocumentLabels | None) -> bool:
        memory = self._told.of(document_id)
        async with memory.lock:
            is_first = version == 1 and step.kind is StepKind.RECEIVED
            for _ in range(_MOST_TRIES):
                before = memory.value or (NOTHING if is_first else await self._read(document_id))
                is_first = False
                # Until the answer is there nobody knows what is stored.
                memory.value = None
                relabelled = labels if before.is_older_than(labels) else None
                if before.version is not None and version < before.version:
                    if relabelled:
                        await self.label(relabelled)
                    return await self._add_to_past(document_id, version, before.collection, (step,))
                steps = with_step(before.steps if version == before.version else (), step)
                if steps is None:
                    if relabelled:
                        await self.label(relabelled)
                    else:
                        memory.value = before
                    return False
                if before.version is not None and version > before.version:
                    # First, so that a crash between the two leaves the journey twice rather than nowhere.
                    await self._add_to_past(document_id, before.version, before.collection, before.steps)
                after = replace(before, number=before.number + 1, version=version, steps=steps)
                if relabelled:
                    after = after.labelled(relabelled)
                    if before.version is not None and before.collection is None:
                        await self._name_past(relabelled)
                if await self._grouped.update(
                    OF_NUMBER, writing(document_id, before, after), document_id=document_id, number=before.number
                ):
                    memory.value = after
                    return True
        raise Unavailable(f"The journey of {document_id} is being changed by too many others; try again.")

    @override
    async def add_all(self, told: Sequence[ToldStep]) -> Sequence[bool]:
        # Of one document one after the other: whoever finds its row changed reads it again.
        return await asyncio.gather(*(self.add(one.document_id, one.version, one.step, one.labels) for one in told))

    @override
    async def advance(self, progress: Collection[Progress]) -> None:
        # A field of its own, so that whoever adds a step meanwhile neither waits nor writes over it.
        await asyncio.gather(
            *(
                self._grouped.change(
                    OF_VERSION,
                    {"$max": {"progress_at": microseconds(one.at)}},
                    document_id=one.document_id,
                    version=one.version,
                )
                for one in progress
            )
        )

    @override
    async def label(self, labels: DocumentLabels) -> None:
        given = {"label_version": labels.version, "collection": labels.collection, "name": labels.name}
        # A duplicate is a row whose labels are as new.
        with suppress(Duplicate):
            before = await self._journeys.take(
                WITH_OLDER_LABELS,
                {"$set": given, "$inc": {"number": 1}},
                upsert=True,
                before=True,
                fields={"version": 1, "collection": 1},
                document_id=labels.document_id,
                version=labels.version,
            )
            if before is not None and before.get("version") is not None and before.get("collection") is None:
                await self._name_past(labels)

    @override
    async def of_document(self, document_id: DocumentId) -> Sequence[KnownJourney]:
        newest, past = await asyncio.gather(
            self._journeys.find_one(ONE, document_id=document_id), self._past.find(PAST_OF, document_id=document_id)
        )
        if newest is None or newest.get("version") is None:
            return []
        labels = (newest.get("collection"), newest.get("name"))
        older = [
            KnownJourney(Journey.of(document_id, row["version"], steps_of(row)), False, *labels)
            for row in past
            if row["version"] < newest["version"]
        ]
        return [*older, _known(newest)]

    @override
    async def newest(
        self, query: JourneyQuery, *, after: tuple[str, str] | None, limit: int
    ) -> Sequence[tuple[tuple[str, str], KnownJourney]]:
        latest, also = _EVER, _also(query)
        if after is not None:
            latest = int(after[0])
            also["$or"] = [{"started_at": {"$lt": latest}}, {"_id": {"$lt": after[1]}}]
        rows = await self._journeys.find(_listed(query), limit=limit, also=also, latest=latest, **_values(query))
        return [((str(row["started_at"]), row["_id"]), _known(row)) for row in rows]

    @override
    def place_of(self, instant: datetime) -> tuple[str, str]:
        return place_of(instant)

    @override
    async def count(self, query: JourneyQuery) -> int:
        if query.silent_since is not None:
            also = {**_also(query), **_in_collections(query.collections)}
            return await self._journeys.count(
                SILENT, also=also, states=_states(query), silent_since=microseconds(query.silent_since)
            )
        return await self._journeys.count(_listed(query), also=_also(query), latest=_EVER, **_values(query))

    @override
    async def count_by_state(self, collections: frozenset[str] | None) -> Mapping[State, int]:
        query = JourneyQuery(collections=collections)
        rows = await self._journeys.aggregate(
            _listed(query), [{"$group": {"_id": "$state", "number": {"$sum": 1}}}], latest=_EVER, **_values(query)
        )
        return {State(row["_id"]): row["number"] for row in rows}

    @override
    async def count_finished(self, state: State, since: datetime, collections: frozenset[str] | None) -> int:
        values: dict[str, Any] = {"state": state.value, "since": microseconds(since)}
        also = _in_collections(collections)
        return sum(
            await asyncio.gather(
                self._journeys.count(FINISHED, also=also, **values),
                self._past.count(PAST_FINISHED, also=also, **values),
            )
        )

    @override
    async def recent(self, limit: int) -> Recent:
        newest: list[Row] = [{"$sort": dict(STIRRED.sort)}, {"$limit": max(1, limit // _TIMED_STEPS)}, *_WORK_SECONDS]
        most = max(1, limit // 8)
        times = {"finished_at": 1, "total_seconds": 1}
        work, past_work, ends, past_ends = await asyncio.gather(
            self._journeys.aggregate(STIRRED, newest, states=_STATES),
            self._past.aggregate(PAST_STIRRED, newest, states=_STATES),
            self._journeys.find(FINISHED_LAST, limit=most, fields=times, state=State.SEARCHABLE.value),
            self._past.find(PAST_FINISHED_LAST, limit=most, fields=times, state=State.SEARCHABLE.value),
        )
        stages: dict[str, list[float]] = {}
        for row in (*work, *past_work):
            stage = INDEX if row["_id"]["kind"] == StepKind.INDEXED else row["_id"]["stage"]
            stages.setdefault(stage, []).extend(row["seconds"])
        last = sorted((*ends, *past_ends), key=lambda row: row["finished_at"], reverse=True)[:most]
        return Recent(stages, [row["total_seconds"] for row in last])

    @override
    async def forget(self, before: datetime, limit: int) -> int:
        since = microseconds(before)
        past = await self._past.find(PAST_SILENT, limit=limit, fields={"_id": 1}, states=_STATES, silent_since=since)
        gone = await self._delete(self._past, PAST_NAMED, past)
        left = limit - gone
        if left <= 0:
            return gone
        withdrawn = await self._journeys.find(
            WITHDRAWN, limit=left, fields={"_id": 1}, state=State.WITHDRAWN.value, silent_since=since
        )
        return gone + await self._delete(self._journeys, NAMED, withdrawn)

    async def _delete(self, collection: MongoCollection, named: Query, rows: Sequence[Row]) -> int:
        if not rows:
            return 0
        return await collection.delete(named, many=True, documents=[row["_id"] for row in rows])

    @override
    async def collections_of(self, documents: Collection[DocumentId]) -> Mapping[DocumentId, str]:
        rows = await self._journeys.find(NAMED, fields={"collection": 1}, documents=list(documents))
        return {DocumentId(row["_id"]): row["collection"] for row in rows if row.get("collection") is not None}

    async def _read(self, document_id: DocumentId) -> Told:
        row = await self._journeys.find_one(ONE, document_id=document_id)
        return NOTHING if row is None else told_of(row)

    async def _add_to_past(
        self, document_id: DocumentId, version: int, collection: str | None, steps: tuple[Step, ...]
    ) -> bool:
        """Whether any step is new. Steps are only ever added to the row: whatever the order, all of them stay."""
        row_id = f"{document_id}/{version}"
        change: Row = {
            "$addToSet": {"steps": {"$each": [stored(step) for step in steps]}},
            "$inc": {"number": 1},
            "$setOnInsert": {
                "document": document_id,
                "version": version,
                "collection": collection,
                **summary(Journey.of(document_id, version, steps)),
            },
        }
        try:
            before = await self._past.take(PAST_ONE, change, upsert=True, before=True, row_id=row_id)
        except Duplicate:  # made by another at the same moment
            before = await self._past.take(PAST_ONE, change, upsert=True, before=True, row_id=row_id)
        if before is None:
            return True
        known = steps_of(before)
        news = summary(Journey.of(document_id, version, (*known, *steps)))
        # Only if nobody added more meanwhile: then that one's summary has these steps too.
        await self._past.update(PAST_OF_NUMBER, {"$set": news}, row_id=row_id, number=before["number"] + 1)
        return any(with_step(known, step) is not None for step in steps)

    async def _name_past(self, labels: DocumentLabels) -> None:
        change = {"$set": {"collection": labels.collection}}
        await self._past.update(PAST_NAMELESS, change, many=True, document_id=labels.document_id)


def _listed(query: JourneyQuery) -> Query:
    return LISTED if query.collections is None else LISTED_OF


def _values(query: JourneyQuery) -> dict[str, Any]:
    values: dict[str, Any] = {"states": _states(query)}
    if query.collections is not None:
        values["collections"] = sorted(query.collections)
    return values


def _states(query: JourneyQuery) -> list[str]:
    return _STATES if query.states is None else sorted(state.value for state in query.states)


def _also(query: JourneyQuery) -> Row:
    also: Row = {}
    if query.silent_since is not None:
        since = microseconds(query.silent_since)
        # Most have no progress.
        also |= {"last_event_at": {"$lt": since}, "progress_at": {"$not": {"$gte": since}}}
    if query.not_waiting_for:
        also["waits_for"] = {"$nin": sorted(query.not_waiting_for)}
    if query.words:
        also |= _meant(query)
    return also


def _meant(query: JourneyQuery) -> Filter:
    # What is folded may be written otherwise ("ß" for "ss"); such a name is found by its other words.
    named: Filter = {"$and": [{"name": {"$regex": patterns.containing(word)}} for word in query.words]}
    if query.id_begins is None:
        return named
    return {"$and": [{"$or": [named, {"_id": {"$regex": f"^{patterns.containing(query.id_begins)}"}}]}]}


def _in_collections(collections: frozenset[str] | None) -> Filter:
    return {} if collections is None else {"collection": {"$in": sorted(collections)}}


def _known(row: Row) -> KnownJourney:
    told, document_id = told_of(row), DocumentId(row["_id"])
    assert told.version is not None
    journey = Journey.of(document_id, told.version, told.steps, instant(row.get("progress_at")))
    return KnownJourney(journey, True, told.collection, told.name)
