"""Small files pass large ones, large ones come too, and nothing is lost with a caller that goes."""

import asyncio
from collections.abc import Sequence

import pytest

from process.infrastructure.turns import Turns

KIB, MIB = 1 << 10, 1 << 20


class _Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class _Reading:
    """Callers that read until they are told to end; `begun` has their sizes in the order in which they began."""

    def __init__(self, turns: Turns) -> None:
        self.turns = turns
        self.begun: list[int] = []
        self.tasks: list[asyncio.Task[None]] = []
        self._ends: list[asyncio.Event] = []

    async def come(self, *sizes: int) -> Sequence[int]:
        for size in sizes:
            self._ends.append(asyncio.Event())
            self.tasks.append(asyncio.create_task(self._read(size, self._ends[-1])))
        return await self._seen()

    async def end(self, number: int) -> Sequence[int]:
        self._ends[number].set()
        return await self._seen()

    async def cancel(self, number: int) -> Sequence[int]:
        self.tasks[number].cancel()
        await asyncio.gather(self.tasks[number], return_exceptions=True)
        return await self._seen()

    async def _seen(self) -> Sequence[int]:
        for _ in range(5):
            await asyncio.sleep(0)
        return self.begun

    async def _read(self, size: int, end: asyncio.Event) -> None:
        async with self.turns.turn(size):
            self.begun.append(size)
            await end.wait()


async def test_large_files_leave_a_place_to_the_others() -> None:
    reading = _Reading(Turns(2))
    assert await reading.come(9 * MIB, 8 * MIB) == [9 * MIB]
    assert await reading.come(KIB) == [9 * MIB, KIB]
    assert await reading.end(2) == [9 * MIB, KIB]
    assert await reading.end(0) == [9 * MIB, KIB, 8 * MIB]


async def test_a_large_file_is_read_where_there_is_one_place() -> None:
    assert await _Reading(Turns(1)).come(9 * MIB) == [9 * MIB]


async def test_the_small_ones_pass_and_who_has_waited_long_comes_all_the_same() -> None:
    clock = _Clock()
    reading = _Reading(Turns(1, clock=clock))
    await reading.come(1, 500 * KIB, 2)
    assert await reading.end(0) == [1, 2]
    clock.now = 0.4
    await reading.come(3)
    clock.now = 0.6
    await reading.come(4)
    assert await reading.end(2) == [1, 2, 3]
    assert await reading.end(3) == [1, 2, 3, 500 * KIB]
    assert await reading.end(1) == [1, 2, 3, 500 * KIB, 4]


@pytest.mark.parametrize("who", [0, 1, 2], ids=["who reads", "who is next", "who waits"])
async def test_who_is_cancelled_costs_no_place(who: int) -> None:
    reading = _Reading(Turns(1))
    await reading.come(1, 2, 3)
    await reading.cancel(who)
    for number in range(3):
        await reading.end(number)
    assert sorted(reading.begun) == [size for size in (1, 2, 3) if size != who + 1 or who == 0]
    assert await reading.come(4) == [*reading.begun[:-1], 4]


async def test_a_turn_that_comes_with_the_cancellation_is_passed_on() -> None:
    reading = _Reading(Turns(1))
    await reading.come(1, 2, 3)
    reading.tasks[1].cancel()
    assert await reading.end(0) == [1, 3]
