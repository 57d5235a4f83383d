"""Jobs that several processes share: conditions decide, not what was read before."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from mongo_builders import a_mongo, settings_for_mongo

from builders import eventually
from shared.events.process import StageFinished
from shared.infrastructure.mongo.database import MongoDatabase
from shared.infrastructure.mongo.facts import MongoFacts
from shared.infrastructure.mongo.jobs import MongoJobs
from shared.infrastructure.mongo.queries import Query, Row
from shared.infrastructure.prometheus_metrics import PrometheusMetrics
from shared.kernel import DocumentId, new_document_id
from shared.ports.jobs import Job, NewJob
from shared.runtime.resilience import Remotes

KIND = "process"
EVERYTHING = Query("process_jobs", {}, scans="a test looks at all of it")

pytestmark = pytest.mark.servers


class Process:
    def __init__(self, database: MongoDatabase) -> None:
        self.database = database
        self.facts = MongoFacts(database, "process")
        self.jobs = MongoJobs(database, self.facts)

    async def add(self, document_id: DocumentId, version: int = 1) -> bool:
        return await self.jobs.add(NewJob(KIND, document_id, version, {"names": ["메모", "a.b", "$x"]}))

    async def claim(self, limit: int = 1, *, lease_seconds: float = 60) -> list[Job]:
        return list(await self.jobs.claim(KIND, owner=self.facts.owner, limit=limit, lease_seconds=lease_seconds))

    async def rows(self) -> list[Row]:
        return await self.database.collection("process_jobs").find(EVERYTHING)


@pytest.fixture
async def processes(tmp_path: Path) -> AsyncIterator[list[Process]]:
    async with a_mongo(settings_for_mongo(tmp_path)) as door, AsyncExitStack() as stack:
        started = [Process(door()) for _ in range(3)]
        for process in started:
            await stack.enter_async_context(process.database)
        yield started


def a_fact(job: Job) -> StageFinished:
    return StageFinished(
        document_id=job.document_id, document_version=job.document_version, stage="x", seconds=0, done=1, total=1
    )


@pytest.mark.parametrize("limit", [1, 4])
async def test_no_two_processes_hold_the_same_job(processes: list[Process], limit: int) -> None:
    documents = [new_document_id() for _ in range(40)]
    for document_id in documents:
        await processes[0].add(document_id)

    async def take_all(process: Process) -> list[DocumentId]:
        taken: list[DocumentId] = []
        while jobs := await process.claim(limit):
            taken += [job.document_id for job in jobs]
            assert all([await process.jobs.finish(job, a_fact(job)) for job in jobs])
        return taken

    taken = await asyncio.gather(*(take_all(process) for process in processes))
    assert sorted(one for of_one in taken for one in of_one) == sorted(documents)


async def test_a_lease_that_ran_out_goes_to_one_process(processes: list[Process]) -> None:
    await processes[0].add(new_document_id())
    [lost] = await processes[0].claim(lease_seconds=0.01)
    await asyncio.gather(*(process.jobs.wait_for_jobs(KIND, 5) for process in processes))
    found = await asyncio.gather(*(process.claim(2) for process in processes))
    assert len([job for of_one in found for job in of_one]) == 1
    assert not await processes[0].jobs.heartbeat(lost, lease_seconds=60)


async def test_work_of_another_process_is_noticed_within_a_second(processes: list[Process]) -> None:
    waiting = asyncio.create_task(processes[1].jobs.wait_for_jobs(KIND, 30))
    await processes[0].add(new_document_id())
    added_at = time.monotonic()
    await waiting
    assert time.monotonic() - added_at < 1.5
    assert len(await processes[1].claim()) == 1


async def test_a_job_and_its_cancellation_at_the_same_moment_leave_no_job(processes: list[Process]) -> None:
    for _ in range(25):
        document_id = new_document_id()
        await asyncio.gather(
            processes[0].add(document_id),
            processes[1].jobs.cancel(document_id, 1),
            processes[2].jobs.cancel(document_id, 1),
        )
        assert await processes[2].claim() == []
        assert not await processes[1].add(document_id)


async def test_of_versions_added_at_the_same_moment_the_newest_stays(processes: list[Process]) -> None:
    for _ in range(10):
        document_id = new_document_id()
        await asyncio.gather(*(process.add(document_id, version) for process in processes for version in (3, 1, 4, 2)))
        [job] = await processes[0].claim(10)
        assert (job.document_id, job.document_version) == (document_id, 4)


async def test_facts_of_an_older_version_are_published_after_a_newer_took_its_place(processes: list[Process]) -> None:
    process, document_id = processes[0], new_document_id()
    await process.add(document_id, 1)
    [job] = await process.claim()
    assert await process.jobs.report(job, a_fact(job))
    assert await process.add(document_id, 2)
    [job] = await process.claim()
    assert await process.jobs.finish(job, a_fact(job))
    facts = await process.facts.pending_facts(10)
    assert [fact.envelope.payload["document_version"] for fact in facts] == [1, 2]


async def test_what_a_server_lost_is_not_brought_back_by_a_late_word(processes: list[Process]) -> None:
    process = processes[0]
    await process.add(new_document_id())
    [job] = await process.claim()
    await process.database.drop()
    words = (process.jobs.finish(job, a_fact(job)), process.jobs.heartbeat(job, lease_seconds=60))
    assert list(await asyncio.gather(*words)) == [False, False]
    assert await process.rows() == []


async def test_added_jobs_of_which_some_are_cancelled_at_the_same_moment(processes: list[Process]) -> None:
    documents = [new_document_id() for _ in range(60)]
    adding = asyncio.gather(*(processes[0].add(document_id) for document_id in documents))
    cancelling = asyncio.gather(*(processes[1].jobs.cancel(document_id, 1) for document_id in documents[::3]))
    await asyncio.gather(adding, cancelling)
    claimed = {job.document_id for job in await processes[2].claim(100)}
    assert claimed == set(documents) - set(documents[::3])


async def test_what_many_do_at_one_moment_takes_few_calls(tmp_path: Path) -> None:
    metrics, settings = PrometheusMetrics(), settings_for_mongo(tmp_path)

    def calls() -> float:
        lines = metrics.exposition().decode().splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines if "remote_calls_total{" in line)

    async with a_mongo(settings):
        process = Process(MongoDatabase(settings, Remotes(metrics, timeout_seconds=10)))
        async with process.database:
            before = calls()
            await asyncio.gather(*(process.add(new_document_id()) for _ in range(100)))
            jobs = await process.claim(100)
            await asyncio.gather(*(process.jobs.heartbeat(job, lease_seconds=60) for job in jobs))
            assert all(await asyncio.gather(*(process.jobs.finish(job, a_fact(job)) for job in jobs)))
            facts = await process.facts.pending_facts(1000)
            await process.facts.forget_facts([fact.place for fact in facts])
            assert (len(jobs), len(facts)) == (100, 100)
            assert 0 < calls() - before < 20
            before = calls()
            assert await process.facts.pending_facts(1000) == []
            assert calls() == before


async def test_what_stays_of_a_finished_job_is_small(processes: list[Process]) -> None:
    process = processes[0]
    await process.add(new_document_id())
    [job] = await process.claim()
    await process.jobs.finish(job, a_fact(job))
    await process.facts.forget_facts([fact.place for fact in await process.facts.pending_facts(10)])
    [row] = await process.rows()
    assert row["state"] == "done" and row["payload"] == "{}"
    assert not {"claimable_at", "lease", "owner", "facts", "facts_until"} & row.keys()


async def test_a_claim_that_was_voided_is_taken_by_another(processes: list[Process]) -> None:
    await processes[0].add(new_document_id())
    [job] = await processes[0].claim()
    assert await processes[1].jobs.void_leases(except_owner=processes[1].facts.owner) == 1
    assert await eventually(lambda: processes[1].claim())
    assert not await processes[0].jobs.finish(job)
