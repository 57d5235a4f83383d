"""The promises of JobStore, on every adapter."""

import asyncio
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest

from builders import eventually
from shared.events.delivery import EventDeadLettered
from shared.events.envelope import caused_by
from shared.events.process import StageFinished
from shared.kernel import DocumentId, NotFound, new_document_id
from shared.ports.jobs import Job, JobStore, NewJob
from shared.ports.outbox import Outbox

KIND = "process"


def a_job(document_id: DocumentId | None = None, version: int = 1, **changes: Any) -> NewJob:
    given: dict[str, Any] = {"kind": KIND, "payload": {"sha256": "ab", "names": ["메모"]}, **changes}
    return NewJob(document_id=document_id or new_document_id(), document_version=version, **given)


def a_fact(job: Job, stage: str = "parse") -> StageFinished:
    return StageFinished(
        document_id=job.document_id,
        document_version=job.document_version,
        stage=stage,
        seconds=0.1,
        done=1,
        total=3,
    )


async def claim(jobs: JobStore, limit: int = 10, *, owner: str = "me", lease_seconds: float = 60) -> list[Job]:
    return list(await jobs.claim(KIND, owner=owner, limit=limit, lease_seconds=lease_seconds))


async def claim_one(jobs: JobStore, **how: Any) -> Job:
    [job] = await claim(jobs, 1, **how)
    return job


async def facts_in(outbox: Outbox) -> list[str]:
    return [fact.envelope.payload.get("stage", fact.envelope.name) for fact in await outbox.pending_facts(100)]


async def test_a_claimed_job_is_the_job_that_was_added(jobs: JobStore) -> None:
    new = a_job(version=7, priority=3)
    with caused_by("request-1"):
        assert await jobs.add(new)
    job = await claim_one(jobs)
    assert (job.kind, job.document_id, job.document_version) == (KIND, new.document_id, 7)
    assert (job.payload, job.priority, job.attempts) == (new.payload, 3, 0)
    assert job.correlation_id == "request-1"


async def test_no_two_claims_hold_the_same_job(jobs: JobStore) -> None:
    for _ in range(30):
        await jobs.add(a_job())
    claims = await asyncio.gather(*(claim(jobs, 4, owner=f"owner-{number}") for number in range(10)))
    taken = [job.id for claimed in claims for job in claimed]
    assert len(taken) == len(set(taken)) == 30


async def test_lower_priority_numbers_go_first_then_older_jobs(jobs: JobStore) -> None:
    added = [a_job(priority=priority) for priority in (5, 1, 5, 0, 1)]
    for new in added:
        await jobs.add(new)
    expected = [added[index].document_id for index in (3, 1, 4, 0, 2)]
    assert [job.document_id for job in await claim(jobs)] == expected


async def test_a_claim_takes_only_its_kind(jobs: JobStore) -> None:
    await jobs.add(a_job(kind="index"))
    assert await claim(jobs) == []


@pytest.mark.parametrize("version", [1, 2])
async def test_the_same_or_an_older_version_is_not_added(jobs: JobStore, version: int) -> None:
    document_id = new_document_id()
    assert await jobs.add(a_job(document_id, 2))
    assert not await jobs.add(a_job(document_id, version))
    job = await claim_one(jobs)
    assert not await jobs.add(a_job(document_id, version))
    await jobs.finish(job)
    assert not await jobs.add(a_job(document_id, version))
    assert await claim(jobs) == []


async def test_kinds_of_one_document_do_not_disturb_each_other(jobs: JobStore) -> None:
    document_id = new_document_id()
    assert await jobs.add(a_job(document_id))
    assert await jobs.add(a_job(document_id, kind="index"))


async def test_a_newer_version_replaces_a_waiting_job(jobs: JobStore) -> None:
    document_id = new_document_id()
    await jobs.add(a_job(document_id, 1))
    assert await jobs.add(a_job(document_id, 2, payload={"new": True}))
    [job] = await claim(jobs)
    assert (job.document_version, job.payload) == (2, {"new": True})


