"""Jobs in MongoDB: one document per (kind, document), which stays as the watermark of its version.

`claimable_at` is the one instant that decides who may claim: the time of a job that waits, the end of the lease of
one that runs; jobs that are done or buried have none.
"""

import asyncio
import json
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final

from typing_extensions import override

from shared.events.envelope import Event, current_cause
from shared.infrastructure.mongo.database import Duplicate, MongoDatabase, Update
from shared.infrastructure.mongo.facts import MongoFacts, merged
from shared.infrastructure.mongo.grouped_writes import GroupedWrites
from shared.infrastructure.mongo.queries import ANY_COLLECTION, Given, Index, Query, Row
from shared.kernel import Clock, DocumentId, NotFound, new_id
from shared.ports.jobs import BuriedJob, Job, JobCounts, JobStore, NewJob
from shared.runtime.grouping import LATE_SECONDS, GroupedCalls

_NO_FACTS: Final = dict.fromkeys(("facts", "facts_last", "facts_owner", "facts_until"), 0)
_FREE: Final = dict.fromkeys(("owner", "lease"), "")
_DONE: Final[Row] = {"$set": {"state": "done", "payload": "{}"}, "$unset": {**_FREE, "claimable_at": ""}}

_CLAIMABLE: Final = {"claimable_at": {"$exists": True}}
_BURIED: Final = {"state": "buried"}
INDEXES: Final = (
    Index(ANY_COLLECTION, (("kind", 1), ("priority", 1), ("added_at", 1)), where=_CLAIMABLE),
    Index(ANY_COLLECTION, (("kind", 1), ("claimable_at", 1)), where=_CLAIMABLE),
    Index(ANY_COLLECTION, (("state", 1), ("buried_at", 1)), where=_BURIED),
    Index(ANY_COLLECTION, (("id", 1),), where=_BURIED),
)
OLDER: Final = Query(ANY_COLLECTION, {"_id": Given("key"), "version": {"$lt": Given("version")}})
# The keys of a document's jobs of all kinds, see _key: `;` follows `:`.
OF_DOCUMENT: Final = Query(
    ANY_COLLECTION,
    {
        "_id": {"$gt": Given("after"), "$lt": Given("before")},
        "version": {"$lte": Given("version")},
        "state": {"$ne": "done"},
    },
)
DUE: Final = Query(
    ANY_COLLECTION,
    {"kind": Given("kind"), "claimable_at": {"$lte": Given("now")}},
    sort=(("priority", 1), ("added_at", 1)),
)
# All that a claim changes is still what it was; `None` is what a job that waits has.
AS_READ: Final = Query(
    ANY_COLLECTION, {"_id": Given("key"), **{name: Given(name) for name in ("id", "claimable_at", "lease", "attempts")}}
)
HELD: Final = Query(ANY_COLLECTION, {"_id": Given("key"), "lease": Given("lease"), "state": "running"})
HELD_BY_OTHERS: Final = Query(
    ANY_COLLECTION,
    {"state": "running", "owner": {"$ne": Given("owner")}},
    scans="it is asked once, by a process that starts alone",
)
NEXT: Final = Query(ANY_COLLECTION, {"kind": Given("kind"), **_CLAIMABLE}, sort=(("claimable_at", 1),))
UNFINISHED: Final = Query(ANY_COLLECTION, {"_id": {"$in": Given("keys")}, **_CLAIMABLE})
BURIED: Final = Query(ANY_COLLECTION, _BURIED, sort=(("buried_at", -1),))
BURIED_OF_KIND: Final = Query(ANY_COLLECTION, {**_BURIED, "kind": Given("kind")})
BURIED_JOB: Final = Query(ANY_COLLECTION, {**_BURIED, "id": Given("id")})
CANCELLED: Final = Query(ANY_COLLECTION, {"_id": Given("document_id")})
TOMBSTONES: Final = Query(ANY_COLLECTION, {"_id": {"$in": Given("document_ids")}})


