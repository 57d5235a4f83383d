"""SqliteEventLog: trimming, readers that fall behind, closing."""

import asyncio
import contextlib
import sqlite3
from pathlib import Path

import pytest

from builders import an_envelope
from shared.events.envelope import Envelope
from shared.events.ingest import DocumentReceived
from shared.events.process import ProcessingFailed
from shared.infrastructure.sqlite.event_log import SqliteEventLog
from shared.infrastructure.sqlite.event_reader import OpenedEvents, Published
from shared.kernel import Unavailable
from shared.ports.event_bus import Delivery, Subscription

TOPIC = DocumentReceived.topic


async def receive(subscription: Subscription, count: int) -> list[Delivery]:
    got: list[Delivery] = []
    async with asyncio.timeout(20):
        while len(got) < count:
            got.extend(await subscription.receive(count - len(got)))
    return got


def ids(deliveries: list[Delivery]) -> list[str]:
    return [Envelope.from_json(delivery.raw).id for delivery in deliveries]


async def kept(log: SqliteEventLog) -> int:
    async with log.subscribe("counter", [TOPIC]) as subscription:
        return await subscription.lag()


async def test_trims_what_is_old_and_below_every_group(tmp_path: Path) -> None:
    async with SqliteEventLog(tmp_path / "events.sqlite", retention_seconds=-1) as log:
        async with log.subscribe("fast", [TOPIC]) as fast, log.subscribe("slow", [TOPIC]) as slow:
            await log.publish(*(an_envelope() for _ in range(10)))
            received = await receive(fast, 10)
            await fast.commit({TOPIC: received[9].position})
            await slow.commit({TOPIC: received[3].position})
            assert await log.trim() == 4
            await slow.commit({TOPIC: received[9].position})
            assert await log.trim() == 6
        assert await kept(log) == 0


async def test_a_group_that_never_committed_holds_everything(tmp_path: Path) -> None:
    async with SqliteEventLog(tmp_path / "events.sqlite", retention_seconds=-1) as log:
        async with log.subscribe("registered", [TOPIC]):
            pass
        await log.publish(an_envelope())
        assert await log.trim() == 0


async def test_a_group_that_left_a_topic_holds_nothing_of_it(tmp_path: Path) -> None:
    async with SqliteEventLog(tmp_path / "events.sqlite", retention_seconds=-1) as log:
        async with log.subscribe("monitor", [TOPIC, ProcessingFailed.topic]):
            pass
        async with log.subscribe("monitor", [ProcessingFailed.topic]):
            pass
        await log.publish(an_envelope())
        assert await log.trim() == 1


async def test_what_is_young_is_kept(tmp_path: Path) -> None:
    async with SqliteEventLog(tmp_path / "events.sqlite") as log:
        await log.publish(an_envelope())
        assert await log.trim() == 0
        assert await kept(log) == 1


async def test_positions_go_on_rising_after_everything_was_trimmed(tmp_path: Path) -> None:
    async with SqliteEventLog(tmp_path / "events.sqlite", retention_seconds=-1) as log:
        await log.publish(*(an_envelope() for _ in range(3)))
        async with log.subscribe("process", [TOPIC]) as subscription:
            await subscription.commit({TOPIC: (await receive(subscription, 3))[2].position})
        assert await log.trim() == 3
    async with SqliteEventLog(tmp_path / "events.sqlite") as log, log.subscribe("process", [TOPIC]) as subscription:
        last = an_envelope()
        await log.publish(last)
        assert ids(await receive(subscription, 1)) == [last.id]


async def test_a_reader_that_falls_behind_the_memory_misses_nothing(tmp_path: Path) -> None:
    async with (
        SqliteEventLog(tmp_path / "events.sqlite", recent_bytes=5_000) as log,
        log.subscribe("process", [TOPIC]) as subscription,
        log.tail(TOPIC) as tail,
    ):
        envelopes = [an_envelope() for _ in range(200)]
        for start in range(0, 200, 10):
            await log.publish(*envelopes[start : start + 10])
            if start == 100:
                assert len(await receive(subscription, 50)) == 50
        assert ids(await receive(subscription, 150)) == [envelope.id for envelope in envelopes[50:]]
        assert [(await anext(tail)).id for _ in range(200)] == [envelope.id for envelope in envelopes]


