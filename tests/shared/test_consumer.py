"""The consumer's policy: order, waiting, dead letters, commits, draining."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from builders import a_document_received, an_envelope, eventually
from shared.events.delivery import EventDeadLettered
from shared.events.envelope import Envelope, current_cause, current_envelope, wrap
from shared.events.ingest import DocumentReceived, DocumentWithdrawn
from shared.infrastructure.prometheus_metrics import PrometheusMetrics
from shared.infrastructure.sqlite.event_log import SqliteEventLog
from shared.kernel import Refused, Unavailable, new_document_id
from shared.ports.event_bus import DeadLetter
from shared.ports.handlers import EventHandler, Subscriptions
from shared.runtime.consumer import Consumer

TOPIC = DocumentReceived.topic


@asynccontextmanager
async def consuming(
    log: SqliteEventLog, subscriptions: Subscriptions | EventHandler, *, group: str = "process", **settings: Any
) -> AsyncIterator[asyncio.Task[None]]:
    if not isinstance(subscriptions, dict):
        subscriptions = {DocumentReceived: subscriptions}  # type: ignore[dict-item]  # a bare handler is callable
    consumer = Consumer(log, group, subscriptions, metrics=PrometheusMetrics(), **settings)
    running = asyncio.create_task(consumer.run())
    try:
        yield running
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def lag(log: SqliteEventLog, group: str = "process", topics: Sequence[str] = (TOPIC,)) -> int:
    """Of a group that nobody consumes for now."""
    async with log.subscribe(group, topics) as subscription:
        return await subscription.lag()


async def letters(log: SqliteEventLog, count: int = 1) -> Sequence[DeadLetter]:
    async def enough() -> Sequence[DeadLetter]:
        found = await log.dead_letters()
        return found if len(found) >= count else ()

    return await eventually(enough)


def versions_of_one_document(count: int) -> list[Envelope]:
    document_id = new_document_id()
    return [an_envelope(a_document_received(document_id, version)) for version in range(1, count + 1)]


async def test_handles_every_event_and_commits(log: SqliteEventLog) -> None:
    seen: list[DocumentReceived] = []

    async def handle(event: DocumentReceived) -> None:
        seen.append(event)

    events = [a_document_received() for _ in range(500)]
    await log.publish(*(an_envelope(event) for event in events))
    async with consuming(log, handle):
        await eventually(lambda: len(seen) == 500)
    assert {event.document_id for event in seen} == {event.document_id for event in events}
    assert await lag(log) == 0


async def test_one_key_is_handled_in_order_and_never_twice_at_once(log: SqliteEventLog) -> None:
    seen: list[int] = []
    busy = 0

    async def handle(event: DocumentReceived) -> None:
        nonlocal busy
        busy += 1
        assert busy == 1
        await asyncio.sleep(0)
        seen.append(event.document_version)
        busy -= 1

    await log.publish(*versions_of_one_document(100))
    async with consuming(log, handle):
        await eventually(lambda: len(seen) == 100)
    assert seen == list(range(1, 101))


async def test_where_order_changes_nothing_events_of_one_key_do_not_wait_for_one_another(log: SqliteEventLog) -> None:
    begun: set[int] = set()

    async def handle(event: DocumentReceived) -> None:
        begun.add(event.document_version)
        await eventually(lambda: len(begun) == 20)

    await log.publish(*versions_of_one_document(20))
    async with consuming(log, handle, in_order=False):
        await eventually(lambda: len(begun) == 20)
    assert await lag(log) == 0


async def test_many_keys_are_handled_at_once_but_no_more_than_allowed(log: SqliteEventLog) -> None:
    busy: set[str] = set()
    most = 0
    gate = asyncio.Event()

    async def handle(event: DocumentReceived) -> None:
        nonlocal most
        busy.add(event.document_id)
        most = max(most, len(busy))
        await gate.wait()
        busy.discard(event.document_id)

    await log.publish(*(an_envelope() for _ in range(50)))
    async with consuming(log, handle, concurrency=8):
        await eventually(lambda: len(busy) == 8)
        gate.set()
        await eventually(lambda: not busy)
    assert most == 8


async def test_the_cause_is_the_event_that_is_handled(log: SqliteEventLog) -> None:
    causes: list[tuple[Any, Any]] = []

    async def handle(_: DocumentReceived) -> None:
        causes.append((current_cause(), current_envelope()))

    envelope = an_envelope()
    await log.publish(envelope)
    async with consuming(log, handle):
        [(cause, handled)] = await eventually(lambda: causes)
    assert (cause.correlation_id, cause.causation_id) == (envelope.correlation_id, envelope.id)
    assert handled == envelope


async def test_unavailable_waits_without_an_attempt_and_keeps_the_order_of_its_key(log: SqliteEventLog) -> None:
    envelopes = versions_of_one_document(3)
    other = an_envelope()
    seen: list[str] = []
    failures = 0

    async def handle(event: DocumentReceived) -> None:
        nonlocal failures
        if event.document_version == 1 and event.key == envelopes[0].key and failures < 4:
            failures += 1
            raise Unavailable("the store is away")
        seen.append(f"{event.key}/{event.document_version}")

    await log.publish(*envelopes, other)
    async with consuming(log, handle, attempts=2):
        await eventually(lambda: len(seen) == 4)
    assert seen == [f"{other.key}/1", *(f"{envelopes[0].key}/{version}" for version in (1, 2, 3))]
    assert await log.dead_letters() == []


async def test_a_refused_event_is_buried_at_once_and_the_next_flows(log: SqliteEventLog) -> None:
    tried: Counter[int] = Counter()

    async def handle(event: DocumentReceived) -> None:
        tried[event.document_version] += 1
        if event.document_version == 1:
            raise Refused("this one never")

    envelopes = versions_of_one_document(2)
    await log.publish(*envelopes)
    async with consuming(log, handle), log.tail(EventDeadLettered.topic) as told:
        notice = await anext(told)
        await eventually(lambda: tried[2] == 1)
    assert tried[1] == 1
    [letter] = await log.dead_letters()
    assert (letter.group, letter.topic, letter.reason, letter.attempts) == ("process", TOPIC, "this one never", 1)
    assert Envelope.from_json(letter.raw) == envelopes[0]
    assert notice.payload["dead_letter_id"] == letter.id
    assert (notice.payload["document_id"], notice.payload["document_version"]) == (envelopes[0].key, 1)
    assert (notice.payload["subject"], notice.payload["reason"]) == ("DocumentReceived", "this one never")
    assert (notice.correlation_id, notice.causation_id) == (envelopes[0].correlation_id, envelopes[0].id)
    assert await lag(log) == 0


@pytest.mark.parametrize("failure", [ValueError("a bug"), asyncio.CancelledError()])
async def test_any_other_failure_is_tried_again_and_then_buried(log: SqliteEventLog, failure: BaseException) -> None:
    tried = 0

    async def handle(_: DocumentReceived) -> None:
        nonlocal tried
        tried += 1
        raise failure

    await log.publish(an_envelope())
    async with consuming(log, handle):
        [letter] = await letters(log)
    assert tried == letter.attempts == 3
    assert type(failure).__name__ in letter.reason


async def test_a_failure_that_passes_is_no_dead_letter(log: SqliteEventLog) -> None:
    tried = 0

    async def handle(_: DocumentReceived) -> None:
        nonlocal tried
        tried += 1
        if tried < 3:
            raise ValueError("a bug that comes and goes")

    await log.publish(an_envelope())
    async with consuming(log, handle):
        await eventually(lambda: tried == 3)
    assert await log.dead_letters() == []
    assert await lag(log) == 0


class Poison(Envelope):
    """An envelope that is written as other bytes, as a damaged or foreign publisher would."""

    bytes_written: bytes

    def to_json(self) -> bytes:
        return self.bytes_written


def poison(raw: bytes) -> Envelope:
    return Poison(**an_envelope().model_dump(), bytes_written=raw)


async def test_poison_is_buried_and_what_can_be_read_of_it_is_told(log: SqliteEventLog) -> None:
    seen: list[str] = []

    async def handle(event: DocumentReceived) -> None:
        seen.append(event.document_id)

    document_id = new_document_id()
    half = (
        b'{"name": "DocumentReceived", "payload": {"document_id": "%s", "document_version": 3}}' % document_id.encode()
    )
    good = an_envelope()
    await log.publish(poison(b"\xff\x00 nothing"), poison(b"[1, 2]"), poison(half), good)
    async with log.tail(EventDeadLettered.topic) as told, consuming(log, handle):
        notices = [await anext(told) for _ in range(3)]
        await eventually(lambda: seen == [good.key])
    assert {letter.raw for letter in await log.dead_letters()} == {b"\xff\x00 nothing", b"[1, 2]", half}
    assert (document_id, 3) in {(note.payload["document_id"], note.payload["document_version"]) for note in notices}
    assert await lag(log) == 0


async def test_a_payload_that_does_not_fit_and_a_newer_version_are_buried(log: SqliteEventLog) -> None:
    async def handle(_: DocumentReceived) -> None:
        raise AssertionError("must not be called")

    good = an_envelope()
    await log.publish(
        good.model_copy(update={"payload": {"document_id": 5}, "id": "one"}),
        good.model_copy(update={"version": 99, "id": "two"}),
    )
    async with consuming(log, handle):
        assert len(await letters(log, 2)) == 2


async def test_names_that_are_unknown_or_not_asked_for_are_passed_over(log: SqliteEventLog) -> None:
    seen: list[str] = []

    async def handle(event: DocumentReceived) -> None:
        seen.append(event.document_id)

    withdrawn = DocumentWithdrawn(document_id=new_document_id(), document_version=2, collection="default")
    last = an_envelope()
    await log.publish(
        wrap(withdrawn, producer="ingest"), an_envelope().model_copy(update={"name": "SomethingNewer"}), last
    )
    async with consuming(log, handle):
        await eventually(lambda: seen == [last.key])
    assert await log.dead_letters() == []
    assert await lag(log) == 0


async def test_a_dead_letter_notice_that_fails_is_not_told_again(log: SqliteEventLog) -> None:
    """Else every notice would make the next one, for ever."""

    async def handle(_: EventDeadLettered) -> None:
        raise Refused("no")

    notice = EventDeadLettered(
        group="process", dead_letter_id="x", subject="Y", document_id=None, document_version=None, reason="no"
    )
    await log.publish(wrap(notice, producer="process"))
    async with consuming(log, {EventDeadLettered: handle}, group="ingest"):
        await letters(log)
    assert await lag(log, "ingest", [EventDeadLettered.topic]) == 0
    assert await lag(log, "someone new", [EventDeadLettered.topic]) == 1


async def test_redelivery_of_what_was_buried_leaves_one_letter(log: SqliteEventLog) -> None:
    async def handle(_: DocumentReceived) -> None:
        raise Refused("no")

    envelope = an_envelope()
    await log.publish(envelope, envelope)
    async with log.tail(EventDeadLettered.topic) as told, consuming(log, handle):
        assert {(await anext(told)).payload["dead_letter_id"] for _ in range(2)} == {(await letters(log))[0].id}
    assert len(await log.dead_letters()) == 1


async def test_a_replayed_letter_is_handled(log: SqliteEventLog) -> None:
    is_mended = False
    seen: list[str] = []

    async def handle(event: DocumentReceived) -> None:
        if not is_mended:
            raise Refused("not yet")
        seen.append(event.document_id)

    envelope = an_envelope()
    await log.publish(envelope)
    async with consuming(log, handle):
        [letter] = await letters(log)
        is_mended = True
        await log.replay(letter.id)
        await eventually(lambda: seen == [envelope.key])


async def test_stopping_lets_handlers_finish_and_commits_what_they_did(log: SqliteEventLog) -> None:
    begun: list[str] = []
    finished: list[str] = []
    gate = asyncio.Event()

    async def handle(event: DocumentReceived) -> None:
        begun.append(event.document_id)
        await gate.wait()
        finished.append(event.document_id)

    await log.publish(*(an_envelope() for _ in range(20)))
    async with consuming(log, handle, concurrency=5) as running:
        await eventually(lambda: len(begun) == 5)
        running.cancel()
        asyncio.get_running_loop().call_later(0.02, gate.set)
        with pytest.raises(asyncio.CancelledError):
            await running
    assert len(finished) == 5
    assert await lag(log) == 15


async def test_a_handler_that_does_not_end_is_cancelled_and_its_event_comes_again(log: SqliteEventLog) -> None:
    begun: list[str] = []

    async def hang(event: DocumentReceived) -> None:
        begun.append(event.document_id)
        await asyncio.Event().wait()

    async def handle(event: DocumentReceived) -> None:
        begun.append(event.document_id)

    envelope = an_envelope()
    await log.publish(envelope)
    async with consuming(log, hang, drain_seconds=0.01):
        await eventually(lambda: begun)
    async with consuming(log, handle):
        await eventually(lambda: begun == [envelope.key, envelope.key])


async def test_stopping_does_not_wait_for_what_is_unavailable(log: SqliteEventLog) -> None:
    tried = 0

    async def handle(_: DocumentReceived) -> None:
        nonlocal tried
        tried += 1
        raise Unavailable("away")

    await log.publish(an_envelope())
    async with asyncio.timeout(10), consuming(log, handle, drain_seconds=60):
        await eventually(lambda: tried >= 2)
    assert await lag(log) == 1


async def test_only_what_is_finished_without_a_gap_is_committed(log: SqliteEventLog) -> None:
    first, *others = [an_envelope() for _ in range(10)]
    seen: list[str] = []

    async def handle(event: DocumentReceived) -> None:
        if event.key == first.key:
            await asyncio.Event().wait()
        seen.append(event.key)

    await log.publish(first, *others)
    async with consuming(log, handle, drain_seconds=0.01):
        await eventually(lambda: len(seen) == 9)
    assert await lag(log) == 10


async def test_two_groups_each_handle_everything(log: SqliteEventLog) -> None:
    seen: Counter[str] = Counter()

    async def handle(event: DocumentReceived) -> None:
        seen[event.document_id] += 1

    async with consuming(log, handle, group="process"), consuming(log, handle, group="monitor"):
        envelopes = [an_envelope() for _ in range(50)]
        await log.publish(*envelopes)
        await eventually(lambda: sum(seen.values()) == 100)
    assert set(seen.values()) == {2}
