"""The promises of Outbox, on every adapter that saves facts with jobs."""

import asyncio
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

from builders import eventually
from shared.events.process import StageFinished
from shared.kernel import new_document_id
from shared.ports.jobs import Job, JobStore, NewJob
from shared.ports.outbox import Outbox


async def a_running_job(jobs: JobStore) -> Job:
    await jobs.add(NewJob(kind="process", document_id=new_document_id(), document_version=1))
    [job] = await jobs.claim("process", owner="me", limit=1, lease_seconds=60)
    return job


def a_fact(job: Job, number: int) -> StageFinished:
    return StageFinished(
        document_id=job.document_id, document_version=1, stage=str(number), seconds=0, done=number, total=9
    )


async def stages(outbox: Outbox, limit: int = 100) -> list[int]:
    return [fact.envelope.payload["done"] for fact in await outbox.pending_facts(limit)]


async def test_facts_come_in_the_order_they_were_saved(jobs: JobStore, outbox: Outbox) -> None:
    job = await a_running_job(jobs)
    await jobs.report(job, a_fact(job, 0), a_fact(job, 1))
    await jobs.report(job, a_fact(job, 2))
    assert await stages(outbox) == [0, 1, 2]
    assert await stages(outbox, limit=2) == [0, 1]


async def test_only_what_is_forgotten_is_gone(jobs: JobStore, outbox: Outbox) -> None:
    job = await a_running_job(jobs)
    await jobs.report(job, *(a_fact(job, number) for number in range(4)))
    pending = await outbox.pending_facts(10)
    await outbox.forget_facts([pending[0].place, pending[2].place])
    await outbox.forget_facts([])
    assert await stages(outbox) == [1, 3]


async def test_a_fact_saved_later_comes_after_what_was_forgotten(jobs: JobStore, outbox: Outbox) -> None:
    job = await a_running_job(jobs)
    await jobs.report(job, a_fact(job, 0))
    [first] = await outbox.pending_facts(10)
    await outbox.forget_facts([first.place])
    await jobs.report(job, a_fact(job, 1))
    [second] = await outbox.pending_facts(10)
    assert second.envelope.payload["done"] == 1 and second.place != first.place


async def test_facts_survive_a_restart(open_store: Callable[[], AbstractAsyncContextManager[Any]]) -> None:
    async with open_store() as store:
        job = await a_running_job(store.jobs)
        await store.jobs.report(job, a_fact(job, 0))
        before = await store.outbox.pending_facts(10)
    async with open_store() as store:
        # Where processes share the store, those of one that is gone are left to it for a while.
        assert await eventually(lambda: store.outbox.pending_facts(10), every_seconds=0.1) == before


async def test_waiting_ends_when_a_fact_can_be_read(jobs: JobStore, outbox: Outbox) -> None:
    """Who is woken and looks finds it: no wake-up comes before the fact can be seen."""
    job = await a_running_job(jobs)
    await outbox.wait_for_facts(0)
    started = time.monotonic()
    for number in range(50):
        waiting = asyncio.create_task(outbox.wait_for_facts(30))
        reporting = asyncio.create_task(jobs.report(job, a_fact(job, number)))
        await waiting
        assert await stages(outbox) == list(range(number + 1))
        await reporting
    assert time.monotonic() - started < 30


async def test_waiting_ends_with_the_timeout(outbox: Outbox) -> None:
    async with asyncio.timeout(20):
        await outbox.wait_for_facts(0.01)
