"""Events are left to come together while many come, and only then."""

from shared.runtime.received import Gathering


def test_few_events_wait_for_nobody_and_many_wait_for_one_another() -> None:
    now = [0.0]
    gathering = Gathering(0.5, many=100, clock=lambda: now[0])
    assert gathering.pause(99) == 0
    assert gathering.pause(1) == 0.5
    now[0] = 1.1
    assert gathering.pause(1) == 0.5  # the second before was a busy one
    now[0] = 2.2
    assert gathering.pause(1) == 0
    assert gathering.pause(128) == 0.5
    now[0] = 60.0
    assert gathering.pause(1) == 0


def test_who_gathers_not_at_all_never_waits() -> None:
    assert Gathering(0.0).pause(10_000) == 0


def test_a_longer_gathering_goes_on_as_long_as_so_many_come_in_each() -> None:
    now = [0.0]
    gathering = Gathering(2.0, many=50, clock=lambda: now[0])
    assert [gathering.pause(60), gathering.pause(60)] == [0.0, 2.0]
    for _ in range(3):
        now[0] += 2.1
        assert gathering.pause(110) == 2.0
    now[0] += 2.1
    gathering.pause(10)
    now[0] += 2.1
    assert gathering.pause(10) == 0.0
