"""What every JourneyStore promises; one suite for each adapter."""

import asyncio
import itertools
import random
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from journey_store_builders import (
    A_JOURNEY,
    AT,
    EVERYTHING,
    RECEIVED,
    Stores,
    a_step,
    add,
    labels,
    listed,
    on_mongo,
    on_sqlite,
)

from monitor.application.ports import JourneyQuery, JourneyStore, ToldStep
from monitor.domain.journey import UNFINISHED, Progress, State, Step, StepKind
from shared.kernel import DocumentId, new_document_id


@pytest.fixture(
    params=[pytest.param(on_sqlite, id="sqlite"), pytest.param(on_mongo, id="mongo", marks=pytest.mark.servers)]
)
async def stores(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Stores]:
    """The adapter under test, empty."""
    opened: Callable[[Path], AbstractAsyncContextManager[Stores]] = request.param
    async with opened(tmp_path) as stores:
        yield stores


@pytest.fixture
def store(stores: Stores) -> JourneyStore:
    return stores.one


async def test_a_journey_is_told_as_its_steps_were(store: JourneyStore) -> None:
    document = new_document_id()
    assert await add(store, document, *A_JOURNEY) == [True] * 5
    (known,) = await store.of_document(document)
    assert known.journey.steps == A_JOURNEY
    assert (known.journey.state, known.journey.total_seconds) == (State.SEARCHABLE, 4.0)
    assert (known.is_newest, known.collection, known.name) == (True, "default", "a.txt")
    assert await store.of_document(new_document_id()) == []


async def test_steps_of_many_documents_are_added_at_once_in_any_order_and_with_doubles(stores: Stores) -> None:
    documents = [new_document_id() for _ in range(20)]
    told = [
        ToldStep(document, version, step, labels(document, version) if step is RECEIVED else None)
        for document in documents
        for version in (1, 2)
        for step in A_JOURNEY
    ]
    random.Random(3).shuffle(told)
    news = await stores.one.add_all([*told[:120], *told[:40]])
    assert (sum(news), len(news)) == (120, 160)
    assert sum(await stores.other.add_all(told)) == 80
    assert not any(await stores.one.add_all(told))
    for document in documents:
        known = await stores.other.of_document(document)
        assert [(one.journey.version, one.is_newest, one.name) for one in known] == [
            (1, False, "a.txt"),
            (2, True, "a.txt"),
        ]
        assert all(one.journey.steps == A_JOURNEY for one in known)
    assert await stores.one.add_all([]) == []


async def test_a_step_that_comes_again_is_known_and_changes_nothing(stores: Stores) -> None:
    document = new_document_id()
    await add(stores.one, document, *A_JOURNEY)
    again = a_step(StepKind.STAGE, 9, stage="parse", seconds=7, event="the same work done again")
    for store in (stores.one, stores.other):
        assert await add(store, document, *A_JOURNEY) == [False] * 5
        assert not await store.add(document, 1, again, None)
    (known,) = await stores.other.of_document(document)
    assert known.journey.steps == A_JOURNEY


async def test_of_the_same_step_the_earlier_counts(store: JourneyStore) -> None:
    document = new_document_id()
    late = a_step(StepKind.STAGE, 2, stage="parse", seconds=0.5, event="b")
    await add(store, document, RECEIVED, late)
    same_instant = a_step(StepKind.STAGE, 2, stage="parse", seconds=0.25, event="a")
    assert await store.add(document, 1, same_instant, None)
    assert not await store.add(document, 1, late, None)
    assert await store.add(document, 1, a_step(StepKind.STAGE, 1, stage="parse", seconds=0.125, event="c"), None)
    (known,) = await store.of_document(document)
    assert [step.seconds for step in known.journey.steps] == [None, 0.125]


async def test_failures_and_replays_are_told_apart_by_their_events(store: JourneyStore) -> None:
    document = new_document_id()
    cycle = [
        a_step(kind, 2 * turn + place, stage="search", detail="a bug", event=f"{turn}.{place}")
        for turn in range(2)
        for place, kind in enumerate((StepKind.DEAD_LETTERED, StepKind.REPLAYED), start=1)
    ]
    await add(store, document, RECEIVED, *cycle)
    assert await listed(store) == [(document, 1, State.PROCESSING)]
    await store.add(document, 1, a_step(StepKind.DEAD_LETTERED, 9, stage="search", detail="a bug"), None)
    assert await listed(store) == [(document, 1, State.FAILED)]
    (known,) = await store.of_document(document)
    assert len(known.journey.steps) == 6


