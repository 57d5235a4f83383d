"""Events that came together go to one call; what that does not take is handled one by one."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from builders import a_document_received, an_envelope, eventually
from shared.events.envelope import Envelope, Event
from shared.events.ingest import DocumentReceived
from shared.infrastructure.prometheus_metrics import PrometheusMetrics
from shared.infrastructure.sqlite.event_log import SqliteEventLog
from shared.kernel import Refused, Unavailable
from shared.ports.handlers import EventHandler, TogetherHandler
from shared.runtime.consumer import Consumer

TOPIC = DocumentReceived.topic


@asynccontextmanager
async def consuming(
    log: SqliteEventLog, together: TogetherHandler, alone: EventHandler, *, drain_seconds: float = 10
) -> AsyncIterator[asyncio.Task[None]]:
    consumer = Consumer(
        log,
        "monitor",
        {DocumentReceived: alone},
        metrics=PrometheusMetrics(),
        in_order=False,
        together=together,
        drain_seconds=drain_seconds,
    )
    running = asyncio.create_task(consumer.run())
    try:
        yield running
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def lag(log: SqliteEventLog) -> int:
    async with log.subscribe("monitor", (TOPIC,)) as subscription:
        return await subscription.lag()


async def never(event: Event) -> None:
    raise AssertionError(f"{event} was handled alone")


async def test_all_that_are_there_go_in_one_call_with_their_envelopes(log: SqliteEventLog) -> None:
    envelopes, calls = [an_envelope() for _ in range(300)], list[Sequence[tuple[Event, Envelope]]]()

    async def together(events: Sequence[tuple[Event, Envelope]]) -> None:
        calls.append(events)

    await log.publish(*envelopes)
    async with consuming(log, together, never):
        await eventually(lambda: sum(map(len, calls)) == 300)
    assert len(calls) == 1
    assert [envelope for _, envelope in calls[0]] == envelopes
    assert all(isinstance(event, DocumentReceived) and event.document_id == at.key for event, at in calls[0])
    assert await lag(log) == 0


async def test_where_one_of_them_fails_each_is_handled_alone_and_it_alone_is_buried(log: SqliteEventLog) -> None:
    envelopes, handled = [an_envelope() for _ in range(50)], set[str]()
    bad = envelopes[20].key

    async def together(events: Sequence[tuple[Event, Envelope]]) -> None:
        if any(envelope.key == bad for _, envelope in events):
            raise ValueError("one of them")

    async def alone(event: DocumentReceived) -> None:
        if event.document_id == bad:
            raise Refused("this one")
        handled.add(event.document_id)

    await log.publish(*envelopes)
    async with consuming(log, together, alone):
        await eventually(lambda: len(handled) == 49)
        (letter,) = await eventually(log.dead_letters)
    assert (Envelope.from_json(letter.raw).key, letter.reason) == (bad, "this one")
    assert await lag(log) == 0


async def test_what_is_away_is_waited_for_by_each_and_nothing_is_buried(log: SqliteEventLog) -> None:
    handled, asked, is_away = set[str](), set[str](), True

    async def together(_: Sequence[tuple[Event, Envelope]]) -> None:
        raise Unavailable("not now")

    async def alone(event: DocumentReceived) -> None:
        asked.add(event.document_id)
        if is_away:
            raise Unavailable("not now")
        handled.add(event.document_id)

    await log.publish(*(an_envelope() for _ in range(20)))
    async with consuming(log, together, alone):
        await eventually(lambda: len(asked) == 20)
        assert not handled
        is_away = False
        await eventually(lambda: len(handled) == 20)
    assert not await log.dead_letters()
    assert await lag(log) == 0


async def test_what_cannot_be_read_is_buried_and_the_others_go_together(log: SqliteEventLog) -> None:
    handled = set[str]()

    async def together(events: Sequence[tuple[Event, Envelope]]) -> None:
        handled.update(envelope.key for _, envelope in events)

    unfit = an_envelope().model_copy(update={"payload": {}})
    newer = an_envelope().model_copy(update={"version": 99})
    await log.publish(unfit, *(an_envelope() for _ in range(20)), newer)
    async with consuming(log, together, never):
        await eventually(lambda: len(handled) == 20)

        async def both() -> bool:
            return len(await log.dead_letters()) == 2

        await eventually(both)
    assert not handled & {unfit.key, newer.key}
    assert await lag(log) == 0


async def test_stopping_lets_a_call_for_many_finish_and_commits_what_it_did(log: SqliteEventLog) -> None:
    begun, gate = asyncio.Event(), asyncio.Event()

    async def together(_: Sequence[tuple[Event, Envelope]]) -> None:
        begun.set()
        await gate.wait()

    await log.publish(*(an_envelope(a_document_received()) for _ in range(20)))
    async with consuming(log, together, never, drain_seconds=60) as running:
        async with asyncio.timeout(30):
            await begun.wait()
        running.cancel()
        gate.set()
        await asyncio.gather(running, return_exceptions=True)
    assert await lag(log) == 0


async def test_a_call_for_many_that_does_not_end_is_cancelled_and_they_come_again(log: SqliteEventLog) -> None:
    begun = asyncio.Event()

    async def together(_: Sequence[tuple[Event, Envelope]]) -> None:
        begun.set()
        await asyncio.Event().wait()

    await log.publish(*(an_envelope() for _ in range(20)))
    async with consuming(log, together, never, drain_seconds=0.05):
        async with asyncio.timeout(30):
            await begun.wait()
    assert await lag(log) == 20