async def test_no_wake_up_is_missed_while_a_reader_finds_nothing_in_the_file(tmp_path: Path) -> None:
    groups = [f"group-{number}" for number in range(40)]
    async with SqliteEventLog(tmp_path / "events.sqlite") as log:
        await log.publish(an_envelope())
        for group in groups:
            async with log.subscribe(group, [TOPIC]) as subscription:
                await subscription.commit({TOPIC: 1})
        await log.publish(an_envelope().model_copy(update={"topic": "other.noun.v1"}))
    for moments, group in enumerate(groups):
        # Behind the memory, which begins at the end of the file, and with nothing of its topic in the file.
        async with (
            SqliteEventLog(tmp_path / "events.sqlite") as log,
            log.subscribe(group, [TOPIC]) as subscription,
            asyncio.timeout(20),
        ):
            publishing = asyncio.create_task(log.publish(an_envelope()))
            for _ in range(moments):  # the look falls into another moment of the write each time
                await asyncio.sleep(0)
            await subscription.receive(1000)
            await publishing


async def test_events_of_another_process_are_delivered_in_order(tmp_path: Path) -> None:
    async with (
        SqliteEventLog(tmp_path / "events.sqlite") as other,
        SqliteEventLog(tmp_path / "events.sqlite") as log,
        log.subscribe("process", [TOPIC]) as subscription,
    ):
        envelopes = [an_envelope() for _ in range(6)]
        for index, envelope in enumerate(envelopes):
            await (other if index % 2 else log).publish(envelope)
        await log.publish(last := an_envelope())
        assert ids(await receive(subscription, 7)) == [envelope.id for envelope in [*envelopes, last]]


async def test_who_waits_while_the_log_closes_is_told(tmp_path: Path) -> None:
    async with SqliteEventLog(tmp_path / "events.sqlite") as log:
        context = log.subscribe("process", [TOPIC])
        subscription = await context.__aenter__()
        waiting = asyncio.create_task(subscription.receive(1))
        await asyncio.wait({waiting}, timeout=0.05)
    with pytest.raises(Unavailable):
        await waiting
    with pytest.raises(Unavailable):
        await subscription.receive(1)
    with pytest.raises(Unavailable):
        await log.publish(an_envelope())
    await context.__aexit__(None, None, None)


async def test_an_event_is_decoded_once_for_all_who_read_it(tmp_path: Path) -> None:
    envelope = an_envelope()
    async with (
        SqliteEventLog(tmp_path / "events.sqlite") as log,
        log.subscribe("one", [TOPIC]) as one,
        log.subscribe("other", [TOPIC]) as other,
        log.tail(TOPIC) as tail,
        asyncio.timeout(20),
    ):
        await log.publish(envelope)
        ((first,), (second,)) = await receive(one, 1), await receive(other, 1)
        assert first.envelope == envelope
        assert first.envelope is second.envelope is await anext(aiter(tail))


async def test_what_is_no_event_has_only_its_bytes(tmp_path: Path) -> None:
    async with SqliteEventLog(tmp_path / "events.sqlite") as log, log.subscribe("one", [TOPIC]) as subscription:
        await log.publish(an_envelope())
        await receive(subscription, 1)
    file = sqlite3.connect(tmp_path / "events.sqlite")
    with contextlib.closing(file), file:
        file.execute("UPDATE events SET envelope = ?", (b"{}",))
    async with SqliteEventLog(tmp_path / "events.sqlite") as log, log.subscribe("one", [TOPIC]) as subscription:
        (poison,) = await receive(subscription, 1)
        assert (poison.raw, poison.envelope) == (b"{}", None)


@pytest.mark.parametrize("opened_bytes", [0, 2_000])
def test_few_decoded_events_are_kept_and_every_one_is_given(opened_bytes: int) -> None:
    envelopes = [an_envelope() for _ in range(50)]
    kept = OpenedEvents(opened_bytes)
    events = [Published(number, TOPIC, envelope.to_json()) for number, envelope in enumerate(envelopes)]
    assert [kept.of(event) for event in [*events, *events]] == [*envelopes, *envelopes]
    opened = kept.of(events[0])
    assert kept.of(events[0]) is opened or opened_bytes == 0
    for event in events[1:]:
        kept.of(event)
    assert kept.of(events[0]) is not opened
