"""The promises of EventBus, on every adapter."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from typing import TypeVar

import pytest

from builders import a_document_received, an_envelope
from shared.events.envelope import Envelope, wrap
from shared.events.ingest import DocumentReceived
from shared.events.process import StageFinished
from shared.events.search import DocumentRemoved
from shared.kernel import Conflict, DocumentId, NotFound, new_document_id
from shared.ports.event_bus import DeadLetter, Delivery, EventBus, Subscription

OpenBus = Callable[[], AbstractAsyncContextManager[EventBus]]
T = TypeVar("T")
TOPIC = DocumentReceived.topic


async def soon(waited: Awaitable[T]) -> T:
    async with asyncio.timeout(20):
        return await waited


async def receive(subscription: Subscription, count: int) -> list[Delivery]:
    """Exactly `count` deliveries, over as many calls as it takes."""
    got: list[Delivery] = []
    while len(got) < count:
        got.extend(await soon(subscription.receive(count - len(got))))
    return got


def ids(deliveries: Sequence[Delivery]) -> list[str]:
    return [Envelope.from_json(delivery.raw).id for delivery in deliveries]


def some_envelopes(count: int) -> list[Envelope]:
    return [an_envelope() for _ in range(count)]


def a_stage_finished(document_id: DocumentId | None = None, version: int = 1) -> Envelope:
    event = StageFinished(
        document_id=document_id or new_document_id(),
        document_version=version,
        stage="parse",
        seconds=0.1,
        done=1,
        total=3,
    )
    return wrap(event, producer="process")


def a_letter(letter_id: str = "letter-1", *, group: str = "process", raw: bytes | None = None) -> DeadLetter:
    return DeadLetter(
        id=letter_id,
        group=group,
        topic=TOPIC,
        reason="it was bad",
        attempts=3,
        buried_at=datetime(2026, 1, 2, tzinfo=UTC),
        raw=an_envelope().to_json() if raw is None else raw,
    )


def commit_of(deliveries: Sequence[Delivery]) -> dict[str, int]:
    positions: dict[str, int] = {}
    for delivery in deliveries:
        positions[delivery.lane] = max(delivery.position, positions.get(delivery.lane, 0))
    return positions


async def test_delivers_what_was_published_before_and_after_the_group_opened(bus: EventBus) -> None:
    before, after = some_envelopes(3), some_envelopes(2)
    await bus.publish(*before)
    async with bus.subscribe("process", [TOPIC]) as subscription:
        await bus.publish(*after)
        received = await receive(subscription, 5)
    assert sorted(ids(received)) == sorted(envelope.id for envelope in (*before, *after))


async def test_what_arrives_is_the_envelope_that_was_published(bus: EventBus) -> None:
    envelope = an_envelope()
    await bus.publish(envelope)
    async with bus.subscribe("process", [TOPIC]) as subscription:
        [delivery] = await receive(subscription, 1)
    assert Envelope.from_json(delivery.raw) == envelope


async def test_gives_at_most_what_was_asked_for(bus: EventBus) -> None:
    await bus.publish(*some_envelopes(5))
    async with bus.subscribe("process", [TOPIC]) as subscription:
        assert 1 <= len(await soon(subscription.receive(2))) <= 2


async def test_gives_nothing_twice_within_one_subscription(bus: EventBus) -> None:
    envelopes = some_envelopes(20)
    async with bus.subscribe("process", [TOPIC]) as subscription:
        received = []
        for envelope in envelopes:
            await bus.publish(envelope)
            received += await receive(subscription, 1)
    assert ids(received) == [envelope.id for envelope in envelopes]


async def test_wakes_a_receiver_that_waits(bus: EventBus) -> None:
    async with bus.subscribe("process", [TOPIC]) as subscription:
        waiting = asyncio.create_task(subscription.receive(10))
        done, _ = await asyncio.wait({waiting}, timeout=0.05)
        assert not done
        await bus.publish(an_envelope())
        assert len(await soon(waiting)) == 1


async def test_misses_no_wake_up_among_many_publishers(bus: EventBus) -> None:
    async with bus.subscribe("process", [TOPIC]) as subscription:
        receiving = asyncio.create_task(receive(subscription, 300))
        await asyncio.gather(*(bus.publish(an_envelope()) for _ in range(300)))
        assert len(set(ids(await soon(receiving)))) == 300


async def test_a_cancelled_receiver_loses_nothing(bus: EventBus) -> None:
    envelopes = some_envelopes(30)
    received: list[Delivery] = []
    async with bus.subscribe("process", [TOPIC]) as subscription:

        async def keep_receiving() -> None:
            while True:
                received.extend(await subscription.receive(1))

        for envelope in envelopes:
            receiving = asyncio.create_task(keep_receiving())
            await bus.publish(envelope)
            receiving.cancel()
            await asyncio.gather(receiving, return_exceptions=True)
        received += await receive(subscription, 30 - len(received))
    assert sorted(ids(received)) == sorted(envelope.id for envelope in envelopes)


async def test_delivers_only_the_topics_asked_for(bus: EventBus) -> None:
    mine, other = a_stage_finished(), an_envelope()
    await bus.publish(other, mine, other)
    async with bus.subscribe("search", [mine.topic]) as subscription:
        assert ids(await receive(subscription, 1)) == [mine.id]
        assert await subscription.lag() == 1
        last = a_stage_finished()
        await bus.publish(other, last)
        assert ids(await receive(subscription, 1)) == [last.id]


def many_events_of(documents: int, *, versions: int) -> list[list[Envelope]]:
    """Of each document its events in order, in two topics by turns."""
    return [
        [
            a_stage_finished(key, number) if number % 3 else an_envelope(a_document_received(key, number))
            for number in range(1, versions + 1)
        ]
        for key in (new_document_id() for _ in range(documents))
    ]


async def test_delivers_each_key_of_a_topic_in_order(bus: EventBus) -> None:
    documents = many_events_of(20, versions=15)

    async def publish(events: list[Envelope]) -> None:
        for first in range(0, len(events), 4):
            await bus.publish(*events[first : first + 4])

    async with bus.subscribe("monitor", [TOPIC, StageFinished.topic]) as subscription:
        await asyncio.gather(*map(publish, documents))
        received = ids(await receive(subscription, 20 * 15))
    assert len(set(received)) == 20 * 15
    for events in documents:
        for topic in (TOPIC, StageFinished.topic):
            expected = [envelope.id for envelope in events if envelope.topic == topic]
            assert [event for event in received if event in expected] == expected


async def test_every_group_receives_every_event(bus: EventBus) -> None:
    envelope = an_envelope()
    await bus.publish(envelope)
    async with bus.subscribe("process", [TOPIC]) as one, bus.subscribe("monitor", [TOPIC]) as two:
        assert ids(await receive(one, 1)) == ids(await receive(two, 1)) == [envelope.id]


async def test_delivers_again_what_was_not_committed(open_bus: OpenBus) -> None:
    envelopes = some_envelopes(4)
    async with open_bus() as bus:
        await bus.publish(*envelopes)
        async with bus.subscribe("process", [TOPIC]) as subscription:
            received = await receive(subscription, 4)
            await subscription.commit(commit_of(received[:2]))
    async with open_bus() as bus, bus.subscribe("process", [TOPIC]) as subscription:
        assert sorted(ids(await receive(subscription, 2))) == sorted(ids(received[2:]))


async def test_a_commit_never_goes_back(bus: EventBus) -> None:
    await bus.publish(*some_envelopes(3))
    async with bus.subscribe("process", [TOPIC]) as subscription:
        received = await receive(subscription, 3)
        await subscription.commit(commit_of(received))
        await subscription.commit(commit_of(received[:1]))
        assert await subscription.lag() == 0
    last = an_envelope()
    await bus.publish(last)
    async with bus.subscribe("process", [TOPIC]) as subscription:
        assert ids(await receive(subscription, 1)) == [last.id]


async def test_lag_counts_what_is_not_committed(bus: EventBus) -> None:
    async with bus.subscribe("process", [TOPIC]) as subscription:
        assert await subscription.lag() == 0
        await bus.publish(*some_envelopes(3), a_stage_finished())
        received = await receive(subscription, 3)
        assert await subscription.lag() == 3
        await subscription.commit(commit_of(received[:1]))
        assert await subscription.lag() == 2


async def test_the_same_group_twice_in_one_process_is_refused(bus: EventBus) -> None:
    async with bus.subscribe("process", [TOPIC]):
        with pytest.raises(Conflict):
            async with bus.subscribe("process", [TOPIC]):
                pass
    async with bus.subscribe("process", [TOPIC]):
        pass


async def test_two_processes_share_a_group_and_nothing_is_lost(open_bus: OpenBus) -> None:
    envelopes = some_envelopes(60)
    received: list[Delivery] = []
    left: list[frozenset[str]] = []
    async with open_bus() as one, open_bus() as two:
        if not one.lanes_move:
            pytest.skip("this bus is of one process")

        async def let_go(lanes: frozenset[str]) -> None:
            left.append(lanes)
            await first.commit(commit_of(received))

        await one.publish(*envelopes[:30])
        async with one.subscribe("process", [TOPIC], on_leaving=let_go) as first:
            received += await receive(first, 10)
            async with two.subscribe("process", [TOPIC]) as second:
                [lanes] = left
                assert lanes >= {delivery.lane for delivery in received}
                await two.publish(*envelopes[30:])
                shares: tuple[list[Delivery], list[Delivery]] = [], []
                async with asyncio.timeout(20), asyncio.TaskGroup() as group:

                    async def keep_receiving(subscription: Subscription, share: list[Delivery]) -> None:
                        while len(shares[0]) + len(shares[1]) < 50:
                            with contextlib.suppress(TimeoutError):
                                async with asyncio.timeout(0.1):
                                    share.extend(await subscription.receive(10))

                    group.create_task(keep_receiving(first, shares[0]))
                    group.create_task(keep_receiving(second, shares[1]))
    assert shares[0] and shares[1]
    assert not {delivery.lane for delivery in shares[0]} & {delivery.lane for delivery in shares[1]}
    assert sorted(ids([*received, *shares[0], *shares[1]])) == sorted(envelope.id for envelope in envelopes)


async def test_a_commit_of_lanes_that_have_left_comes_to_nothing(open_bus: OpenBus) -> None:
    envelopes = some_envelopes(20)
    async with open_bus() as one, open_bus() as two:
        if not one.lanes_move:
            pytest.skip("this bus is of one process")
        await one.publish(*envelopes)
        async with one.subscribe("process", [TOPIC]) as first:
            received = await receive(first, 20)
            async with two.subscribe("process", [TOPIC]):
                await first.commit(commit_of(received))
                assert await first.lag() == 20
        async with two.subscribe("process", [TOPIC]) as second:
            assert sorted(ids(await receive(second, 20))) == sorted(ids(received))


async def test_published_events_survive_a_restart(open_bus: OpenBus) -> None:
    envelope = an_envelope()
    async with open_bus() as bus:
        await bus.publish(envelope)
    async with open_bus() as bus, bus.subscribe("process", [TOPIC]) as subscription:
        after = an_envelope()
        await bus.publish(after)
        assert sorted(ids(await receive(subscription, 2))) == sorted([envelope.id, after.id])


async def test_publishing_nothing_is_nothing(bus: EventBus) -> None:
    await bus.publish()
    async with bus.subscribe("process", [TOPIC]) as subscription:
        assert await subscription.lag() == 0


async def test_a_tail_begins_now_and_follows(bus: EventBus) -> None:
    await bus.publish(an_envelope())
    async with bus.tail(TOPIC) as events:
        published = some_envelopes(3)
        await bus.publish(a_stage_finished(), *published)
        seen = {(await soon(anext(events))).id for _ in range(3)}
        assert seen == {envelope.id for envelope in published}


async def test_two_tails_see_the_same(bus: EventBus) -> None:
    async with bus.tail(TOPIC) as one, bus.tail(TOPIC, StageFinished.topic) as two:
        envelope = an_envelope()
        await bus.publish(envelope)
        assert (await soon(anext(one))).id == (await soon(anext(two))).id == envelope.id


async def test_a_tail_that_waits_ends_with_cancellation(bus: EventBus) -> None:
    async with bus.tail(TOPIC) as events:
        waiting = asyncio.ensure_future(anext(events))
        done, _ = await asyncio.wait({waiting}, timeout=0.05)
        assert not done
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting


async def test_keeps_dead_letters_newest_first_and_in_pages(bus: EventBus) -> None:
    for number in range(5):
        await bus.bury(a_letter(f"letter-{number}", group="search" if number == 2 else "process"))
    assert [letter.id for letter in await bus.dead_letters()] == [f"letter-{number}" for number in (4, 3, 2, 1, 0)]
    assert [letter.id for letter in await bus.dead_letters(limit=2)] == ["letter-4", "letter-3"]
    assert [letter.id for letter in await bus.dead_letters(after="letter-3", limit=2)] == ["letter-2", "letter-1"]
    assert [letter.id for letter in await bus.dead_letters(group="search")] == ["letter-2"]


async def test_the_same_letter_twice_is_one(bus: EventBus) -> None:
    letter = a_letter()
    await bus.bury(letter)
    await bus.bury(letter)
    assert await bus.dead_letters() == [letter]


async def test_dead_letters_survive_a_restart(open_bus: OpenBus) -> None:
    letter = a_letter()
    async with open_bus() as bus:
        await bus.bury(letter)
    async with open_bus() as bus:
        assert await bus.dead_letter(letter.id) == letter


async def test_a_replayed_letter_reaches_every_group_and_is_marked(bus: EventBus) -> None:
    envelope = an_envelope(a_document_received())
    await bus.bury(a_letter(raw=envelope.to_json()))
    async with bus.subscribe("process", [TOPIC]) as one, bus.subscribe("monitor", [TOPIC]) as two:
        replayed = await bus.replay("letter-1")
        assert ids(await receive(one, 1)) == ids(await receive(two, 1)) == [envelope.id]
    assert replayed.replayed_at is not None
    assert await bus.dead_letter("letter-1") == replayed


async def test_a_letter_that_fails_again_after_its_replay_is_dead_again(bus: EventBus) -> None:
    await bus.bury(a_letter("letter-1"))
    await bus.bury(a_letter("letter-2"))
    await bus.replay("letter-1")
    await bus.bury(a_letter("letter-1"))
    first, _ = await bus.dead_letters()
    assert first.id == "letter-1"
    assert first.replayed_at is None


async def test_poison_cannot_be_replayed(bus: EventBus) -> None:
    await bus.bury(a_letter(raw=b"\xff not an event"))
    with pytest.raises(Conflict):
        await bus.replay("letter-1")
    assert (await bus.dead_letter("letter-1")).replayed_at is None


async def test_an_unknown_letter_is_not_found(bus: EventBus) -> None:
    with pytest.raises(NotFound):
        await bus.dead_letter("nothing")
    with pytest.raises(NotFound):
        await bus.replay("nothing")
    with pytest.raises(NotFound):
        await bus.dead_letters(after="nothing")


async def test_topics_of_different_owners_do_not_mix(bus: EventBus) -> None:
    removed = wrap(DocumentRemoved(document_id=new_document_id(), document_version=2), producer="search")
    await bus.publish(an_envelope(), removed)
    async with bus.subscribe("ingest", [DocumentRemoved.topic]) as subscription:
        assert ids(await receive(subscription, 1)) == [removed.id]
