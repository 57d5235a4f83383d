"""Writes that go together: each learns its own outcome, and none waits longer than one call."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from mongo_builders import a_mongo, a_mongo_door, settings_for_mongo
from servers.machine import free_ports

from shared.infrastructure.mongo.database import MongoCollection
from shared.infrastructure.mongo.grouped_writes import GroupedWrites
from shared.infrastructure.mongo.queries import Given, Query
from shared.infrastructure.mongo.row_memory import RowMemory
from shared.kernel import Unavailable

ONE = Query("things", {"_id": Given("id"), "number": Given("number")})
FIRST = Query("things", {"_id": Given("id")})


@pytest.fixture
async def things(tmp_path: Path) -> AsyncIterator[MongoCollection]:
    async with a_mongo(settings_for_mongo(tmp_path)) as door, door() as database:
        yield database.collection("things")


@pytest.mark.servers
async def test_each_of_many_at_once_learns_whether_it_was_done(things: MongoCollection) -> None:
    grouped = GroupedWrites(things)

    async def write(thing: int, number: int) -> bool:
        return await grouped.update(ONE, {"$set": {"number": number + 1}}, id=thing, number=number)

    assert all(await asyncio.gather(*(write(thing, 0) for thing in range(600))))
    assert await asyncio.gather(*(write(thing, thing % 2) for thing in range(20))) == [False, True] * 10
    row = await things.find_one(FIRST, id=1)
    assert row is not None
    assert row["number"] == 2


@pytest.mark.servers
async def test_a_change_of_what_is_not_there_inserts_nothing(things: MongoCollection) -> None:
    grouped = GroupedWrites(things)
    assert await grouped.update(FIRST, {"$set": {"number": 1}}, id="a")
    outcomes = await asyncio.gather(
        grouped.change(ONE, {"$set": {"seen": True}}, id="a", number=1),
        grouped.change(ONE, {"$unset": {"number": ""}, "$push": {"all": 1}}, id="a", number=2),
        grouped.change(FIRST, {"$set": {"number": 1}}, id="b"),
        grouped.update(FIRST, {"$set": {"number": 1}}, id="c"),
        grouped.change(FIRST, {"$inc": {"number": 1}}, id="c"),
    )
    assert list(outcomes) == [True, False, False, True, True]
    assert await things.find_one(FIRST, id="a") == {"_id": "a", "number": 1, "seen": True}
    assert await things.find_one(FIRST, id="b") is None
    assert await things.find_one(FIRST, id="c") == {"_id": "c", "number": 2}


@pytest.mark.servers
async def test_who_is_cancelled_takes_nobody_along(things: MongoCollection) -> None:
    grouped = GroupedWrites(things)
    writes = [asyncio.create_task(grouped.update(FIRST, {"$set": {"number": 1}}, id=thing)) for thing in range(3)]
    await asyncio.sleep(0)
    writes[1].cancel()
    outcomes = await asyncio.gather(*writes, return_exceptions=True)
    assert (outcomes[0], outcomes[2]) == (True, True)
    assert isinstance(outcomes[1], asyncio.CancelledError)
    assert await grouped.update(FIRST, {"$set": {"number": 2}}, id=0)


async def test_what_waits_behind_a_call_that_fails_fails_with_it(tmp_path: Path) -> None:
    (closed_port,) = free_ports(1)
    settings = settings_for_mongo(
        tmp_path, url=f"mongodb://127.0.0.1:{closed_port}/nothing", server_timeout_seconds=1.0
    )
    async with a_mongo_door(settings) as database:
        grouped = GroupedWrites(database.collection("things"))
        started = time.monotonic()
        writes = [asyncio.create_task(grouped.update(FIRST, {"$set": {"number": 1}}, id=0))]
        await asyncio.sleep(0.1)
        writes += [asyncio.create_task(grouped.update(FIRST, {"$set": {"number": 1}}, id=thing)) for thing in (1, 2)]
        outcomes = await asyncio.gather(*writes, return_exceptions=True)
        assert all(isinstance(outcome, Unavailable) for outcome in outcomes)
        assert time.monotonic() - started < 1.9


def test_remembers_what_was_asked_for_last() -> None:
    remembered = RowMemory[str](2)
    remembered.of(1).value = "one"
    remembered.of(2).value = "two"
    assert remembered.of(1).value == "one"
    remembered.of(3).value = "three"
    assert [remembered.of(key).value for key in (1, 3, 2)] == ["one", "three", None]
