"""A duty as its task sees it: one process goes on, another takes over, and nobody believes longer than the lease."""

from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
from duty_builders import Cut

from shared.infrastructure.sqlite.database import SqliteDatabase
from shared.infrastructure.sqlite.duties import SqliteDuties
from shared.kernel import Unavailable
from shared.ports.duties import DutyStore
from shared.runtime.duty import Duty


class HandTurned:
    """The clock of the store and of all processes."""

    seconds = 1000.0

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.seconds, UTC)


@pytest.fixture
def clock() -> HandTurned:
    return HandTurned()


@pytest.fixture
async def duties(tmp_path: Path, clock: HandTurned) -> AsyncIterator[DutyStore]:
    async with SqliteDatabase(tmp_path / "module.sqlite", SqliteDuties.SCHEMA) as database:
        yield SqliteDuties(database, clock=clock.now)


def a_duty(duties: DutyStore, clock: HandTurned) -> Duty:
    """Of a process of its own."""
    return Duty(duties, "module.duty", lease_seconds=30, monotonic=lambda: clock.seconds)


async def test_the_one_that_holds_it_goes_on_and_others_do_not(duties: DutyStore, clock: HandTurned) -> None:
    one, other = a_duty(duties, clock), a_duty(duties, clock)
    for _ in range(3):
        assert await one.hold()
        assert not await other.hold()


async def test_it_is_given_back_when_its_task_leaves(duties: DutyStore, clock: HandTurned) -> None:
    other = a_duty(duties, clock)
    with suppress(RuntimeError):
        async with a_duty(duties, clock) as one:
            assert await one.hold()
            raise RuntimeError("the task fell")
    assert await other.hold()
    await one.give_back()
    assert not await one.hold()


async def test_a_holder_that_goes_on_keeps_it_beyond_the_first_lease(duties: DutyStore, clock: HandTurned) -> None:
    one, other = a_duty(duties, clock), a_duty(duties, clock)
    for _ in range(40):
        assert await one.hold()
        clock.seconds += 9.9
        assert not await other.hold()


async def test_a_holder_that_stands_still_learns_before_its_next_step_that_it_lost(
    duties: DutyStore, clock: HandTurned
) -> None:
    one, other = a_duty(duties, clock), a_duty(duties, clock)
    assert await one.hold()
    clock.seconds += 29.9
    assert not await other.hold()
    clock.seconds += 0.2
    assert await other.hold()
    assert not await one.hold()


async def test_who_cannot_ask_believes_no_longer_than_its_lease(duties: DutyStore, clock: HandTurned) -> None:
    cut = Cut(duties)
    one, other = a_duty(cut, clock), a_duty(duties, clock)
    assert await one.hold()
    cut.is_away = True
    for _ in range(19):
        clock.seconds += 1
        assert await one.hold() and not await other.hold()
    # A third is left, for the step that was begun last.
    for _ in range(10):
        clock.seconds += 1.001
        with pytest.raises(Unavailable):
            await one.hold()
        assert not await other.hold()
    clock.seconds += 1
    assert await other.hold()
    cut.is_away = False
    assert not await one.hold()


async def test_who_still_has_the_lease_goes_on_after_an_absence(duties: DutyStore, clock: HandTurned) -> None:
    cut = Cut(duties)
    one, other = a_duty(cut, clock), a_duty(duties, clock)
    assert await one.hold()
    cut.is_away = True
    clock.seconds += 19
    assert await one.hold()
    cut.is_away = False
    assert await one.hold()
    clock.seconds += 29
    assert await one.hold() and not await other.hold()


async def test_a_lease_whose_grant_was_not_heard_is_given_back(duties: DutyStore, clock: HandTurned) -> None:
    cut = Cut(duties)
    one, other = a_duty(cut, clock), a_duty(duties, clock)
    cut.is_late = True
    with pytest.raises(Unavailable):
        await one.hold()
    assert not await other.hold()
    await one.give_back()
    assert await other.hold()


async def test_leaving_while_the_store_is_away_leaves_the_rest_to_the_lease(
    duties: DutyStore, clock: HandTurned
) -> None:
    cut = Cut(duties)
    other = a_duty(duties, clock)
    async with a_duty(cut, clock) as one:
        assert await one.hold()
        cut.is_away = True
    assert not await other.hold()
    clock.seconds += 30
    assert await other.hold()


async def test_who_opens_the_data_directory_takes_over_from_a_killed_process_at_once(tmp_path: Path) -> None:
    clock = HandTurned()
    async with SqliteDatabase(tmp_path / "module.sqlite", SqliteDuties.SCHEMA) as database:
        killed = SqliteDuties(database)
        assert await a_duty(killed, clock).hold()
        assert not await a_duty(killed, clock).hold()
    async with (
        SqliteDatabase(tmp_path / "module.sqlite", SqliteDuties.SCHEMA) as database,
        SqliteDuties(database) as duties,
    ):
        assert await a_duty(duties, clock).hold()
