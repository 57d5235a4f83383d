"""Lanes that go to another process: what runs gets its time, and nothing of them is committed afterwards."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from kafka_builders import a_kafka_bus, an_installation, kafka_settings

from builders import a_document_received, an_envelope, eventually
from shared.events.envelope import Envelope
from shared.events.ingest import DocumentReceived
from shared.infrastructure.prometheus_metrics import PrometheusMetrics
from shared.infrastructure.sqlite.event_log import SqliteEventLog
from shared.kernel import Unavailable, new_document_id
from shared.ports.event_bus import EventBus, OnLeaving, Subscription
from shared.ports.handlers import EventHandler
from shared.runtime.consumer import Consumer

TOPIC = DocumentReceived.topic


class MovingLog(SqliteEventLog):
    """The embedded log, whose lane (the topic) can be taken from a consumer as another process would."""

    async def take_away(self) -> None:
        assert self.on_leaving is not None
        await self.on_leaving(frozenset((TOPIC,)))

    on_leaving: OnLeaving | None = None

    @asynccontextmanager
    async def subscribe(
        self, group: str, topics: Sequence[str], *, on_leaving: OnLeaving | None = None
    ) -> AsyncIterator[Subscription]:
        self.on_leaving = on_leaving
        async with super().subscribe(group, topics) as subscription:
            yield subscription


@pytest.fixture
async def moving_log(tmp_path: Path) -> AsyncIterator[MovingLog]:
    async with MovingLog(tmp_path / "events.sqlite") as opened:
        yield opened


@asynccontextmanager
async def consuming(bus: EventBus, handler: EventHandler, *, drain_seconds: float = 10) -> AsyncIterator[None]:
    consumer = Consumer(
        bus, "process", {DocumentReceived: handler}, metrics=PrometheusMetrics(), drain_seconds=drain_seconds
    )
    running = asyncio.create_task(consumer.run())
    try:
        yield
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def lag(bus: EventBus) -> int:
    """Of a group that nobody consumes for now."""
    async with bus.subscribe("process", [TOPIC]) as subscription:
        return await subscription.lag()


def versions_of_one_document(count: int) -> list[Envelope]:
    document_id = new_document_id()
    return [an_envelope(a_document_received(document_id, version)) for version in range(1, count + 1)]


async def test_what_runs_ends_and_is_committed_and_nothing_new_begins(moving_log: MovingLog) -> None:
    begun: list[int] = []
    gate = asyncio.Event()

    async def handle(event: DocumentReceived) -> None:
        begun.append(event.document_version)
        await gate.wait()

    await moving_log.publish(*versions_of_one_document(5))
    async with consuming(moving_log, handle):
        await eventually(lambda: begun == [1])
        leaving = asyncio.create_task(moving_log.take_away())
        done, _ = await asyncio.wait({leaving}, timeout=0.05)
        assert not done
        gate.set()
        await leaving
    assert begun == [1]
    assert await lag(moving_log) == 4


async def test_what_waits_to_be_tried_again_is_not_waited_for(moving_log: MovingLog) -> None:
    tried = 0

    async def handle(_: DocumentReceived) -> None:
        nonlocal tried
        tried += 1
        raise Unavailable("the store is away")

    await moving_log.publish(an_envelope())
    async with consuming(moving_log, handle, drain_seconds=60):
        await eventually(lambda: tried >= 2)
        async with asyncio.timeout(30):
            await moving_log.take_away()
        before = tried
        async with asyncio.timeout(30):
            await moving_log.take_away()
        assert tried == before
    assert await lag(moving_log) == 1


@pytest.mark.parametrize("comes_back", [False, True])
async def test_a_handler_that_runs_on_commits_nothing_and_later_events_flow(
    moving_log: MovingLog, comes_back: bool
) -> None:
    slow, other = an_envelope(), an_envelope()
    begun, gate = asyncio.Event(), asyncio.Event()
    ended: list[str] = []

    async def handle(event: DocumentReceived) -> None:
        begun.set()
        if event.key == slow.key:
            await gate.wait()
        ended.append(event.key)

    await moving_log.publish(slow)
    async with consuming(moving_log, handle, drain_seconds=0.05):
        await begun.wait()
        await moving_log.take_away()
        gate.set()
        await eventually(lambda: ended == [slow.key])
        if comes_back:
            await moving_log.publish(other)
            await eventually(lambda: ended == [slow.key, other.key])
    assert await lag(moving_log) == (0 if comes_back else 1)


@pytest.mark.servers
async def test_consumers_that_come_and_go_under_load_lose_nothing() -> None:
    """Events arrive until each consumer has had its share: who joins finds work, however long joining takes."""
    enough = False
    published: set[str] = set()
    handled: Counter[str] = Counter()
    seen_by: Counter[int] = Counter()

    def handler(process: int) -> EventHandler:
        async def handle(event: DocumentReceived) -> None:
            seen_by[process] += 1
            await asyncio.sleep(0.005)
            handled[event.document_id] += 1

        return handle

    async def keep_publishing(bus: EventBus) -> None:
        while not enough:
            envelopes = [an_envelope() for _ in range(50)]
            published.update(envelope.key for envelope in envelopes)
            await bus.publish(*envelopes)
            await eventually(lambda: len(published) < len(handled) + 300)

    async with an_installation() as name:
        settings = kafka_settings(name)
        async with a_kafka_bus(settings) as one, a_kafka_bus(settings) as two, a_kafka_bus(settings) as three:
            async with consuming(one, handler(1)), asyncio.TaskGroup() as tasks:
                tasks.create_task(keep_publishing(one))
                async with consuming(two, handler(2)):
                    await eventually(lambda: seen_by[2] > 50)
                    async with consuming(three, handler(3)):
                        await eventually(lambda: seen_by[3] > 50)
                    await eventually(lambda: len(handled) > 600)
                before = seen_by[1]
                await eventually(lambda: seen_by[1] > before + 50)
                enough = True
                await eventually(lambda: handled.keys() >= published)
            assert await lag(one) == 0
    assert handled.keys() == published


@pytest.mark.servers
async def test_a_handler_that_is_slow_ends_before_its_lane_goes() -> None:
    seen: Counter[str] = Counter()
    begun = asyncio.Event()
    gate = asyncio.Event()

    async def slow(event: DocumentReceived) -> None:
        begun.set()
        await gate.wait()
        seen[event.document_id] += 1

    async def quick(event: DocumentReceived) -> None:
        seen[event.document_id] += 1

    async with an_installation() as name:
        settings = kafka_settings(name)
        async with a_kafka_bus(settings) as one, a_kafka_bus(settings) as two:
            await one.publish(an_envelope())
            async with consuming(one, slow):
                await begun.wait()
                async with consuming(two, quick):
                    asyncio.get_running_loop().call_later(0.5, gate.set)
                    await gate.wait()
                    await eventually(lambda: seen)
            assert await lag(one) == 0
    assert list(seen.values()) == [1]