class MongoJobs(JobStore):
    """JobStore in the collections `<producer>_jobs` and `<producer>_cancelled`; facts are saved in the job itself.

    Instants are the database's (`MongoDatabase.now`), so that machines agree on them. What many do at one moment (add
    a job, look for its cancellation, prolong, end) is one call.
    """

    def __init__(
        self,
        database: MongoDatabase,
        facts: MongoFacts,
        *,
        look_for_others_seconds: float = 0.9,
        clock: Clock | None = None,
    ) -> None:
        """Who waits for jobs looks every `look_for_others_seconds`: those that other processes add wake nobody."""
        self._facts = facts
        self._look_for_others_seconds = look_for_others_seconds
        self._clock = clock or database.now
        self._jobs = database.collection(f"{facts.producer}_jobs")
        self._cancelled = database.collection(f"{facts.producer}_cancelled")
        self._writing = GroupedWrites(self._jobs)
        self._looking = GroupedCalls(self._barred, name=f"look-{self._cancelled.name}", late_seconds=LATE_SECONDS)
        database.declare(*(index.of(self._jobs.name) for index in INDEXES))
        facts.live_in(self._jobs.name)
        self._ready: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)

    @override
    async def add(self, job: NewJob) -> bool:
        cause = current_cause()
        job_id, now, key = new_id(), self._now(), _key(job.document_id, job.kind)
        change: Row = {
            "$set": {
                "id": job_id,
                "kind": job.kind,
                "document_id": job.document_id,
                "version": job.document_version,
                "state": "waiting",
                "payload": json.dumps(job.payload, ensure_ascii=False),
                "priority": job.priority,
                "attempts": 0,
                "correlation_id": cause.correlation_id if cause else job_id,
                "added_at": now,
                "claimable_at": now,
            },
            "$unset": {**_FREE, "reason": "", "buried_at": ""},
        }
        if not await self._put(change, key=key, version=job.document_version):
            return False
        # After the write: a cancellation writes its tombstone first, so that one of the two sees the other.
        barred = await self._looking.ask(job.document_id)
        if barred is not None and barred >= job.document_version:
            await self._end(job.document_id, barred)
            return False
        self._ready[job.kind].set()
        return True

    @override
    async def claim(self, kind: str, *, owner: str, limit: int, lease_seconds: float) -> Sequence[Job]:
        """One call for one job, two for several; more only where others take the same meanwhile."""
        # Before looking: what comes after the look sets it again.
        self._ready[kind].clear()
        now, lease = self._now(), new_id()
        change: Row = {
            "$set": {"state": "running", "owner": owner, "lease": lease, "claimable_at": now + lease_seconds}
        }
        if limit == 1:
            row = await self._jobs.take(self._of(DUE), change, fields=_NO_FACTS, kind=kind, now=now)
            return [] if row is None else [_job(row)]
        jobs: list[Job] = []
        while len(jobs) < limit:
            wanted = limit - len(jobs)
            due = await self._jobs.find(self._of(DUE), limit=wanted, fields=_NO_FACTS, kind=kind, now=now)
            taken = await asyncio.gather(*(self._take(row, change) for row in due))
            jobs += [_job({**row, "lease": lease}) for row, is_mine in zip(due, taken, strict=True) if is_mine]
            if len(due) < wanted:
                break
        return jobs

    @override
    async def heartbeat(self, job: Job, *, lease_seconds: float) -> bool:
        return await self._change(job, {"$set": {"claimable_at": self._now() + lease_seconds}})

    @override
    async def report(self, job: Job, *facts: Event) -> bool:
        return await self._change(job, {"$set": {"state": "running"}}, *facts)

    @override
    async def finish(self, job: Job, *facts: Event) -> bool:
        return await self._change(job, _DONE, *facts)

    @override
    async def release(self, job: Job, *, delay_seconds: float) -> bool:
        return await self._wait_again(job, delay_seconds, {})

    @override
    async def retry(self, job: Job, *, delay_seconds: float) -> bool:
        return await self._wait_again(job, delay_seconds, {"$inc": {"attempts": 1}})

    @override
    async def bury(self, job: Job, reason: str, *facts: Event) -> bool:
        change = {
            "$set": {"state": "buried", "reason": reason, "buried_at": self._now()},
            "$unset": {**_FREE, "claimable_at": ""},
            "$inc": {"attempts": 1},
        }
        return await self._change(job, change, *facts)

    @override
    async def cancel(self, document_id: DocumentId, document_version: int) -> None:
        bar: Row = {"$max": {"version": document_version}}
        try:
            await self._cancelled.update(CANCELLED.of(self._cancelled.name), bar, upsert=True, document_id=document_id)
        except Duplicate:  # two made the tombstone at the same moment; now it is there
            await self._cancelled.update(CANCELLED.of(self._cancelled.name), bar, document_id=document_id)
        await self._end(document_id, document_version)

    @override
    async def void_leases(self, *, except_owner: str) -> int:
        change: Row = {"$set": {"state": "waiting", "claimable_at": self._now()}, "$unset": _FREE}
        voided = await self._jobs.write(Update(self._of(HELD_BY_OTHERS), change, {"owner": except_owner}, many=True))
        if voided:
            for ready in self._ready.values():
                ready.set()
        return voided

    @override
    async def buried(self, *, limit: int = 50) -> Sequence[BuriedJob]:
        return [_buried(row) for row in await self._jobs.find(self._of(BURIED), limit=limit, fields=_NO_FACTS)]

    @override
    async def replay(self, job_id: str, *facts: Event) -> BuriedJob:
        change: Row = {
            "$set": {"state": "waiting", "attempts": 0, "claimable_at": self._now()},
            "$unset": {"reason": "", "buried_at": ""},
        }
        envelopes = self._facts.wrap(facts)
        row = await self._jobs.take(
            self._of(BURIED_JOB), merged(change, self._facts.pushed(envelopes)), before=True, fields=_NO_FACTS,
            id=job_id,
        )  # fmt: skip
        if row is None:
            raise NotFound(f"There is no buried job {job_id!r}.", code="dead_letter_not_found")
        self._facts.saved(self._jobs.name)
        self._ready[row["kind"]].set()
        return _buried(row)

    @override
    async def counts(self, kind: str) -> JobCounts:
        # A lease that ran out is waiting, whether or not a claim has looked yet.
        is_waiting = {"$or": [{"$eq": ["$state", "waiting"]}, {"$lte": ["$claimable_at", self._now()]}]}
        stages: list[Row] = [
            {"$group": {"_id": is_waiting, "jobs": {"$sum": 1}, "oldest": {"$min": "$added_at"}}},
        ]
        groups, buried = await asyncio.gather(
            self._jobs.aggregate(self._of(NEXT), stages, kind=kind),
            self._jobs.count(self._of(BURIED_OF_KIND), kind=kind),
        )
        found = {bool(group["_id"]): group for group in groups}
        waiting, running = found.get(True), found.get(False)
        return JobCounts(
            waiting=waiting["jobs"] if waiting else 0,
            running=running["jobs"] if running else 0,
            buried=buried,
            oldest_waiting_at=_instant(waiting["oldest"]) if waiting else None,
        )

    @override
    async def unfinished(
        self, kind: str, versions: Sequence[tuple[DocumentId, int]]
    ) -> Sequence[tuple[DocumentId, int]]:
        if not versions:
            return []
        rows = await self._jobs.find(
            self._of(UNFINISHED),
            fields={"document_id": 1, "version": 1},
            keys=[_key(document_id, kind) for document_id, _ in versions],
        )
        found = {(row["document_id"], row["version"]) for row in rows}
        return [one for one in versions if one in found]

    @override
    async def wait_for_jobs(self, kind: str, timeout_seconds: float) -> None:
        ready = self._ready[kind]
        ends_at = asyncio.get_running_loop().time() + timeout_seconds
        while not ready.is_set():
            now = self._now()
            row = await self._jobs.find_one(self._of(NEXT), fields={"claimable_at": 1}, kind=kind)
            left = ends_at - asyncio.get_running_loop().time()
            if left <= 0 or (row is not None and row["claimable_at"] <= now):
                return
            pause = min(left, self._look_for_others_seconds)
            if row is not None:
                # A timer may fire a little early; a claim must not then find that the time has not come.
                pause = min(pause, row["claimable_at"] - now + 0.001)
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await ready.wait()

    async def _take(self, row: Row, change: Row) -> bool:
        """False when somebody else took it, or it became another, since it was read."""
        read = {name: row.get(name) for name in ("id", "claimable_at", "lease", "attempts")}
        return await self._writing.change(self._of(AS_READ), change, key=row["_id"], **read)

    async def _put(self, change: Row, **values: Any) -> bool:
        """In place of an older version or of none; False when something else is there."""
        for _ in range(2):
            # Refused, it is no older one, or was inserted a moment ago: then it is found the second time.
            if await self._writing.update(self._of(OLDER), change, **values):
                return True
        return False

    async def _barred(self, document_ids: Sequence[DocumentId]) -> list[int | None]:
        """Up to which version each is cancelled."""
        rows = await self._cancelled.find(
            TOMBSTONES.of(self._cancelled.name), fields={"version": 1}, document_ids=list(set(document_ids))
        )
        versions: dict[str, int] = {row["_id"]: row["version"] for row in rows}
        return [versions.get(document_id) for document_id in document_ids]

    async def _end(self, document_id: DocumentId, version: int) -> None:
        await self._jobs.update(
            self._of(OF_DOCUMENT), _DONE, many=True, after=f"{document_id}:", before=f"{document_id};", version=version
        )

    async def _wait_again(self, job: Job, delay_seconds: float, change: Row) -> bool:
        again: Row = {"$set": {"state": "waiting", "claimable_at": self._now() + delay_seconds}, "$unset": _FREE}
        done = await self._change(job, merged(again, change))
        if done:
            self._ready[job.kind].set()
        return done

    async def _change(self, job: Job, change: Row, *facts: Event) -> bool:
        """One update of a job whose claim still holds, with its facts; False and nothing when it is lost."""
        envelopes = self._facts.wrap(facts)
        saved = await self._writing.change(
            self._of(HELD),
            merged(change, self._facts.pushed(envelopes)),
            key=_key(job.document_id, job.kind),
            lease=job.lease,
        )
        if saved and envelopes:
            self._facts.saved(self._jobs.name)
        return saved

    def _of(self, query: Query) -> Query:
        return query.of(self._jobs.name)

    def _now(self) -> float:
        return self._clock().timestamp()


def _key(document_id: DocumentId, kind: str) -> str:
    return f"{document_id}:{kind}"


def _instant(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _job(row: Row) -> Job:
    return Job(
        id=row["id"],
        kind=row["kind"],
        document_id=DocumentId(row["document_id"]),
        document_version=row["version"],
        payload=json.loads(row["payload"]),
        priority=row["priority"],
        attempts=row["attempts"],
        lease=row["lease"],
        correlation_id=row["correlation_id"],
    )


def _buried(row: Row) -> BuriedJob:
    return BuriedJob(
        id=row["id"],
        kind=row["kind"],
        document_id=DocumentId(row["document_id"]),
        document_version=row["version"],
        reason=row["reason"],
        attempts=row["attempts"],
        buried_at=_instant(row["buried_at"]),
        payload=json.loads(row["payload"]),
    )
