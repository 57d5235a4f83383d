"""The worker's policy: the two failures, attempts, lost claims, leaving."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest

from builders import eventually
from shared.events.envelope import Envelope, Event, caused_by, current_cause
from shared.events.process import ProcessingFailed, StageFinished
from shared.infrastructure.prometheus_metrics import PrometheusMetrics
from shared.infrastructure.sqlite.database import SqliteFacts
from shared.infrastructure.sqlite.jobs import SqliteJobs
from shared.kernel import DocumentId, Refused, Unavailable, new_document_id
from shared.ports.handlers import Report
from shared.ports.jobs import BuriedJob, Job, JobCounts, NewJob
from shared.runtime.worker import Worker

KIND = "process"
Run = Callable[[Job, Report], Awaitable[Sequence[Event]]]


class Handler:
    """A JobHandler that does what the test says."""

    kind = KIND

    def __init__(self, run: Run, *, concurrency: int = 2, tells_of_refusal: bool = True) -> None:
        self.concurrency = concurrency
        self._run = run
        self._tells_of_refusal = tells_of_refusal

    async def run(self, job: Job, report: Report) -> Sequence[Event]:
        return await self._run(job, report)

    def refused(self, job: Job, error: Refused) -> Sequence[Event]:
        if not self._tells_of_refusal:
            return ()
        failed = ProcessingFailed(
            document_id=job.document_id,
            document_version=job.document_version,
            stage="parse",
            code=error.specific_code,
            reason=str(error),
            retryable=error.retryable,
        )
        return (failed,)


@asynccontextmanager
async def working(jobs: SqliteJobs, handler: Handler, **settings: Any) -> AsyncIterator[asyncio.Task[None]]:
    settings = {"owner": "this boot", "first_retry_seconds": 0.01, **settings}
    worker = Worker(jobs, handler, group="process", metrics=PrometheusMetrics(), **settings)
    running = asyncio.create_task(worker.run())
    try:
        yield running
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def add(jobs: SqliteJobs, count: int = 1, *, version: int = 1) -> list[DocumentId]:
    documents = [new_document_id() for _ in range(count)]
    for document_id in documents:
        await jobs.add(NewJob(KIND, document_id, version))
    return documents


async def facts_saved(facts: SqliteFacts, count: int) -> list[Envelope]:
    async def enough() -> list[Envelope]:
        found = [fact.envelope for fact in await facts.pending_facts(1000)]
        return found if len(found) >= count else []

    return await eventually(enough)


async def buried(jobs: SqliteJobs) -> BuriedJob:
    async def one() -> Sequence[BuriedJob]:
        return await jobs.buried()

    return (await eventually(one))[0]


async def counts_are(jobs: SqliteJobs, *, waiting: int, running: int = 0) -> None:
    async def are_so() -> bool:
        counts: JobCounts = await jobs.counts(KIND)
        return (counts.waiting, counts.running) == (waiting, running)

    await eventually(are_so)


def a_stage(job: Job, stage: str) -> StageFinished:
    return StageFinished(
        document_id=job.document_id,
        document_version=job.document_version,
        stage=stage,
        seconds=0,
        done=1,
        total=1,
    )


async def test_runs_every_job_and_saves_its_facts(jobs: SqliteJobs, facts: SqliteFacts) -> None:
    async def run(job: Job, report: Report) -> Sequence[Event]:
        await report(a_stage(job, "parse"))
        return (a_stage(job, "embed"),)

    with caused_by("request-1"):
        documents = await add(jobs, 20)
    async with working(jobs, Handler(run)):
        saved = await facts_saved(facts, 40)
    assert Counter(envelope.key for envelope in saved) == dict.fromkeys(documents, 2)
    assert {envelope.correlation_id for envelope in saved} == {"request-1"}
    await counts_are(jobs, waiting=0)


async def test_takes_a_job_that_is_added_while_it_waits(jobs: SqliteJobs) -> None:
    done: list[str] = []

    async def run(job: Job, _: Report) -> Sequence[Event]:
        done.append(job.document_id)
        return ()

    async with working(jobs, Handler(run)):
        for number in range(1, 4):
            await add(jobs)
            await eventually(partial(lambda count: len(done) == count, number))


async def test_runs_as_many_at_once_as_the_handler_says(jobs: SqliteJobs) -> None:
    busy = most = done = 0

    async def run(_: Job, __: Report) -> Sequence[Event]:
        nonlocal busy, most, done
        busy += 1
        most = max(most, busy)
        await asyncio.sleep(0.01)
        busy -= 1
        done += 1
        return ()

    await add(jobs, 12)
    async with working(jobs, Handler(run, concurrency=3)):
        await eventually(lambda: done == 12)
    assert most == 3


async def test_a_plain_refusal_ends_at_once_with_the_handlers_facts(jobs: SqliteJobs, facts: SqliteFacts) -> None:
    tried = 0

    async def run(_: Job, __: Report) -> Sequence[Event]:
        nonlocal tried
        tried += 1
        raise Refused("It is encrypted.", code="encrypted")

    await add(jobs)
    async with working(jobs, Handler(run)):
        [failed] = await facts_saved(facts, 1)
    assert (failed.name, failed.payload["code"], tried) == ("ProcessingFailed", "encrypted", 1)
    assert await jobs.buried() == []
    await counts_are(jobs, waiting=0)


async def test_a_retryable_refusal_ends_after_its_attempts(jobs: SqliteJobs, facts: SqliteFacts) -> None:
    tried: list[int] = []

    async def run(job: Job, _: Report) -> Sequence[Event]:
        tried.append(job.attempts)
        raise Refused("The parser was killed.", code="parser_killed", retryable=True)

    await add(jobs)
    async with working(jobs, Handler(run), attempts=3):
        [failed] = await facts_saved(facts, 1)
    assert tried == [0, 1, 2]
    assert failed.name == "ProcessingFailed"


async def test_a_refusal_that_nobody_tells_of_becomes_a_dead_letter(jobs: SqliteJobs, facts: SqliteFacts) -> None:
    async def run(_: Job, __: Report) -> Sequence[Event]:
        raise Refused("no reason a person would see")

    [document_id] = await add(jobs, version=4)
    async with working(jobs, Handler(run, tells_of_refusal=False)):
        job = await buried(jobs)
    [notice] = await facts_saved(facts, 1)
    assert notice.name == "EventDeadLettered"
    assert notice.payload == {
        "group": "process",
        "dead_letter_id": job.id,
        "subject": "job:process",
        "document_id": document_id,
        "document_version": 4,
        "reason": "no reason a person would see",
    }


@pytest.mark.parametrize("failure", [ValueError("a bug"), asyncio.CancelledError()])
async def test_any_other_failure_is_tried_again_and_then_buried(jobs: SqliteJobs, failure: BaseException) -> None:
    tried = 0

    async def run(_: Job, __: Report) -> Sequence[Event]:
        nonlocal tried
        tried += 1
        raise failure

    await add(jobs)
    async with working(jobs, Handler(run)):
        job = await buried(jobs)
    assert tried == job.attempts == 3
    assert type(failure).__name__ in job.reason


async def test_a_buried_job_runs_again_when_it_is_replayed(jobs: SqliteJobs) -> None:
    is_mended = False
    done = False

    async def run(_: Job, __: Report) -> Sequence[Event]:
        nonlocal done
        if not is_mended:
            raise ValueError("a bug")
        done = True
        return ()

    await add(jobs)
    async with working(jobs, Handler(run), attempts=1):
        job = await buried(jobs)
        is_mended = True
        await jobs.replay(job.id)
        await eventually(lambda: done)


async def test_unavailable_stops_the_claims_and_probes_with_one_job(jobs: SqliteJobs) -> None:
    is_away = True
    tried = 0
    done: list[int] = []
    busy = most_while_away = 0

    async def run(job: Job, _: Report) -> Sequence[Event]:
        nonlocal tried, busy, most_while_away
        busy += 1
        try:
            if is_away:
                tried += 1
                if tried > 4:  # the first four are those that ran when it went away
                    most_while_away = max(most_while_away, busy)
                await asyncio.sleep(0.01)
                raise Unavailable("the model loads")
            done.append(job.attempts)
            return ()
        finally:
            busy -= 1

    await add(jobs, 30)
    async with working(jobs, Handler(run, concurrency=4)):
        await eventually(lambda: tried >= 6)
        assert tried <= 7
        is_away = False
        await eventually(lambda: len(done) == 30)
    assert most_while_away == 1
    assert set(done) == {0}


async def test_while_something_is_away_another_job_is_the_next_probe(jobs: SqliteJobs) -> None:
    tried: list[str] = []

    async def run(job: Job, _: Report) -> Sequence[Event]:
        tried.append(job.document_id)
        if job.document_id == first:
            raise Unavailable("only this one's blob is away")
        return ()

    [first, second] = await add(jobs, 2)
    async with working(jobs, Handler(run, concurrency=1)):
        await eventually(lambda: second in tried)
    assert tried[:2] == [first, second]


async def test_a_lost_claim_stops_the_work_and_leaves_no_fact(jobs: SqliteJobs, facts: SqliteFacts) -> None:
    begun, stopped = asyncio.Event(), asyncio.Event()

    async def run(_: Job, __: Report) -> Sequence[Event]:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()
        return ()

    [document_id] = await add(jobs)
    async with working(jobs, Handler(run), lease_seconds=0.3):
        await begun.wait()
        await jobs.cancel(document_id, 1)
        async with asyncio.timeout(20):
            await stopped.wait()
        await counts_are(jobs, waiting=0)
    assert await facts.pending_facts(10) == []


async def test_a_report_of_a_superseded_job_stops_it_and_the_newer_one_runs(
    jobs: SqliteJobs, facts: SqliteFacts
) -> None:
    begun, superseded = asyncio.Event(), asyncio.Event()

    async def run(job: Job, report: Report) -> Sequence[Event]:
        if job.document_version == 1:
            begun.set()
            await superseded.wait()
        await report(a_stage(job, "parse"))
        return (a_stage(job, "embed"),)

    [document_id] = await add(jobs)
    async with working(jobs, Handler(run)):
        await begun.wait()
        await jobs.add(NewJob(KIND, document_id, 2))
        superseded.set()
        saved = await facts_saved(facts, 2)
    assert {envelope.payload["document_version"] for envelope in saved} == {2}


async def test_a_long_job_keeps_its_lease(jobs: SqliteJobs) -> None:
    runs = 0
    gate = asyncio.Event()

    async def run(_: Job, __: Report) -> Sequence[Event]:
        nonlocal runs
        runs += 1
        await gate.wait()
        return ()

    await add(jobs)
    async with working(jobs, Handler(run), lease_seconds=0.3):
        await eventually(lambda: runs == 1)
        await asyncio.wait({asyncio.create_task(gate.wait())}, timeout=0.8)  # several leases long
        gate.set()
        await counts_are(jobs, waiting=0)
    assert runs == 1


async def test_leaving_lets_running_jobs_finish(jobs: SqliteJobs, facts: SqliteFacts) -> None:
    begun, gate = asyncio.Event(), asyncio.Event()

    async def run(job: Job, _: Report) -> Sequence[Event]:
        begun.set()
        await gate.wait()
        return (a_stage(job, "embed"),)

    await add(jobs, 5)
    async with working(jobs, Handler(run, concurrency=1)) as running:
        await begun.wait()
        running.cancel()
        asyncio.get_running_loop().call_later(0.02, gate.set)
        with pytest.raises(asyncio.CancelledError):
            await running
    assert len(await facts.pending_facts(10)) == 1
    await counts_are(jobs, waiting=4)


async def test_leaving_gives_back_what_does_not_finish(jobs: SqliteJobs) -> None:
    begun = 0

    async def run(_: Job, __: Report) -> Sequence[Event]:
        nonlocal begun
        begun += 1
        await asyncio.Event().wait()
        return ()

    await add(jobs, 3)
    async with working(jobs, Handler(run), grace_seconds=0.01):
        await eventually(lambda: begun == 2)
    await counts_are(jobs, waiting=3)
    [job, *_] = await jobs.claim(KIND, owner="next", limit=3, lease_seconds=60)
    assert job.attempts == 0


async def test_the_work_carries_the_cause_of_its_job(jobs: SqliteJobs) -> None:
    causes: list[Any] = []

    async def run(_: Job, __: Report) -> Sequence[Event]:
        causes.append(current_cause())
        return ()

    with caused_by("request-7"):
        await add(jobs)
    async with working(jobs, Handler(run)):
        await eventually(lambda: causes)
    assert causes[0].correlation_id == "request-7"
