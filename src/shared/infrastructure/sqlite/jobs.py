"""Jobs in a module's own SQLite file: one row per (kind, document), of which the version stays as a watermark."""

import asyncio
import json
import sqlite3
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import ClassVar, Final

from typing_extensions import override

from shared.events.envelope import Event, current_cause
from shared.infrastructure.sqlite.database import SqliteDatabase, SqliteFacts
from shared.infrastructure.sqlite.job_schema import JOBS
from shared.infrastructure.sqlite.schema import Schema
from shared.kernel import Clock, DocumentId, NotFound, new_id, utc_now
from shared.ports.jobs import BuriedJob, Job, JobCounts, JobStore, NewJob

_MINE: Final = "id = :id AND lease = :lease AND state = 'running'"
_FREE: Final = "owner = NULL, lease = NULL, lease_ends_at = NULL"


class SqliteJobs(JobStore):
    """JobStore in `database`, whose schema must contain SCHEMA (and SqliteFacts.SCHEMA)."""

    SCHEMA: ClassVar[Schema] = JOBS

    def __init__(self, database: SqliteDatabase, facts: SqliteFacts, *, clock: Clock = utc_now) -> None:
        self._database = database
        self._facts = facts
        self._clock = clock
        self._ready: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)

    @override
    async def add(self, job: NewJob) -> bool:
        cause = current_cause()
        job_id = new_id()
        row = {
            "id": job_id,
            "kind": job.kind,
            "document_id": job.document_id,
            "version": job.document_version,
            "payload": json.dumps(job.payload),
            "priority": job.priority,
            "correlation_id": cause.correlation_id if cause else job_id,
            "now": self._now(),
        }

        def insert(connection: sqlite3.Connection) -> bool:
            known = connection.execute(
                "SELECT max(version) FROM (SELECT version FROM jobs WHERE kind = :kind AND document_id = :document_id"
                " UNION ALL SELECT version FROM done_jobs WHERE kind = :kind AND document_id = :document_id"
                " UNION ALL SELECT version FROM cancelled_documents WHERE document_id = :document_id)",
                row,
            ).fetchone()[0]
            if known is not None and known >= job.document_version:
                return False
            # Behind all others, like a new one.
            connection.execute("DELETE FROM jobs WHERE kind = :kind AND document_id = :document_id", row)
            connection.execute(
                "INSERT INTO jobs (id, kind, document_id, version, state, payload, priority,"
                " correlation_id, added_at, due_at)"
                " VALUES (:id, :kind, :document_id, :version, 'waiting', :payload, :priority,"
                " :correlation_id, :now, :now)",
                row,
            )
            self._wake(job.kind)
            return True

        return await self._database.write(insert)

    @override
    async def claim(self, kind: str, *, owner: str, limit: int, lease_seconds: float) -> Sequence[Job]:
        # Before looking: what comes after the look sets it again.
        self._ready[kind].clear()
        now = self._now()

        def take(connection: sqlite3.Connection) -> list[Job]:
            connection.execute(
                f"UPDATE jobs SET state = 'waiting', {_FREE}"
                " WHERE kind = ? AND state = 'running' AND lease_ends_at <= ?",
                (kind, now),
            )
            # The plus keeps to the index that gives the order: nearly all that wait are due.
            rows = connection.execute(
                "SELECT * FROM jobs WHERE kind = ? AND state = 'waiting' AND +due_at <= ?"
                " ORDER BY priority, sequence LIMIT ?",
                (kind, now, limit),
            ).fetchall()
            jobs = [_job(row, lease=new_id()) for row in rows]
            connection.executemany(
                "UPDATE jobs SET state = 'running', owner = ?, lease = ?, lease_ends_at = ? WHERE id = ?",
                [(owner, job.lease, now + lease_seconds, job.id) for job in jobs],
            )
            return jobs

        return await self._database.write(take)

    @override
    async def heartbeat(self, job: Job, *, lease_seconds: float) -> bool:
        return await self._change(job, "lease_ends_at = :ends", ends=self._now() + lease_seconds)

    @override
    async def report(self, job: Job, *facts: Event) -> bool:
        return await self._change(job, "lease = lease", *facts)

    @override
    async def finish(self, job: Job, *facts: Event) -> bool:
        envelopes = self._facts.wrap(facts)
        values = {"id": job.id, "lease": job.lease}

        def end(connection: sqlite3.Connection) -> bool:
            if not _leave_watermarks(connection, _MINE, values):
                return False
            self._facts.save(connection, envelopes)
            return True

        return await self._database.write(end)

    @override
    async def release(self, job: Job, *, delay_seconds: float) -> bool:
        return await self._change(
            job, f"state = 'waiting', due_at = :due, {_FREE}", wake=True, due=self._now() + delay_seconds
        )

    @override
    async def retry(self, job: Job, *, delay_seconds: float) -> bool:
        return await self._change(
            job,
            f"state = 'waiting', attempts = attempts + 1, due_at = :due, {_FREE}",
            wake=True,
            due=self._now() + delay_seconds,
        )

    @override
    async def bury(self, job: Job, reason: str, *facts: Event) -> bool:
        return await self._change(
            job,
            f"state = 'buried', attempts = attempts + 1, reason = :reason, buried_at = :now, {_FREE}",
            *facts,
            reason=reason,
            now=self._now(),
        )

    @override
    async def cancel(self, document_id: DocumentId, document_version: int) -> None:
        def bar(connection: sqlite3.Connection) -> None:
            connection.execute(
                "INSERT INTO cancelled_documents (document_id, version) VALUES (?, ?)"
                " ON CONFLICT (document_id) DO UPDATE SET version = max(version, excluded.version)",
                (document_id, document_version),
            )
            of_document = {"document_id": document_id, "version": document_version}
            _leave_watermarks(connection, "document_id = :document_id AND version <= :version", of_document)

        await self._database.write(bar)

    @override
    async def void_leases(self, *, except_owner: str) -> int:
        def void(connection: sqlite3.Connection) -> int:
            kinds = connection.execute(
                f"UPDATE jobs SET state = 'waiting', {_FREE} WHERE state = 'running' AND owner != ? RETURNING kind",
                (except_owner,),
            ).fetchall()
            for kind in {row["kind"] for row in kinds}:
                self._wake(kind)
            return len(kinds)

        return await self._database.write(void)

    @override
    async def buried(self, *, limit: int = 50) -> Sequence[BuriedJob]:
        rows = await self._database.read(
            lambda connection: connection.execute(
                "SELECT * FROM jobs WHERE state = 'buried' ORDER BY buried_at DESC, sequence DESC LIMIT ?", (limit,)
            ).fetchall()
        )
        return [_buried(row) for row in rows]

    @override
    async def replay(self, job_id: str, *facts: Event) -> BuriedJob:
        envelopes = self._facts.wrap(facts)
        now = self._now()

        def dig_up(connection: sqlite3.Connection) -> BuriedJob:
            row = connection.execute("SELECT * FROM jobs WHERE id = ? AND state = 'buried'", (job_id,)).fetchone()
            if row is None:
                raise NotFound(f"There is no buried job {job_id!r}.", code="dead_letter_not_found")
            connection.execute(
                "UPDATE jobs SET state = 'waiting', attempts = 0, due_at = ?, reason = NULL, buried_at = NULL"
                " WHERE id = ?",
                (now, job_id),
            )
            self._facts.save(connection, envelopes)
            self._wake(row["kind"])
            return _buried(row)

        return await self._database.write(dig_up)

    @override
    async def counts(self, kind: str) -> JobCounts:
        now = self._now()

        def count(connection: sqlite3.Connection) -> JobCounts:
            kept = dict(connection.execute("SELECT state, number FROM job_counts WHERE kind = ?", (kind,)).fetchall())
            # A lease that ran out is waiting, whether or not a claim has looked yet.
            expired, expired_since = connection.execute(
                "SELECT count(*), min(added_at) FROM jobs WHERE kind = ? AND state = 'running' AND lease_ends_at <= ?",
                (kind, now),
            ).fetchone()
            (since,) = connection.execute(
                "SELECT min(added_at) FROM jobs WHERE kind = ? AND state = 'waiting'", (kind,)
            ).fetchone()
            oldest = min((at for at in (since, expired_since) if at is not None), default=None)
            return JobCounts(
                waiting=kept.get("waiting", 0) + expired,
                running=kept.get("running", 0) - expired,
                buried=kept.get("buried", 0),
                oldest_waiting_at=None if oldest is None else datetime.fromtimestamp(oldest, UTC),
            )

        return await self._database.read(count)

    @override
    async def unfinished(
        self, kind: str, versions: Sequence[tuple[DocumentId, int]]
    ) -> Sequence[tuple[DocumentId, int]]:
        def find(connection: sqlite3.Connection) -> list[tuple[DocumentId, int]]:
            sql = (
                "SELECT 1 FROM jobs WHERE kind = ? AND document_id = ? AND version = ?"
                " AND state IN ('waiting', 'running')"
            )
            return [one for one in versions if connection.execute(sql, (kind, *one)).fetchone() is not None]

        return await self._database.read(find)

    @override
    async def wait_for_jobs(self, kind: str, timeout_seconds: float) -> None:
        now = self._now()

        def next_at(connection: sqlite3.Connection) -> float | None:
            at: float | None = connection.execute(
                "SELECT min(at) FROM (SELECT min(due_at) AS at FROM jobs WHERE kind = ?1 AND state = 'waiting'"
                " UNION ALL SELECT min(lease_ends_at) FROM jobs WHERE kind = ?1 AND state = 'running')",
                (kind,),
            ).fetchone()[0]
            return at

        ready = self._ready[kind]
        if ready.is_set():
            return
        due_at = await self._database.read(next_at)
        if due_at is not None:
            # A timer may fire a little early; a claim must not then find that the time has not come.
            timeout_seconds = min(timeout_seconds, max(0.0, due_at - now) + 0.001)
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_seconds):
                await ready.wait()

    async def _change(self, job: Job, assignments: str, *facts: Event, wake: bool = False, **values: object) -> bool:
        """One update of a job whose claim still holds, with its facts; False and nothing when it is lost."""
        envelopes = self._facts.wrap(facts)

        def change(connection: sqlite3.Connection) -> bool:
            found = connection.execute(
                f"UPDATE jobs SET {assignments} WHERE {_MINE}", {"id": job.id, "lease": job.lease, **values}
            )
            if found.rowcount == 0:
                return False
            self._facts.save(connection, envelopes)
            if wake:
                self._wake(job.kind)
            return True

        return await self._database.write(change)

    def _wake(self, kind: str) -> None:
        self._database.after_commit(lambda: self._ready[kind].set())

    def _now(self) -> float:
        return self._clock().timestamp()