async def test_every_word_of_a_superseded_claim_comes_to_nothing(jobs: JobStore, outbox: Outbox) -> None:
    document_id = new_document_id()
    await jobs.add(a_job(document_id, 1))
    old = await claim_one(jobs)
    await jobs.add(a_job(document_id, 2))
    assert not await jobs.heartbeat(old, lease_seconds=60)
    assert not await jobs.report(old, a_fact(old))
    assert not await jobs.finish(old, a_fact(old))
    assert not await jobs.release(old, delay_seconds=0)
    assert not await jobs.retry(old, delay_seconds=0)
    assert not await jobs.bury(old, "no", a_fact(old))
    assert await facts_in(outbox) == []
    assert (await claim_one(jobs)).document_version == 2


async def test_of_words_said_at_one_moment_each_learns_its_own_outcome(jobs: JobStore, outbox: Outbox) -> None:
    documents = [new_document_id() for _ in range(6)]
    assert all(await asyncio.gather(*(jobs.add(a_job(document_id)) for document_id in documents)))
    held = {job.document_id: job for job in await claim(jobs)}
    lost, *others = (held[document_id] for document_id in documents)
    assert await jobs.add(a_job(lost.document_id, 2))
    outcomes = await asyncio.gather(
        jobs.add(a_job(documents[1])),
        jobs.add(a_job()),
        jobs.finish(lost, a_fact(lost, "lost")),
        jobs.finish(others[0], a_fact(others[0], "finished")),
        jobs.report(others[1], a_fact(others[1], "reported")),
        jobs.retry(others[2], delay_seconds=60),
        jobs.bury(others[3], "broken", a_fact(others[3], "buried")),
        jobs.heartbeat(others[4], lease_seconds=60),
        jobs.report(lost, a_fact(lost, "lost")),
    )
    assert outcomes == [False, True, False, True, True, True, True, True, False]
    assert sorted(await facts_in(outbox)) == ["buried", "finished", "reported"]
    counts = await jobs.counts(KIND)
    assert (counts.waiting, counts.running, counts.buried) == (3, 2, 1)


async def test_facts_are_saved_with_reports_and_the_end(jobs: JobStore, outbox: Outbox) -> None:
    await jobs.add(a_job())
    job = await claim_one(jobs)
    assert await jobs.report(job, a_fact(job, "parse"))
    assert await jobs.report(job, a_fact(job, "chunk"))
    assert await jobs.finish(job, a_fact(job, "embed"), a_fact(job, "last"))
    assert await facts_in(outbox) == ["parse", "chunk", "embed", "last"]


async def test_facts_carry_the_cause_they_were_saved_under(jobs: JobStore, outbox: Outbox) -> None:
    await jobs.add(a_job())
    job = await claim_one(jobs)
    with caused_by("request-9"):
        await jobs.finish(job, a_fact(job))
    [fact] = await outbox.pending_facts(10)
    assert (fact.envelope.correlation_id, fact.envelope.producer) == ("request-9", "process")


async def test_a_finished_job_is_not_claimed_or_finished_again(jobs: JobStore, outbox: Outbox) -> None:
    await jobs.add(a_job())
    job = await claim_one(jobs)
    assert list(await jobs.unfinished(KIND, [(job.document_id, 1), (job.document_id, 2)])) == [(job.document_id, 1)]
    assert await jobs.finish(job, a_fact(job))
    assert not await jobs.finish(job, a_fact(job))
    assert not await jobs.unfinished(KIND, [(job.document_id, 1)])
    assert await claim(jobs) == []
    assert len(await facts_in(outbox)) == 1


async def test_a_lease_that_ran_out_gives_the_job_to_another(jobs: JobStore, outbox: Outbox) -> None:
    await jobs.add(a_job())
    lost = await claim_one(jobs, lease_seconds=0.02)
    [found] = await eventually(lambda: claim(jobs, owner="other"))
    assert found.id == lost.id
    assert found.attempts == 0
    assert not await jobs.finish(lost, a_fact(lost))
    assert await jobs.finish(found, a_fact(found))
    assert len(await facts_in(outbox)) == 1


async def test_a_heartbeat_keeps_the_lease(jobs: JobStore) -> None:
    await jobs.add(a_job())
    job = await claim_one(jobs, lease_seconds=0.02)
    assert await jobs.heartbeat(job, lease_seconds=60)
    await jobs.wait_for_jobs(KIND, 0.05)
    assert await claim(jobs, owner="other") == []


