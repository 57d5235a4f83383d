"""Many uploads of one name at once: in order, without doing the same work again and again, and with an end."""

import asyncio

import pytest
from ingest_builders import AnIngest
from sqlite_planner import WATCHING

from ingest.application.turns import Turns
from shared.kernel import Unavailable


async def upload_at_once(ingest: AnIngest, name: str, count: int) -> list[int]:
    """So many revisions of one name; the revision that each became."""

    async def upload(one: int) -> int:
        # On a busy machine some wait for too long, and are told to come again.
        while (answer := await ingest.put(name, f"{name} {one}".encode())).status_code == 503:
            assert answer.json()["code"] == "busy", answer.text
        assert answer.status_code == 202, answer.text
        revision: int = answer.json()["revision"]
        return revision

    return await asyncio.gather(*map(upload, range(count)))


async def test_many_of_one_name_at_once_are_its_revisions(ingest: AnIngest) -> None:
    assert sorted(await upload_at_once(ingest, "a.txt", 40)) == list(range(1, 41))


async def test_each_of_many_costs_what_each_of_few_does(ingest: AnIngest) -> None:
    costs = {}
    for count in (5, 60):
        with WATCHING.counting() as steps:
            await upload_at_once(ingest, f"{count}.txt", count)
        costs[count] = steps[0] / count
    # The first of a name finds less than those behind it.
    assert costs[60] < 2 * costs[5]


async def test_turns_come_in_order_and_others_do_not_wait() -> None:
    turns = Turns(longest_wait_seconds=10)
    order: list[object] = []

    async def one(number: int) -> None:
        async with turns.turn("a", ("bytes", number % 2)):
            order.append(number)
            await asyncio.sleep(0)
            order.append(number)

    async with turns.turn("b"):
        await asyncio.gather(*(one(number) for number in range(8)))
    assert order == [number for number in range(8) for _ in range(2)]


async def test_who_would_wait_too_long_is_told_to_come_again() -> None:
    turns = Turns(longest_wait_seconds=0.01)
    async with turns.turn("a"):
        with pytest.raises(Unavailable) as refused:
            async with turns.turn("b", "a"):
                pytest.fail("somebody else has it")
        # What it had meanwhile is free again.
        async with turns.turn("b"):
            pass
    assert refused.value.retry_after_seconds >= 1
    async with turns.turn("a"):
        pass
