"""What works off events and jobs waits for a machine that has run out of something: no attempt, no dead letter."""

import asyncio
import errno
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager

import pytest

from builders import an_envelope, eventually
from shared.events.envelope import Event
from shared.events.ingest import DocumentReceived
from shared.infrastructure.prometheus_metrics import PrometheusMetrics
from shared.infrastructure.sqlite.event_log import SqliteEventLog
from shared.infrastructure.sqlite.jobs import SqliteJobs
from shared.kernel import Refused, new_document_id
from shared.ports.handlers import JobHandler, Report
from shared.ports.health import ComponentHealth
from shared.ports.jobs import Job, NewJob
from shared.runtime.consumer import Consumer
from shared.runtime.waiting import Waiting
from shared.runtime.worker import Worker

KIND = "process"
SHORTAGES = (
    RuntimeError("can't start new thread"),
    OSError(errno.EMFILE, "Too many open files"),
    BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable"),
    MemoryError(),
    RuntimeError("std::bad_alloc"),
)


class Handler(JobHandler):
    """Does what the test says."""

    kind = KIND
    concurrency = 1

    def __init__(self, run: Callable[[Job], Awaitable[None]]) -> None:
        self._run = run

    async def run(self, job: Job, report: Report) -> Sequence[Event]:
        await self._run(job)
        return ()

    def refused(self, job: Job, error: Refused) -> Sequence[Event]:
        return ()


@asynccontextmanager
async def at_work(run: Callable[[], Coroutine[None, None, None]]) -> AsyncIterator[None]:
    running = asyncio.create_task(run())
    try:
        yield
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def a_worker(jobs: SqliteJobs, handler: Handler, waiting: Waiting) -> Worker:
    return Worker(
        jobs, handler, group="process", owner="this boot", metrics=PrometheusMetrics(), attempts=1, waiting=waiting
    )


@pytest.mark.parametrize("failure", SHORTAGES, ids=repr)
async def test_a_job_waits_at_no_cost_is_told_of_and_is_done_when_it_is_over(
    jobs: SqliteJobs, failure: Exception
) -> None:
    waiting = Waiting()
    tried, is_short, done = 0, True, list[int]()

    async def run(job: Job) -> None:
        nonlocal tried
        tried += 1
        if is_short:
            raise failure
        done.append(job.attempts)

    for _ in range(3):
        await jobs.add(NewJob(KIND, new_document_id(), 1))
    async with at_work(a_worker(jobs, Handler(run), waiting).run):
        await eventually(lambda: tried >= 2)
        told = await waiting.health()
        assert (told.ready, told.required) == (False, False)
        assert "process.process waits" in told.detail
        is_short = False
        await eventually(lambda: len(done) == 3)
        assert (await waiting.health()).ready
    assert done == [0, 0, 0]
    assert await jobs.buried() == []


async def test_a_jobs_end_that_no_thread_could_save_is_saved_later(
    jobs: SqliteJobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    save, failures, runs = jobs.finish, 0, 0

    async def finish(job: Job, *facts: Event) -> bool:
        nonlocal failures
        if failures < 2:
            failures += 1
            raise RuntimeError("can't start new thread")
        return await save(job, *facts)

    async def run(_: Job) -> None:
        nonlocal runs
        runs += 1

    async def is_done() -> bool:
        counts = await jobs.counts(KIND)
        return counts.waiting == counts.running == 0

    monkeypatch.setattr(jobs, "finish", finish)
    await jobs.add(NewJob(KIND, new_document_id(), 1))
    async with at_work(a_worker(jobs, Handler(run), Waiting()).run):
        await eventually(lambda: failures == 2)
        await eventually(is_done)
    assert runs == 1


@pytest.mark.parametrize("failure", SHORTAGES, ids=repr)
async def test_an_event_waits_is_told_of_and_is_not_buried(log: SqliteEventLog, failure: Exception) -> None:
    waiting = Waiting()
    failures, seen, told = 0, list[str](), list[ComponentHealth]()

    async def handle(event: DocumentReceived) -> None:
        nonlocal failures
        if failures < 3:
            failures += 1
            told.append(await waiting.health())
            raise failure
        seen.append(event.key)

    envelope = an_envelope()
    await log.publish(envelope)
    consumer = Consumer(
        log,
        "process",
        {DocumentReceived: handle},
        metrics=PrometheusMetrics(),
        attempts=1,
        waiting=waiting,
    )
    async with at_work(consumer.run):
        await eventually(lambda: seen == [envelope.key])
    assert [one.ready for one in told] == [True, False, False]
    assert "process.events waits" in told[-1].detail
    assert (await waiting.health()).ready
    assert await log.dead_letters() == []