async def test_any_order_and_any_process_leave_the_same_journeys(stores: Stores) -> None:
    documents = [new_document_id() for _ in range(4)]
    told = [
        (document, version, step, labels(document, version, name=f"{version}.txt") if step is RECEIVED else None)
        for document in documents
        for version in (1, 2, 3)
        for step in A_JOURNEY
    ] * 2
    random.Random(5).shuffle(told)
    await asyncio.gather(
        *(store.add(*one) for store, one in zip(itertools.cycle((stores.one, stores.other)), told, strict=False))
    )
    for document in documents:
        known = await stores.one.of_document(document)
        assert [(one.journey.version, one.is_newest) for one in known] == [(1, False), (2, False), (3, True)]
        assert {one.name for one in known} == {"3.txt"}
        assert all(one.journey.steps == A_JOURNEY for one in known)
    assert sorted(await listed(stores.other)) == sorted((document, 3, State.SEARCHABLE) for document in documents)
    assert await stores.one.count_finished(State.SEARCHABLE, AT, None) == 12


async def test_each_step_is_new_to_one_of_all_who_are_told_it_at_once(stores: Stores) -> None:
    document = new_document_id()
    added = await asyncio.gather(
        *(store.add(document, 1, step, None) for step in A_JOURNEY for store in (stores.one, stores.other) * 3)
    )
    assert sum(added) == len(A_JOURNEY)
    (known,) = await stores.one.of_document(document)
    assert known.journey.steps == A_JOURNEY


async def test_only_a_documents_newest_journey_is_listed_and_counted(store: JourneyStore) -> None:
    document = new_document_id()
    await add(store, document, *A_JOURNEY)
    await add(store, document, a_step(StepKind.RECEIVED, 60), version=2)
    assert await listed(store) == [(document, 2, State.RECEIVED)]
    assert await store.count_by_state(None) == {State.RECEIVED: 1}
    # A step of the older one comes late.
    assert await store.add(document, 1, a_step(StepKind.STAGE, 2.5, stage="chunk", seconds=0.5), None)
    assert not await store.add(document, 1, a_step(StepKind.STAGE, 2.5, stage="chunk", seconds=0.5), None)
    assert await listed(store) == [(document, 2, State.RECEIVED)]
    older, newest = await store.of_document(document)
    assert (older.is_newest, older.journey.state, len(older.journey.steps)) == (False, State.SEARCHABLE, 6)
    assert (newest.is_newest, newest.journey.version) == (True, 2)


async def test_the_newest_labels_count_whenever_they_come(store: JourneyStore) -> None:
    document = new_document_id()
    await store.label(labels(document, 2, name="second.txt"))
    assert await store.of_document(document) == []
    assert await listed(store) == []
    await add(store, document, RECEIVED)
    await store.label(labels(document, 2, name="late.txt"))
    assert [known.name for known in await store.of_document(document)] == ["second.txt"]
    await store.label(labels(document, 3, name="third.txt"))
    await store.add(document, 1, A_JOURNEY[1], None)
    assert [known.name for known in await store.of_document(document)] == ["third.txt"]
    # The withdrawal takes the name away.
    await store.add(document, 4, a_step(StepKind.WITHDRAWN, 9), labels(document, 4, name=None))
    assert [known.name for known in await store.of_document(document)] == [None, None]


async def test_a_journey_belongs_to_no_collection_until_its_document_is_named(store: JourneyStore) -> None:
    document = new_document_id()
    theirs = JourneyQuery(collections=frozenset(("theirs",)))
    for version in (1, 2):
        await store.add(document, version, a_step(StepKind.INDEXED, version), None)
    assert await store.collections_of([document]) == {}
    assert await listed(store, theirs) == []
    assert len(await listed(store)) == 1
    await store.add(document, 2, a_step(StepKind.RECEIVED), labels(document, 2, "theirs"))
    assert await listed(store, theirs) == [(document, 2, State.SEARCHABLE)]
    assert await store.count_finished(State.SEARCHABLE, AT, theirs.collections) == 2
    assert await store.collections_of([document, new_document_id()]) == {document: "theirs"}