def _leave_watermarks(connection: sqlite3.Connection, which: str, values: Mapping[str, object]) -> int:
    """Of jobs that are done, in the place of their rows; how many those were."""
    rows = connection.execute(f"DELETE FROM jobs WHERE {which} RETURNING document_id, kind, version", values).fetchall()
    connection.executemany(
        "INSERT INTO done_jobs VALUES (?, ?, ?)"
        " ON CONFLICT (document_id, kind) DO UPDATE SET version = max(version, excluded.version)",
        [tuple(row) for row in rows],
    )
    return len(rows)


def _job(row: sqlite3.Row, *, lease: str) -> Job:
    return Job(
        id=row["id"],
        kind=row["kind"],
        document_id=DocumentId(row["document_id"]),
        document_version=row["version"],
        payload=json.loads(row["payload"]),
        priority=row["priority"],
        attempts=row["attempts"],
        lease=lease,
        correlation_id=row["correlation_id"],
    )


def _buried(row: sqlite3.Row) -> BuriedJob:
    return BuriedJob(
        id=row["id"],
        kind=row["kind"],
        document_id=DocumentId(row["document_id"]),
        document_version=row["version"],
        reason=row["reason"],
        attempts=row["attempts"],
        buried_at=datetime.fromtimestamp(row["buried_at"], UTC),
        payload=json.loads(row["payload"]),
    )
