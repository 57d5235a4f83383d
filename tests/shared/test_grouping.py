"""Calls that go together: everyone gets an answer from a call that began after the question."""

import asyncio
import time
from collections.abc import Sequence

import pytest

from builders import eventually
from shared.kernel import Unavailable
from shared.runtime.grouping import GroupedCalls


class Server:
    """Answers with the items doubled, once it may."""

    def __init__(self) -> None:
        self.calls: list[list[int]] = []
        self.error: Exception | None = None
        self.may_answer = asyncio.Event()

    async def double(self, items: Sequence[int]) -> Sequence[int]:
        self.calls.append(list(items))
        await self.may_answer.wait()
        if self.error is not None:
            error, self.error = self.error, None
            raise error
        return [item * 2 for item in items]


async def test_what_comes_during_a_call_goes_with_the_next() -> None:
    server = Server()
    grouped = GroupedCalls(server.double, name="double")
    first = [asyncio.create_task(grouped.ask(item)) for item in (1, 2)]
    await eventually(lambda: bool(server.calls))
    later = [asyncio.create_task(grouped.ask(item)) for item in (3, 4)]
    await asyncio.sleep(0)
    later[0].cancel()
    server.may_answer.set()
    assert await asyncio.gather(*first, later[1]) == [2, 4, 8]
    assert server.calls == [[1, 2], [3, 4]]
    assert await grouped.ask(5) == 10


async def test_no_more_go_together_than_may_but_a_large_one_goes_alone() -> None:
    server = Server()
    server.may_answer.set()
    grouped = GroupedCalls(server.double, name="double", most=5, size_of=lambda item: item)
    assert await asyncio.gather(*(grouped.ask(item) for item in (2, 3, 1, 9, 4))) == [4, 6, 2, 18, 8]
    assert server.calls == [[2, 3], [1], [9], [4]]


@pytest.mark.parametrize("error", [Unavailable("away"), ValueError("wrong")])
async def test_who_waits_behind_a_call_fails_with_it_only_when_the_server_is_away(error: Exception) -> None:
    server = Server()
    grouped = GroupedCalls(server.double, name="double")
    first = asyncio.create_task(grouped.ask(1))
    await eventually(lambda: bool(server.calls))
    second = asyncio.create_task(grouped.ask(2))
    await asyncio.sleep(0)
    server.error = error
    server.may_answer.set()
    outcomes: list[object] = list(await asyncio.gather(first, second, return_exceptions=True))
    assert outcomes == ([error, error] if isinstance(error, Unavailable) else [error, 4])
    assert await grouped.ask(3) == 6


async def test_several_at_a_time_leave_time_for_more_to_gather_and_one_alone_does_not_wait() -> None:
    server = Server()
    server.may_answer.set()
    patient = GroupedCalls(server.double, name="double", gathering_seconds=60)
    async with asyncio.timeout(20):
        assert [await patient.ask(item) for item in (1, 2)] == [2, 4]
        assert list(await asyncio.gather(patient.ask(3), patient.ask(4))) == [6, 8]
    assert server.calls == [[1], [2], [3, 4]]
    server.calls.clear()
    grouped = GroupedCalls(server.double, name="double", gathering_seconds=0.2)
    await asyncio.gather(grouped.ask(3), grouped.ask(4))
    started = time.monotonic()
    later = asyncio.create_task(grouped.ask(5))
    await asyncio.sleep(0.05)
    assert list(await asyncio.gather(later, grouped.ask(6))) == [10, 12]
    assert time.monotonic() - started >= 0.2
    assert server.calls == [[3, 4], [5, 6]]


async def test_a_late_call_is_not_waited_for_but_only_four_are_under_way() -> None:
    server = Server()
    grouped = GroupedCalls(server.double, name="double", late_seconds=0.01)
    asked: list[asyncio.Task[int]] = []
    for number in range(4):
        asked.append(asyncio.create_task(grouped.ask(number)))
        await eventually(lambda: len(server.calls) == len(asked))
    # No fifth, however long these take.
    asked += [asyncio.create_task(grouped.ask(number)) for number in (4, 5)]
    await asyncio.sleep(0.1)
    assert len(server.calls) == 4
    server.may_answer.set()
    assert list(await asyncio.gather(*asked)) == [0, 2, 4, 6, 8, 10]
    assert server.calls == [[0], [1], [2], [3], [4, 5]]


async def test_a_call_that_is_not_late_is_waited_for() -> None:
    server = Server()
    grouped = GroupedCalls(server.double, name="double", late_seconds=60)
    asked = [asyncio.create_task(grouped.ask(1))]
    await eventually(lambda: bool(server.calls))
    asked += [asyncio.create_task(grouped.ask(number)) for number in (2, 3)]
    await asyncio.sleep(0)
    server.may_answer.set()
    assert list(await asyncio.gather(*asked)) == [2, 4, 6]
    assert server.calls == [[1], [2, 3]]


@pytest.mark.parametrize("late_seconds", [None, 0.01])
async def test_closing_cancels_the_calls_and_who_waits(late_seconds: float | None) -> None:
    server = Server()
    grouped = GroupedCalls(server.double, name="double", late_seconds=late_seconds)
    first = asyncio.create_task(grouped.ask(1))
    await eventually(lambda: bool(server.calls))
    second = asyncio.create_task(grouped.ask(2))
    await eventually(lambda: len(server.calls) == (1 if late_seconds is None else 2))
    await grouped.close()
    outcomes = await asyncio.gather(first, second, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [asyncio.CancelledError] * 2