async def test_a_released_job_waits_without_an_attempt_counted(jobs: JobStore) -> None:
    await jobs.add(a_job())
    assert await jobs.release(await claim_one(jobs), delay_seconds=0)
    assert (await claim_one(jobs)).attempts == 0


async def test_a_retried_job_has_its_attempt_counted(jobs: JobStore) -> None:
    await jobs.add(a_job())
    for attempts in range(3):
        job = await claim_one(jobs)
        assert job.attempts == attempts
        assert await jobs.retry(job, delay_seconds=0)


@pytest.mark.parametrize("way", ["release", "retry"])
async def test_a_delayed_job_waits_for_its_time(jobs: JobStore, way: str) -> None:
    await jobs.add(a_job())
    job = await claim_one(jobs)
    due_at = time.time() + 0.1
    assert await getattr(jobs, way)(job, delay_seconds=0.1)
    assert await claim(jobs) == [] or time.time() >= due_at
    await eventually(lambda: claim(jobs))
    assert time.time() >= due_at


async def test_a_buried_job_is_kept_with_its_reason(jobs: JobStore, outbox: Outbox) -> None:
    new = a_job(version=4)
    await jobs.add(new)
    job = await claim_one(jobs)
    notice = EventDeadLettered(
        group="process",
        dead_letter_id=job.id,
        subject="job:process",
        document_id=job.document_id,
        document_version=4,
        reason="a bug",
    )
    assert await jobs.bury(job, "a bug", notice)
    [buried] = await jobs.buried()
    assert (buried.id, buried.reason, buried.attempts) == (job.id, "a bug", 1)
    assert (buried.document_id, buried.document_version, buried.payload) == (new.document_id, 4, new.payload)
    assert await facts_in(outbox) == ["EventDeadLettered"]
    assert await claim(jobs) == []


async def test_buried_jobs_come_newest_first(jobs: JobStore) -> None:
    for _ in range(3):
        await jobs.add(a_job())
    taken = await claim(jobs)
    for job in taken:
        await jobs.bury(job, "no")
    assert [job.id for job in await jobs.buried()] == [job.id for job in reversed(taken)]
    assert [job.id for job in await jobs.buried(limit=1)] == [taken[-1].id]


async def test_a_replayed_job_begins_afresh_with_its_facts(jobs: JobStore, outbox: Outbox) -> None:
    await jobs.add(a_job())
    job = await claim_one(jobs)
    await jobs.bury(job, "no")
    assert (await jobs.replay(job.id, a_fact(job, "replayed"))).id == job.id
    assert await jobs.buried() == []
    assert (await claim_one(jobs)).attempts == 0
    assert await facts_in(outbox) == ["replayed"]


async def test_only_a_buried_job_can_be_replayed(jobs: JobStore, outbox: Outbox) -> None:
    await jobs.add(a_job())
    job = await claim_one(jobs)
    for job_id in (job.id, "nothing"):
        with pytest.raises(NotFound):
            await jobs.replay(job_id, a_fact(job))
    assert await facts_in(outbox) == []


async def test_a_newer_version_replaces_a_buried_job(jobs: JobStore) -> None:
    document_id = new_document_id()
    await jobs.add(a_job(document_id, 1))
    await jobs.bury(await claim_one(jobs), "no")
    assert await jobs.add(a_job(document_id, 2))
    assert await jobs.buried() == []


async def test_cancelling_stops_waiting_running_and_buried_jobs_of_every_kind(jobs: JobStore, outbox: Outbox) -> None:
    document_id = new_document_id()
    await jobs.add(a_job(document_id))
    running = await claim_one(jobs)
    await jobs.add(a_job(document_id, kind="index"))
    await jobs.cancel(document_id, 1)
    assert not await jobs.heartbeat(running, lease_seconds=60)
    assert not await jobs.finish(running, a_fact(running))
    assert await jobs.claim("index", owner="me", limit=1, lease_seconds=60) == []
    assert await facts_in(outbox) == []


@pytest.mark.parametrize("version", [2, 3])
async def test_a_cancelled_version_cannot_be_added_for_any_kind(jobs: JobStore, version: int) -> None:
    document_id = new_document_id()
    await jobs.cancel(document_id, 3)
    assert not await jobs.add(a_job(document_id, version))
    assert not await jobs.add(a_job(document_id, version, kind="index"))
    assert await jobs.add(a_job(document_id, 4))


