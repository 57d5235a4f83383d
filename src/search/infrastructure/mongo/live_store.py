"""Which version of each document searches see, with what is shown of it: the LiveStore in MongoDB.

A switch or withdrawal takes four calls, in this order, each durable before the next:

1. the version's chunks, in a collection of their own: invisible;
2. the *decision*: one conditional update puts the change, with its facts, into `next` of the record. An older version
   is refused here. From now on the change will come about, whoever dies;
3. a number: the index version is raised;
4. the *completion*: one update, on the condition that this decision still waits, makes the version live from that
   number on, retires the former one, and saves the facts.

Changes of many documents at the same moment share these calls, each document's in this order. Who has read the record
before decides on the versions read: as long as they are the same, so is `live`, and nothing has to be read again.

Whoever meets a decision that waits (a search, the next change of the document, the same job after a crash) completes
it with a number of its own, taken then; the completion that comes first counts. So, for a search that began at n:

- it looks before 2 and sees the old version: the number is taken after 2, hence above n, and it sees the old version
  for as long as it runs, though the completion falls in between;
- it looks between 2 and 4: the number may be taken already, at or below n, or not. It completes the change first, and
  only then reads: from now on the record says the same to everyone;
- it looks after 4: the record says from when on the new version is live, and until when the old one was;
- a number that is taken and never used (a crash between 3 and 4, a completion that came second) means nothing;
- chunks without a record (a crash between 1 and 2) are written again by the job, or go with a later version.

The units of a new version are in the index before 1, those of an old one stay until `retired` names them, so the
index lists both for every search in question. Once `switch` returns, every search that begins sees the version.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta

from typing_extensions import override

from search.application.ports.live_store import HitRecord, LiveStore
from search.application.ports.versions import DocumentState, DocumentVersion, LiveVersion, NewVersion
from search.infrastructure.mongo.chunks import MongoChunks, Place
from search.infrastructure.mongo.completion import MongoCompletion
from search.infrastructure.mongo.index_version import MongoIndexVersion
from search.infrastructure.mongo.labels import MongoLabels
from search.infrastructure.mongo.live_queries import (
    AS_READ,
    FAILED,
    FAILING,
    IN_COLLECTION,
    INDEXES,
    LIVE,
    RECORD,
    RETIRED,
    SWITCHABLE,
    WITHDRAWABLE,
)
from search.infrastructure.mongo.reading import READ, MongoReading
from search.infrastructure.mongo.records import (
    NAMED,
    RECORDS,
    bars,
    decided_switch,
    decided_withdrawal,
    labelled_at,
    labels_of,
    last_replaced,
    live_version_of,
    made_or_set,
    named_versions,
    replaceable,
    state_of,
    supersedes,
)
from search.infrastructure.mongo.showing import hit_at, texts_at
from search.infrastructure.shown_hits import names_in
from shared.events.envelope import Event
from shared.events.ingest import Labels
from shared.infrastructure.mongo.database import Duplicate, MongoDatabase, Update
from shared.infrastructure.mongo.facts import MongoFacts
from shared.infrastructure.mongo.grouped_writes import GroupedWrites
from shared.infrastructure.mongo.queries import Row
from shared.kernel import DocumentId
from shared.vocabulary import DEFAULT_COLLECTION


class MongoLiveStore(LiveStore):
    """Its collections are named `search_…`; the facts are saved in the records."""

    def __init__(
        self,
        database: MongoDatabase,
        facts: MongoFacts,
        *,
        longest_search_seconds: float = 20.0,
        look_for_others_seconds: float = 0.15,
    ) -> None:
        """What was retired stays as long as the longest search, for those that run in other processes.

        Ten seconds of it are for a model that is being loaded. What others write is looked for so often.
        """
        self._facts = facts
        self._now = database.now
        self._longest_search = timedelta(seconds=longest_search_seconds)
        self._look_for_others_seconds = look_for_others_seconds
        self._records = database.collection(RECORDS)
        self._grouped = GroupedWrites(self._records)
        self._reading = MongoReading(database)
        self._chunks = MongoChunks(database)
        self._labels = MongoLabels(database, self._grouped)
        self._index_version = MongoIndexVersion(database)
        self._changed = asyncio.Event()
        self._completion = MongoCompletion(
            self._grouped, self._reading, self._index_version, facts, database.now, self._tell
        )
        database.declare(*INDEXES)
        facts.live_in(RECORDS)

    @override
    async def index_version(self) -> int:
        """One call."""
        return await self._index_version.read()

    @override
    async def is_whole(self) -> bool:
        return self._index_version.is_whole

    @override
    async def has_retired(self) -> bool:
        """One call."""
        # Whenever it was, by whichever process's clock, and however young the number is.
        some_day, any_number = self._now() + timedelta(days=1), 1 << 62
        found = await self._records.find_one(RETIRED, fields={"_id": 1}, long_ago=some_day, before=any_number)
        return found is not None

    @override
    async def mark_whole(self, whole: bool) -> None:
        """One call."""
        await self._index_version.mark_whole(whole)
        self._tell()

    @override
    async def document(self, document_id: DocumentId) -> DocumentState | None:
        record = await self._reading.remembered(document_id)
        return None if record is None else state_of(record)

    @override
    async def label(self, document_id: DocumentId, version: int, labels: Labels) -> bool:
        """One call for new labels."""
        stale = await self._labels.keep(document_id, version, labels)
        self._tell()
        return stale

    @override
    async def labelled(self, document_id: DocumentId, labels_version: int) -> None:
        """Two calls."""
        # The number first: the units carry the labels already, and a crash in between is made good by one more.
        await self._index_version.raised()
        await self._labels.carried(document_id, labels_version)
        self._tell()

    @override
    async def to_label(self) -> Sequence[DocumentId]:
        return await self._labels.not_carried()

    @override
    async def switch(self, new: NewVersion, *facts: Event) -> int | None:
        """Four calls, one more for every 500 chunks; see the head of this file.

        Whatever is switched at the same time shares them, if its record was read by `document` before.
        """
        await self._chunks.write(new)
        mine = decided_switch(new, self._facts.wrap(facts))
        change = made_or_set({"next": mine})
        read = await self._decided_as_read(new, change)
        if read is not None:
            return max(new.labels_version, await self._completion.do({**read, "next": mine}))
        while True:
            read = await self._reading.record(new.document_id) if new.first_pages is not None else None
            given = replaceable(new, read)
            if given is None:
                return None
            record: Row | None = None
            with suppress(Duplicate):  # what is there does not allow it, or was made a moment ago
                record = await self._records.take(SWITCHABLE, change, upsert=True, fields=READ, **given)
            if record is None:
                record = await self._reading.record(new.document_id)
                if record is None:
                    continue
                if supersedes(record, new.version):
                    return None
            decided = record.get("next")
            if decided is None:
                continue
            labels_version = await self._completion.do(record)
            if decided["live"] is not None and decided["version"] == new.version:
                return max(new.labels_version, labels_version)

    async def _decided_as_read(self, new: NewVersion, change: Row) -> Row | None:
        """The record that the decision was made on; None: it was not made, for this or another reason."""
        record = self._reading.lately(new.document_id)
        if record is None or "next" in record or bars(record, new):
            return None
        versions = {name: record[name] for name in ("live_version", "withdrawn_version")}
        return record if await self._grouped.update(AS_READ, change, id=new.document_id, **versions) else None

    @override
    async def withdraw(self, document_id: DocumentId, version: int, *facts: Event) -> bool:
        """Three calls; see the head of this file."""
        decided = decided_withdrawal(version, self._facts.wrap(facts))
        change = made_or_set({"next": decided, "withdrawn_version": version})
        while True:
            record: Row | None = None
            with suppress(Duplicate):  # what is there does not allow it, or was made a moment ago
                record = await self._records.take(
                    WITHDRAWABLE, change, upsert=True, fields=READ, id=document_id, version=version
                )
            if record is None:
                record = await self._reading.record(document_id)
                if record is None:
                    continue
                if "next" not in record and record["withdrawn_version"] >= version:
                    return False
            waiting = record.get("next")
            if waiting is None:
                continue
            await self._completion.do(record)
            if waiting["live"] is None and waiting["version"] >= version:
                return bool(waiting["version"] == version)

    @override
    async def fail(self, document_id: DocumentId, version: int) -> None:
        while True:
            change = made_or_set({"failed_version": version})
            if await self._grouped.update(FAILING, change, id=document_id, version=version):
                break
            # A newer one is known, or the record was made a moment ago.
            record = await self._reading.record(document_id)
            if record is not None and max(record["failed_version"], record["withdrawn_version"]) >= version:
                break
        self._tell()

    @override
    async def unfail(self, document_id: DocumentId, version: int) -> None:
        await self._records.update(FAILED, {"$set": {"failed_version": 0}}, id=document_id, version=version)

    @override
    async def unsettled(self, versions: Sequence[DocumentVersion]) -> Sequence[DocumentVersion]:
        """One call for every thousand."""
        fields = dict.fromkeys(("live_version", "failed_version", "withdrawn_version"), 1)
        records = await self._reading.several((document_id for document_id, _ in versions), fields)
        return [
            (document_id, version)
            for document_id, version in versions
            if (record := records.get(document_id)) is None or max(record[name] for name in fields) < version
        ]

    @override
    async def unrecorded(self, versions: Sequence[DocumentVersion]) -> Sequence[DocumentVersion]:
        """One call for every thousand."""
        records = await self._reading.several((document_id for document_id, _ in versions), NAMED)
        named = {document_id: named_versions(record) for document_id, record in records.items()}
        return [
            (document_id, version) for document_id, version in versions if version not in named.get(document_id, ())
        ]

    @override
    async def wait_for_change(self, timeout_seconds: float) -> None:
        """Soon in any case: nobody tells what other processes write."""
        with suppress(TimeoutError):
            async with asyncio.timeout(min(timeout_seconds, self._look_for_others_seconds)):
                await self._changed.wait()

    @override
    async def unknown_collections(self, names: Sequence[str]) -> Sequence[str]:
        names = [name for name in names if name != DEFAULT_COLLECTION]
        found = await asyncio.gather(
            *(self._records.find_one(IN_COLLECTION, fields={"_id": 1}, name=name) for name in names)
        )
        return [name for name, one in zip(names, found, strict=True) if one is None]

    @override
    async def hits(
        self, at: int, chunks: Sequence[tuple[DocumentId, int, int]], *, context: int = 0
    ) -> Sequence[HitRecord | None]:
        if not chunks:
            return []
        records, found = await self._seen(chunks, context)
        return [hit_at(at, place, records.get(place[0], {}), found[place]) for place in chunks]

    @override
    async def texts(self, at: int, chunks: Sequence[tuple[DocumentId, int, int]]) -> Sequence[str | None]:
        return texts_at(at, chunks, *await self._seen(chunks, context=0)) if chunks else []

    @override
    async def labels_at(
        self, at: int, documents: Sequence[DocumentId]
    ) -> Sequence[tuple[DocumentId, Labels, str | None]]:
        """One call for every thousand."""
        return list(labelled_at((await self._settled_records(documents)).values(), at))

    @override
    async def names(self, collection: str) -> Mapping[str, DocumentId]:
        records = await self._records.find(IN_COLLECTION, fields={"labels": 1}, name=collection)
        return {name: DocumentId(record["_id"]) for record in records for name in names_in(labels_of(record))}

    @override
    async def live(self, *, after: DocumentId | None, limit: int) -> Sequence[LiveVersion]:
        records = await self._records.find(LIVE, limit=limit, fields={"live": 1}, after=after or "")
        return [live_version_of(record) for record in records]

    @override
    async def live_version(self, document_id: DocumentId) -> LiveVersion | None:
        record = await self._records.find_one(RECORD, fields={"live": 1, "live_version": 1}, id=document_id)
        return live_version_of(record) if record is not None and (record.get("live_version") or 0) > 0 else None

    @override
    async def retired(self, *, before: int, limit: int) -> Sequence[DocumentVersion]:
        """Searches of other processes are not known here: they have had the time they take."""
        long_ago = self._now() - self._longest_search
        records = await self._records.find(
            RETIRED, limit=limit, fields={"retired": 1}, long_ago=long_ago, before=before
        )
        return [
            (DocumentId(record["_id"]), one["version"])
            for record in records
            for one in record["retired"]
            if one["at"] <= long_ago and one["live_until"] <= before
        ][:limit]

    @override
    async def forget(self, versions: Sequence[DocumentVersion]) -> None:
        """Chunks go before the word that they are retired: after a crash it is all done again."""
        if not versions:
            return
        by_document: dict[DocumentId, list[int]] = {}
        for document_id, version in versions:
            by_document.setdefault(document_id, []).append(version)
        records = await self._reading.several(by_document, NAMED)
        await self._chunks.delete(
            (document_id, first, last)
            for document_id, record in records.items()
            for version in by_document[document_id]
            if (found := last_replaced(record, version, by_document[document_id])) is not None
            for first, last in [found]
        )
        await self._records.write(
            *(
                Update(RECORD, {"$pull": {"retired": {"version": {"$in": gone}}}}, {"id": document_id})
                for document_id, gone in by_document.items()
            ),
            ordered=False,
        )

    async def _seen(
        self, chunks: Sequence[Place], context: int
    ) -> tuple[dict[DocumentId, Row], dict[Place, list[str]]]:
        """Two calls at the same time, however many chunks."""
        return await asyncio.gather(
            self._settled_records(document_id for document_id, _, _ in chunks),
            self._chunks.texts(chunks, context=context),
        )

    async def _settled_records(self, ids: Iterable[DocumentId]) -> dict[DocumentId, Row]:
        """Records whose decisions have come about: what they say of an index version is for ever."""
        records = await self._reading.several(ids, READ)
        while waiting := [record for record in records.values() if "next" in record]:
            await asyncio.gather(*(self._completion.await_or_do(record) for record in waiting))
            records |= await self._reading.several((record["_id"] for record in waiting), READ)
        return records

    def _tell(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
