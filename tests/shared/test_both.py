"""Two awaited side by side."""

import asyncio

import pytest

from shared.runtime.both import both


async def test_both_are_under_way_at_the_same_time() -> None:
    first, second = asyncio.Event(), asyncio.Event()

    async def one() -> str:
        first.set()
        await second.wait()
        return "one"

    async def other() -> int:
        await first.wait()
        second.set()
        return 2

    async with asyncio.timeout(5):
        assert await both(one(), other()) == ("one", 2)


async def test_the_first_ones_error_counts_though_the_second_fails_sooner() -> None:
    failed = asyncio.Event()

    async def first() -> None:
        await failed.wait()
        raise ValueError("first")

    async def second() -> None:
        failed.set()
        raise OSError("second")

    with pytest.raises(ValueError, match="first"):
        await both(first(), second())


async def test_who_is_cancelled_leaves_neither_behind() -> None:
    ended: list[str] = []
    begun = [asyncio.Event(), asyncio.Event()]

    async def forever(number: int) -> None:
        try:
            begun[number].set()
            await asyncio.Event().wait()
        finally:
            ended.append(str(number))

    task = asyncio.create_task(both(forever(0), forever(1)))
    for one in begun:
        await one.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert sorted(ended) == ["0", "1"]
