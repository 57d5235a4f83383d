"""What a monitor tells of the whole installation, whichever process handles the events; here none does."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path

import pytest
from monitor_builders import Monitor, a_monitor, told

from builders import a_document_received, eventually
from shared.events.envelope import Envelope
from shared.events.process import StageFinished
from shared.events.search import DocumentIndexed, SearchPerformed
from shared.infrastructure.sqlite.database import SqliteDatabase, SqliteFacts
from shared.infrastructure.sqlite.event_log import SqliteEventLog
from shared.infrastructure.sqlite.jobs import SqliteJobs
from shared.kernel import new_document_id, utc_now
from shared.ports.event_bus import EventBus
from shared.ports.jobs import NewJob


@pytest.fixture(params=["sqlite", pytest.param("kafka", marks=pytest.mark.servers)])
async def buses(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Sequence[EventBus]]:
    """One log, as two monitors have it: each its own connection where processes can share a log."""
    async with AsyncExitStack() as stack:
        if request.param == "sqlite":
            yield [await stack.enter_async_context(SqliteEventLog(tmp_path / "events.sqlite"))] * 2
            return
        from kafka_builders import a_kafka_bus, an_installation, kafka_settings

        settings = kafka_settings(await stack.enter_async_context(an_installation()))
        yield [await stack.enter_async_context(a_kafka_bus(settings)) for _ in range(2)]


@pytest.fixture
async def monitors(buses: Sequence[EventBus], tmp_path: Path) -> AsyncIterator[Sequence[Monitor]]:
    """Two whose queue of Process has one job waiting."""
    async with AsyncExitStack() as stack:
        database = SqliteDatabase(tmp_path / "process.sqlite", SqliteJobs.SCHEMA + SqliteFacts.SCHEMA)
        await stack.enter_async_context(database)
        jobs = SqliteJobs(database, SqliteFacts(database, "process"))
        await jobs.add(NewJob(kind="process", document_id=new_document_id(), document_version=1))
        opened = []
        for number, bus in enumerate(buses):
            folder = tmp_path / str(number)
            folder.mkdir()
            monitor = await stack.enter_async_context(a_monitor(folder, bus=bus))
            monitor.job_stores["process"] = jobs
            opened.append(monitor)
        yield opened


def a_search(name: str) -> Envelope:
    return told(SearchPerformed(search_id=name, mode="hybrid", characters=5, hits=3, seconds=0.02), at=utc_now())


def a_word_of_process(stage: str = "parse") -> Envelope:
    document = new_document_id()
    event = StageFinished(document_id=document, document_version=1, stage=stage, seconds=0.5, done=1, total=3)
    return told(event, at=utc_now())


async def test_every_process_counts_every_search_once(monitors: Sequence[Monitor]) -> None:
    searches = [a_search(str(number)) for number in range(30)]

    async def have_all() -> bool:
        # Again and again, for neither needs to listen yet.
        await monitors[0].bus.publish(*searches)
        shown = [(await one.get("/api/v1/monitor"))["searches"] for one in monitors]
        return [(one["per_minute"], one["seconds_p50"]) for one in shown] == [(6.0, 0.02)] * 2

    await eventually(have_all, every_seconds=0.3)


async def test_searches_that_found_nothing_are_told_of_those_that_were_made(monitors: Sequence[Monitor]) -> None:
    def made(number: int, hits: int, cached: bool = False) -> Envelope:
        event = SearchPerformed(
            search_id=f"s{number}", mode="hybrid", characters=5, hits=hits, seconds=0.02 * number, cached=cached
        )
        return told(event, at=utc_now())

    searches = [made(1, 0), made(2, 3), made(3, 3), made(4, 0), made(5, -1, cached=True)]

    async def have_all() -> bool:
        await monitors[0].bus.publish(*searches)
        shown = [(await one.get("/api/v1/monitor"))["searches"] for one in monitors]
        return [(one["empty_share"], one["cached_share"]) for one in shown] == [(0.5, 0.2)] * 2

    await eventually(have_all, every_seconds=0.3)
    text = (await monitors[1].client.get("/metrics", headers={"authorization": "Bearer reader-key-00000001"})).text
    for line in ("search_empty_ratio 0.5", "search_cached_ratio 0.2", 'search_recent_seconds{percentile="50"} 0.06'):
        assert f"\nseoga_{line}\n" in text


async def test_a_search_of_a_newer_seoga_is_passed_over(monitors: Sequence[Monitor]) -> None:
    newer = a_search("newer").model_copy(update={"version": 99})

    async def has_the_other() -> bool:
        await monitors[0].bus.publish(newer, a_search("1"))
        return bool((await monitors[1].get("/api/v1/monitor"))["searches"]["per_minute"] == 0.2)

    await eventually(has_the_other, every_seconds=0.3)


async def test_every_process_counts_what_passes_each_step(monitors: Sequence[Monitor]) -> None:
    async def passed(monitor: Monitor) -> dict[str, float]:
        shown: dict[str, float] = (await monitor.get("/api/v1/monitor"))["passed_per_minute"]
        return shown

    async def listen() -> bool:
        await monitors[0].bus.publish(told(a_document_received(new_document_id()), at=utc_now()))
        return all([(await passed(one))["received"] for one in monitors])

    async def have_all() -> bool:
        rates = {"parse": 2.0, "ocr": 0.0, "chunk": 1.0, "embed": 0.0, "index": 0.2}
        return all([(await passed(one)).items() >= rates.items() for one in monitors])

    await eventually(listen, every_seconds=0.3)
    indexed = DocumentIndexed(
        document_id=new_document_id(), document_version=1, revision=1, chunk_count=1, seconds=0.25
    )
    stages = ["parse"] * 10 + ["chunk"] * 5 + ["of a newer Seoga"]
    await monitors[0].bus.publish(*(a_word_of_process(stage) for stage in stages), told(indexed, at=utc_now()))
    await eventually(have_all, every_seconds=0.3)
    text = (await monitors[1].client.get("/metrics", headers={"authorization": "Bearer reader-key-00000001"})).text
    assert f'\nseoga_documents_passed_rate{{stage="chunk"}} {1 / 60}\n' in text


async def test_what_waits_its_turn_is_not_stuck_for_those_who_do_no_work_either(monitors: Sequence[Monitor]) -> None:
    waiting = new_document_id()
    for monitor in monitors:
        await monitor.hear(told(a_document_received(waiting), at=utc_now() - timedelta(minutes=3)))

    async def is_heard() -> bool:
        await monitors[0].bus.publish(a_word_of_process())
        pages = [await one.get("/api/v1/monitor/journeys", stuck="true") for one in monitors]
        return [page["items"] for page in pages] == [[], []]

    await eventually(is_heard, every_seconds=0.3)
    for monitor in monitors:
        (journey,) = (await monitor.get(f"/api/v1/monitor/journeys/{waiting}"))["items"]
        assert (journey["stuck"], journey["waits_for"]) == (False, "process")


async def test_one_that_has_just_come_calls_nobody_silent_who_may_have_spoken_before(
    monitors: Sequence[Monitor],
) -> None:
    monitor = monitors[0]
    await monitor.hear(told(a_document_received(new_document_id()), at=utc_now() - timedelta(minutes=3)))

    async def stuck() -> int:
        return int((await monitor.get("/api/v1/monitor/journeys", stuck="true"))["total"])

    if not monitor.bus.lanes_move:
        assert await stuck() == 1  # nobody worked while this process, the only one, was not there
        return

    async def is_listening() -> bool:
        return await stuck() == 0

    await eventually(is_listening)
