"""How many documents pass each step of their way, of the last five minutes."""

import pytest

from monitor.application.passing import STEPS, Passing


class Clock:
    """Seconds that a test sets."""

    def __init__(self) -> None:
        self.seconds = 1_000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def passing(clock: Clock) -> Passing:
    return Passing(clock)


def test_each_step_is_told_in_the_order_of_the_way(passing: Passing) -> None:
    assert passing.per_minute() == dict.fromkeys(("received", "parse", "ocr", "chunk", "embed", "index"), 0.0)
    assert tuple(passing.per_minute()) == STEPS


def test_what_passed_counts_for_five_minutes(passing: Passing, clock: Clock) -> None:
    for _ in range(10):
        passing.passed("parse")
    clock.seconds += 150
    for _ in range(5):
        passing.passed("parse")
    passing.passed("embed")
    assert (passing.per_minute()["parse"], passing.per_minute()["embed"]) == (3.0, 0.2)
    clock.seconds += 149
    assert passing.per_minute()["parse"] == 3.0
    clock.seconds += 1
    assert passing.per_minute()["parse"] == 1.0
    clock.seconds += 150
    assert passing.per_minute() == dict.fromkeys(STEPS, 0.0)


def test_a_long_time_leaves_no_more_than_five_minutes(passing: Passing, clock: Clock) -> None:
    for _ in range(10_000):
        clock.seconds += 1
        passing.passed("chunk")
    assert passing.per_minute()["chunk"] == pytest.approx(60, abs=1)


def test_a_step_of_a_newer_seoga_is_passed_over(passing: Passing) -> None:
    passing.passed("translate")
    assert passing.per_minute() == dict.fromkeys(STEPS, 0.0)