async def test_pages_follow_one_another_by_start_without_gap_or_double(store: JourneyStore) -> None:
    documents = [new_document_id() for _ in range(7)]
    for number, document in enumerate(documents):
        # Some start at the same instant.
        await add(store, document, a_step(StepKind.RECEIVED, number // 3))
    seen: list[tuple[datetime, DocumentId]] = []
    after: tuple[str, str] | None = None
    while page := await store.newest(EVERYTHING, after=after, limit=2):
        seen += [(known.journey.started_at, known.journey.document_id) for _, known in page]
        after = page[-1][0]
    assert seen == sorted(seen, reverse=True)
    assert {document for _, document in seen} == set(documents)
    assert len(seen) == 7


async def test_filters_limit_together(store: JourneyStore) -> None:
    waiting, indexing, done, failed = (new_document_id() for _ in range(4))
    await add(store, waiting, RECEIVED)
    await add(store, indexing, a_step(StepKind.RECEIVED, 10), a_step(StepKind.PROCESSED, 20), collection="b")
    await add(store, done, *A_JOURNEY)
    await add(store, failed, RECEIVED, a_step(StepKind.FAILED, 30, stage="parse"), collection="b")

    async def found(**which: object) -> set[DocumentId]:
        return {document for document, _, _ in await listed(store, JourneyQuery(**which))}  # type: ignore[arg-type]  # the names are the query's own

    assert await found(states=UNFINISHED) == {waiting, indexing}
    assert await found(states=UNFINISHED, silent_since=AT + timedelta(seconds=20)) == {waiting}
    assert await found(states=UNFINISHED, not_waiting_for=frozenset(("process",))) == {indexing}
    assert await found(not_waiting_for=frozenset(("process", "search"))) == {done, failed}
    assert await found(collections=frozenset("b")) == {indexing, failed}
    assert await found(collections=frozenset("b"), states=frozenset((State.FAILED,))) == {failed}
    assert await found(collections=frozenset("b"), states=UNFINISHED, silent_since=AT) == set()
    assert await found(collections=frozenset()) == set()
    assert await store.count_by_state(None) == {
        State.RECEIVED: 1,
        State.PROCESSING: 1,
        State.SEARCHABLE: 1,
        State.FAILED: 1,
    }
    assert await store.count_by_state(frozenset("b")) == {State.PROCESSING: 1, State.FAILED: 1}


async def test_counts_what_finished_since_an_instant(store: JourneyStore) -> None:
    first, second = new_document_id(), new_document_id()
    await add(store, first, *A_JOURNEY)
    await add(store, second, RECEIVED, a_step(StepKind.INDEXED, 100), collection="b")
    assert await store.count_finished(State.SEARCHABLE, AT + timedelta(seconds=4), None) == 2
    assert await store.count_finished(State.SEARCHABLE, AT + timedelta(seconds=5), None) == 1
    assert await store.count_finished(State.SEARCHABLE, AT, frozenset("b")) == 1
    assert await store.count_finished(State.FAILED, AT, None) == 0


async def test_recent_tells_the_seconds_of_stages_and_of_whole_journeys(store: JourneyStore) -> None:
    document, reusing = new_document_id(), new_document_id()
    await add(store, document, *A_JOURNEY)
    await add(store, document, a_step(StepKind.RECEIVED, 50), version=2)
    await add(store, reusing, RECEIVED, a_step(StepKind.STAGE, 1, stage="parse", seconds=0.001, detail="reused"))
    recent = await store.recent(1000)
    assert recent.stage_seconds == {"parse": [0.5], "embed": [0.75], "index": [0.25]}
    assert list(recent.total_seconds) == [4.0]


async def test_the_past_is_forgotten_and_the_present_is_not(store: JourneyStore) -> None:
    living, gone, young = (new_document_id() for _ in range(3))
    await add(store, living, *A_JOURNEY)
    await add(store, living, a_step(StepKind.RECEIVED, 10), version=2)
    await add(store, living, a_step(StepKind.RECEIVED, 1000), version=3)
    await add(store, gone, *A_JOURNEY)
    withdrawn = (a_step(StepKind.WITHDRAWN, 20), a_step(StepKind.REMOVED, 21))
    await add(store, gone, *withdrawn, version=2)
    await add(store, young, a_step(StepKind.WITHDRAWN, 1000), a_step(StepKind.REMOVED, 1001))
    before = AT + timedelta(seconds=100)
    assert [await store.forget(before, 3), await store.forget(before, 3), await store.forget(before, 3)] == [3, 1, 0]
    assert [known.journey.version for known in await store.of_document(living)] == [3]
    assert await store.of_document(gone) == []
    assert await store.collections_of([living, gone, young]) == {living: "default", young: "default"}
    assert set(await listed(store)) == {(young, 1, State.WITHDRAWN), (living, 3, State.RECEIVED)}
    counts = await store.count_by_state(None)
    assert (counts.get(State.RECEIVED), counts.get(State.WITHDRAWN)) == (1, 1)
    # What comes late is kept as ever.
    assert await store.add(living, 1, A_JOURNEY[0], None)


async def test_behind_the_place_of_an_instant_come_those_that_started_before(store: JourneyStore) -> None:
    documents = [new_document_id() for _ in range(3)]
    for number, document in enumerate(documents):
        await store.add(document, 1, Step(StepKind.RECEIVED, AT + timedelta(seconds=number)), None)
    rows = await store.newest(EVERYTHING, after=store.place_of(AT + timedelta(seconds=1)), limit=10)
    assert [known.journey.document_id for _, known in rows] == documents[:1]


def silent_since(seconds: float) -> JourneyQuery:
    return JourneyQuery(UNFINISHED, silent_since=AT + timedelta(seconds=seconds))


async def test_progress_within_a_stage_ends_the_silence_and_is_no_step(stores: Stores) -> None:
    moving, still = new_document_id(), new_document_id()
    for document in (moving, still):
        await add(stores.one, document, RECEIVED)
    latest, older = (Progress(moving, 1, AT + timedelta(seconds=seconds)) for seconds in (300, 200))
    await stores.other.advance([latest, Progress(still, 1, AT + timedelta(seconds=100))])
    await stores.one.advance([older])
    await stores.one.advance([])
    for store in (stores.one, stores.other):
        assert await listed(store, silent_since(300)) == [(still, 1, State.RECEIVED)]
        assert {document for document, _, _ in await listed(store, silent_since(300.1))} == {moving, still}
        (known,) = await store.of_document(moving)
        assert (known.journey.steps, known.journey.last_event_at) == ((RECEIVED,), latest.at)


async def test_steps_that_come_after_progress_leave_it(stores: Stores) -> None:
    document = new_document_id()
    await add(stores.one, document, RECEIVED)
    await stores.other.advance([Progress(document, 1, AT + timedelta(seconds=300))])
    # It happened before, and is told late.
    await stores.one.add(document, 1, a_step(StepKind.STAGE, 5, stage="parse", seconds=1), None)
    assert await listed(stores.one, silent_since(300)) == []
    await stores.one.add(document, 1, a_step(StepKind.STAGE, 400, stage="ocr", seconds=1), None)
    assert await listed(stores.one, silent_since(400)) == []
    assert await listed(stores.one, silent_since(401)) == [(document, 1, State.PROCESSING)]


async def test_progress_is_of_one_version_and_begins_no_journey(store: JourneyStore) -> None:
    document, unknown = new_document_id(), new_document_id()
    await add(store, document, RECEIVED)
    await store.advance([Progress(document, 1, AT + timedelta(seconds=500)), Progress(unknown, 1, AT)])
    await add(store, document, a_step(StepKind.RECEIVED, 10), version=2)
    await store.advance([Progress(document, 1, AT + timedelta(seconds=600))])
    assert await listed(store, silent_since(100)) == [(document, 2, State.RECEIVED)]
    assert await store.of_document(unknown) == []
    await store.advance([Progress(document, 2, AT + timedelta(seconds=50))])
    assert await listed(store, silent_since(50)) == []
    assert await listed(store, silent_since(100)) == [(document, 2, State.RECEIVED)]