async def test_cancelling_an_older_version_leaves_a_newer_job_alone(jobs: JobStore) -> None:
    document_id = new_document_id()
    await jobs.cancel(document_id, 5)
    await jobs.cancel(document_id, 2)
    await jobs.add(a_job(document_id, 6))
    job = await claim_one(jobs)
    await jobs.cancel(document_id, 5)
    assert await jobs.heartbeat(job, lease_seconds=60)
    assert not await jobs.add(a_job(document_id, 4))


async def test_leases_of_other_owners_can_be_voided(jobs: JobStore) -> None:
    await jobs.add(a_job())
    await jobs.add(a_job())
    mine = await claim_one(jobs, owner="me")
    other = await claim_one(jobs, owner="crashed")
    assert await jobs.void_leases(except_owner="me") == 1
    assert await jobs.heartbeat(mine, lease_seconds=60)
    assert not await jobs.heartbeat(other, lease_seconds=60)
    assert [job.id for job in await claim(jobs)] == [other.id]


async def test_counts_tell_each_state_and_the_oldest_that_waits(jobs: JobStore) -> None:
    empty = await jobs.counts(KIND)
    assert (empty.waiting, empty.running, empty.buried, empty.oldest_waiting_at) == (0, 0, 0, None)
    before = time.time()
    for _ in range(4):
        await jobs.add(a_job())
    await jobs.add(a_job(kind="index"))
    await jobs.bury(await claim_one(jobs), "no")
    await jobs.finish(await claim_one(jobs))
    await claim_one(jobs)
    counts = await jobs.counts(KIND)
    assert (counts.waiting, counts.running, counts.buried) == (1, 1, 1)
    assert counts.oldest_waiting_at is not None
    assert before - 1 <= counts.oldest_waiting_at.timestamp() <= time.time()


async def test_jobs_survive_a_restart(open_store: Callable[[], AbstractAsyncContextManager[Any]]) -> None:
    document_id = new_document_id()
    async with open_store() as store:
        await store.jobs.add(a_job(document_id))
        await claim_one(store.jobs, owner="first boot")
    async with open_store() as store:
        assert not await store.jobs.add(a_job(document_id))
        assert await store.jobs.void_leases(except_owner="second boot") == 1
        assert (await claim_one(store.jobs)).document_id == document_id


async def returned_early(jobs: JobStore, timeout_seconds: float = 30) -> bool:
    started = time.monotonic()
    await jobs.wait_for_jobs(KIND, timeout_seconds)
    return time.monotonic() - started < timeout_seconds / 2


async def test_waiting_ends_when_a_job_is_added(jobs: JobStore) -> None:
    assert await claim(jobs) == []
    waiting = asyncio.create_task(returned_early(jobs))
    done, _ = await asyncio.wait({waiting}, timeout=0.05)
    assert not done
    await jobs.add(a_job())
    assert await waiting


async def test_waiting_ends_at_once_when_a_job_came_since_the_last_claim(jobs: JobStore) -> None:
    assert await claim(jobs) == []
    await jobs.add(a_job())
    assert await returned_early(jobs)


async def test_waiting_ends_at_once_while_jobs_are_left_over(jobs: JobStore) -> None:
    await jobs.add(a_job())
    await jobs.add(a_job())
    await claim_one(jobs)
    assert await returned_early(jobs)


@pytest.mark.parametrize("way", ["release", "retry"])
async def test_waiting_ends_when_the_time_of_a_delayed_job_comes(jobs: JobStore, way: str) -> None:
    await jobs.add(a_job())
    job = await claim_one(jobs)
    await getattr(jobs, way)(job, delay_seconds=0.1)
    await claim(jobs)
    assert await returned_early(jobs)
    assert len(await claim(jobs)) == 1


async def test_waiting_ends_when_a_lease_runs_out(jobs: JobStore) -> None:
    await jobs.add(a_job())
    await claim(jobs, lease_seconds=0.1)
    await claim(jobs)
    assert await returned_early(jobs)
    assert len(await claim(jobs)) == 1


async def test_waiting_ends_with_the_timeout(jobs: JobStore) -> None:
    await claim(jobs)
    async with asyncio.timeout(20):
        await jobs.wait_for_jobs(KIND, 0.01)
