"""Steps that are told at the same time go into one write, and stand and fall each for itself."""

import asyncio
import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from builders import a_document_received, an_envelope, eventually
from monitor.application.journeys import Journeys
from monitor.application.ports import ToldStep
from monitor.application.queues import Queues
from monitor.application.stage_progress import StageProgress
from monitor.domain.journey import State, Step, StepKind
from monitor.infrastructure.sqlite_journeys import SCHEMA, SqliteJourneys
from monitor.interface.events import Heard, subscriptions
from shared.events.envelope import Event
from shared.events.process import StageFinished
from shared.events.search import DocumentIndexed
from shared.infrastructure.prometheus_metrics import PrometheusMetrics
from shared.infrastructure.sqlite.database import SqliteDatabase
from shared.infrastructure.sqlite.event_log import SqliteEventLog
from shared.kernel import DocumentId, Unavailable, new_document_id
from shared.runtime.consumer import Consumer

_AT = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
_STEPS = (
    Step(StepKind.INDEXED, _AT, seconds=0.1, event_id="3"),
    Step(StepKind.STAGE, _AT, stage="parse", seconds=0.2, event_id="2"),
    Step(StepKind.RECEIVED, _AT, event_id="1"),
)
_UNSPEAKABLE = DocumentId("\ud800")
"""Half of a character that needs two: no file can hold it."""


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteJourneys]:
    async with SqliteDatabase(tmp_path / "monitor.sqlite", SCHEMA) as database:
        yield SqliteJourneys(database)


@pytest.fixture
async def log(tmp_path: Path) -> AsyncIterator[SqliteEventLog]:
    async with SqliteEventLog(tmp_path / "events.sqlite") as log:
        yield log


async def test_what_cannot_be_kept_takes_nothing_else_with_it(store: SqliteJourneys) -> None:
    documents = [new_document_id() for _ in range(20)]
    told = [(document, step) for document in (*documents[:10], _UNSPEAKABLE, *documents[10:]) for step in _STEPS]
    with pytest.raises(UnicodeEncodeError):
        await store.add_all([ToldStep(document, 1, step) for document, step in told])
    answers = await asyncio.gather(
        *(store.add(document, 1, step, None) for document, step in told), return_exceptions=True
    )
    for (document, _), answer in zip(told, answers, strict=True):
        assert isinstance(answer, UnicodeEncodeError) if document == _UNSPEAKABLE else answer is True
    for document in documents:
        (known,) = await store.of_document(document)
        assert (known.journey.state, len(known.journey.steps)) == (State.SEARCHABLE, 3)
    assert not any(await store.add_all([ToldStep(document, 1, step) for document in documents for step in _STEPS]))


async def test_what_is_known_of_all_is_read_in_two_statements_however_many_steps_come(tmp_path: Path) -> None:
    statements = list[str]()
    async with SqliteDatabase(tmp_path / "monitor.sqlite", SCHEMA) as database:
        store, documents = SqliteJourneys(database), [new_document_id() for _ in range(20)]
        await store.add_all([ToldStep(document, 1, _STEPS[2]) for document in documents])
        await database.write(lambda connection: connection.set_trace_callback(statements.append))
        await store.add_all([ToldStep(document, 1, step) for step in _STEPS for document in documents])
        await database.write(lambda connection: connection.set_trace_callback(None))
        assert sum(one.strip().startswith("SELECT") for one in statements) <= 2
        for document in documents:
            (known,) = await store.of_document(document)
            assert (known.journey.state, len(known.journey.steps)) == (State.SEARCHABLE, 3)


async def test_who_tells_after_it_was_left_is_not_kept_waiting(tmp_path: Path) -> None:
    async with SqliteDatabase(tmp_path / "monitor.sqlite", SCHEMA) as database:
        store = SqliteJourneys(database)
        telling = asyncio.create_task(store.add(new_document_id(), 1, _STEPS[0], None))
        await asyncio.sleep(0)
    async with asyncio.timeout(30):
        assert await telling is True
        with pytest.raises(Unavailable):
            await store.add(new_document_id(), 1, _STEPS[1], None)


def _events_of(document: DocumentId) -> list[Event]:
    return [
        a_document_received(document),
        StageFinished(document_id=document, document_version=1, stage="parse", seconds=0.1, done=1, total=3),
        DocumentIndexed(document_id=document, document_version=1, revision=1, chunk_count=1, seconds=0.1),
    ]


async def test_a_journey_is_whole_however_its_events_came_together(store: SqliteJourneys, log: SqliteEventLog) -> None:
    metrics, documents = PrometheusMetrics(), [new_document_id() for _ in range(300)]
    envelopes = [an_envelope(event) for document in documents for event in _events_of(document)]
    broken = an_envelope().model_copy(update={"payload": {"what": "this is not"}})
    random.Random(7).shuffle(envelopes)
    await log.publish(*envelopes[:500], broken, *envelopes[500:], *envelopes[:200])

    journeys = Journeys(store, Queues({}, {}), metrics, stuck_after_seconds=60)
    heard = Heard(journeys, StageProgress(store, every_seconds=60))
    consumer = Consumer(
        log, "monitor", subscriptions(heard), metrics=metrics, in_order=False, together=heard.together, concurrency=512
    )
    consuming = asyncio.create_task(consumer.run())
    try:
        await eventually(lambda: metrics.totals()["journey_steps", (("kind", "indexed"),)] == len(documents))
        await eventually(log.dead_letters)
        for document in documents:
            (known,) = await store.of_document(document)
            assert (known.journey.state, len(known.journey.steps), known.name) == (State.SEARCHABLE, 3, "notes.txt")
        handled = ("events_handled_total", (("event", "DocumentIndexed"), ("group", "monitor"), ("outcome", "handled")))
        assert metrics.totals()[handled] >= len(documents)
        assert len(await log.dead_letters()) == 1
    finally:
        consuming.cancel()
        await asyncio.gather(consuming, return_exceptions=True)
