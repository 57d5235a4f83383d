"""The rules of journeys, without any store."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.domain.journey import Journey, State, Step, StepKind, is_stuck, percentile
from shared.kernel import DocumentId

AT = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
DOCUMENT = DocumentId("3f0c8b9e-0000-4000-8000-000000000001")


def a_step(
    kind: StepKind, at_seconds: float, *, stage: str = "", seconds: float | None = None, detail: str = ""
) -> Step:
    instant = AT + timedelta(seconds=at_seconds)
    return Step(kind, instant, stage=stage, seconds=seconds, detail=detail, event_id=f"{kind}-{at_seconds}")


RECEIVED = a_step(StepKind.RECEIVED, 0)
PARSED = a_step(StepKind.STAGE, 2, stage="parse", seconds=1.5)
CHUNKED = a_step(StepKind.STAGE, 3, stage="chunk", seconds=0.5)
EMBEDDED = a_step(StepKind.STAGE, 5, stage="embed", seconds=2.0)
PROCESSED = a_step(StepKind.PROCESSED, 5.5)
INDEXED = a_step(StepKind.INDEXED, 6, seconds=0.25)
WHOLE = (RECEIVED, PARSED, CHUNKED, EMBEDDED, PROCESSED, INDEXED)
FAILED = a_step(StepKind.FAILED, 2, stage="parse", detail="encrypted")
BURIED = a_step(StepKind.DEAD_LETTERED, 4, stage="search", detail="a bug")
REPLAYED = a_step(StepKind.REPLAYED, 9, stage="search")
BURIED_AGAIN = a_step(StepKind.DEAD_LETTERED, 12, stage="search", detail="still a bug")
WITHDRAWN = a_step(StepKind.WITHDRAWN, 20)
REMOVED = a_step(StepKind.REMOVED, 21)


def journey(*steps: Step, progress_seconds: float | None = None) -> Journey:
    progress_at = None if progress_seconds is None else AT + timedelta(seconds=progress_seconds)
    return Journey.of(DOCUMENT, 1, steps, progress_at)


def test_tells_the_time_of_each_stage_and_of_the_whole() -> None:
    whole = journey(*WHOLE)
    assert whole.stage_seconds == {"parse": 1.5, "chunk": 0.5, "embed": 2.0, "index": 0.25}
    assert whole.total_seconds == 6.0
    assert [timed.elapsed_seconds for timed in whole.timed_steps] == [0, 2, 1, 2, 0.5, 0.5]


def test_first_pages_are_steps_of_the_whole_which_is_still_waited_for() -> None:
    some, more = (
        a_step(StepKind.EARLY, 30, detail="32 of 200 pages"),
        a_step(StepKind.EARLY, 60, detail="64 of 200 pages"),
    )
    reading = journey(RECEIVED, some, more, a_step(StepKind.EARLY, 90, detail="64 of 200 pages"))
    assert [step.detail for step in reading.steps] == ["", "32 of 200 pages", "64 of 200 pages"]
    assert (reading.state, reading.waits_for, reading.last_event_at) == (State.PROCESSING, "process", more.occurred_at)
    assert journey(*WHOLE, a_step(StepKind.EARLY, 7, detail="64 of 200 pages")).state is State.SEARCHABLE


@pytest.mark.parametrize(
    ("steps", "state", "waits_for"),
    [
        ((RECEIVED,), State.RECEIVED, "process"),
        ((RECEIVED, PARSED), State.PROCESSING, "process"),
        ((RECEIVED, PARSED, PROCESSED), State.PROCESSING, "search"),
        (WHOLE, State.SEARCHABLE, None),
        ((RECEIVED, FAILED), State.FAILED, None),
        ((RECEIVED, PROCESSED, BURIED), State.FAILED, None),
        ((RECEIVED, BURIED, REPLAYED), State.PROCESSING, "process"),
        ((RECEIVED, BURIED, REPLAYED, BURIED_AGAIN), State.FAILED, None),
        ((RECEIVED, BURIED, REPLAYED, PROCESSED, INDEXED), State.SEARCHABLE, None),
        ((WITHDRAWN,), State.WITHDRAWING, "search"),
        ((WITHDRAWN, REMOVED), State.WITHDRAWN, None),
    ],
)
def test_the_state_follows_from_the_steps(steps: tuple[Step, ...], state: State, waits_for: str | None) -> None:
    assert journey(*steps).state is state
    assert journey(*steps).waits_for == waits_for


@given(st.permutations([*WHOLE, BURIED, REPLAYED, PARSED, INDEXED]))
def test_the_order_of_arrival_and_doubles_change_nothing(steps: list[Step]) -> None:
    assert journey(*steps) == journey(*WHOLE, BURIED, REPLAYED)


def test_work_done_again_after_a_crash_keeps_its_first_instant() -> None:
    again = a_step(StepKind.STAGE, 60, stage="parse", seconds=0.0, detail="reused")
    assert journey(RECEIVED, again, PARSED).steps == (RECEIVED, PARSED)


def test_says_why_it_failed() -> None:
    problem = journey(RECEIVED, BURIED, REPLAYED, BURIED_AGAIN).problem
    assert problem is not None
    assert (problem.stage, problem.detail) == ("search", "still a bug")
    assert journey(*WHOLE).problem is None


def test_is_stuck_when_nothing_was_heard_for_too_long() -> None:
    on_its_way = journey(RECEIVED, PARSED)
    assert not is_stuck(on_its_way, now=AT + timedelta(seconds=122), after_seconds=120)
    assert is_stuck(on_its_way, now=AT + timedelta(seconds=122.1), after_seconds=120)
    assert not is_stuck(journey(*WHOLE), now=AT + timedelta(days=1), after_seconds=120)


def test_progress_within_a_stage_is_a_sign_of_life_and_no_step() -> None:
    reading = journey(RECEIVED, progress_seconds=3600)
    assert reading.steps == (RECEIVED,)
    assert reading.state is State.RECEIVED
    assert not is_stuck(reading, now=AT + timedelta(seconds=3720), after_seconds=120)
    assert is_stuck(reading, now=AT + timedelta(seconds=3720.1), after_seconds=120)
    # Progress that was told late takes nothing from what came after it.
    parsed = journey(RECEIVED, PARSED, progress_seconds=1)
    assert parsed.last_event_at == PARSED.occurred_at


def test_is_not_stuck_while_the_module_it_waits_for_works_through_its_queue() -> None:
    late = AT + timedelta(hours=1)
    assert not is_stuck(journey(RECEIVED), now=late, after_seconds=120, busy={"process"})
    assert is_stuck(journey(RECEIVED), now=late, after_seconds=120, busy={"search"})


def test_a_journey_without_steps_is_no_journey() -> None:
    with pytest.raises(ValueError, match="at least one step"):
        journey()


def test_percentiles_are_of_the_nearest_rank() -> None:
    samples = [float(number) for number in range(1, 101)]
    assert percentile(samples, 0.5) == 50
    assert percentile(samples, 0.95) == 95
    assert percentile([7.0], 0.95) == 7
    assert percentile([], 0.5) is None
