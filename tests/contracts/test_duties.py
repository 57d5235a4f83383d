"""The promises of DutyStore, on every adapter."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from builders import eventually
from shared.infrastructure.sqlite.database import SqliteDatabase
from shared.infrastructure.sqlite.duties import SqliteDuties
from shared.ports.duties import DutyStore

NAME = "search.sweep"

OpenDuties = Callable[[], AbstractAsyncContextManager[DutyStore]]


@asynccontextmanager
async def sqlite_duties(folder: Path) -> AsyncIterator[OpenDuties]:
    @asynccontextmanager
    async def open_it() -> AsyncIterator[DutyStore]:
        # Not entered: that says that this process is alone with the file, and here several are not.
        async with SqliteDatabase(folder / "module.sqlite", SqliteDuties.SCHEMA) as database:
            yield SqliteDuties(database)

    yield open_it


@asynccontextmanager
async def mongo_duties(folder: Path) -> AsyncIterator[OpenDuties]:
    # Imported here: without a server nobody needs the driver.
    from mongo_builders import a_mongo, settings_for_mongo

    from shared.infrastructure.mongo.duties import MongoDuties

    async with a_mongo(settings_for_mongo(folder)) as door:

        @asynccontextmanager
        async def open_it() -> AsyncIterator[DutyStore]:
            async with door() as database:
                yield MongoDuties(database, "search")

        yield open_it


@pytest.fixture(
    params=[
        pytest.param(sqlite_duties, id="sqlite"),
        pytest.param(mongo_duties, id="mongodb", marks=pytest.mark.servers),
    ]
)
async def open_duties(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[OpenDuties]:
    """Opens the store; each that is open at the same time is like another process's."""
    async with request.param(tmp_path) as opener:
        yield opener


@pytest.fixture
async def duties(open_duties: OpenDuties) -> AsyncIterator[DutyStore]:
    async with open_duties() as opened:
        yield opened


async def take(duties: DutyStore, owner: str, *, name: str = NAME, lease_seconds: float = 60) -> bool:
    return await duties.take(name, owner=owner, lease_seconds=lease_seconds)


async def test_a_duty_has_one_holder(duties: DutyStore) -> None:
    assert await take(duties, "one")
    assert not await take(duties, "other")
    assert await take(duties, "one")
    assert not await take(duties, "other")


async def test_duties_of_other_names_are_free(duties: DutyStore) -> None:
    assert await take(duties, "one")
    assert await take(duties, "other", name="search.renew")
    assert not await take(duties, "one", name="search.renew")


async def test_of_many_that_take_at_one_moment_one_holds_it(open_duties: OpenDuties) -> None:
    async with AsyncExitStack() as stack:
        processes = [await stack.enter_async_context(open_duties()) for _ in range(3)]
        for turn in range(5):
            name = f"search.turn{turn}"
            owners = [(process, f"{place}-{number}") for place, process in enumerate(processes) for number in range(4)]
            taken = await asyncio.gather(*(take(process, owner, name=name) for process, owner in owners))
            assert sum(taken) == 1


async def test_of_many_that_take_what_has_ended_one_holds_it(open_duties: OpenDuties) -> None:
    async with AsyncExitStack() as stack:
        processes = [await stack.enter_async_context(open_duties()) for _ in range(3)]
        assert await take(processes[0], "gone", lease_seconds=0.01)
        await asyncio.sleep(0.05)
        taken = await asyncio.gather(*(take(process, f"{place}") for place, process in enumerate(processes)))
        assert sum(taken) == 1
        assert not await take(processes[0], "gone")


async def test_a_holder_that_is_gone_is_replaced_when_its_lease_ends(open_duties: OpenDuties) -> None:
    async with open_duties() as one, open_duties() as other:
        asked_at = time.time()
        assert await take(one, "one", lease_seconds=0.3)
        ends_at = time.time() + 0.3
        while not await take(other, "other"):
            assert time.time() < ends_at + 10
            await asyncio.sleep(0.01)
        assert time.time() >= asked_at + 0.3
        assert not await take(one, "one")


async def test_a_lease_that_is_renewed_goes_on(duties: DutyStore) -> None:
    assert await take(duties, "one", lease_seconds=0.05)
    assert await take(duties, "one")
    await asyncio.sleep(0.1)
    assert not await take(duties, "other")


async def test_a_lease_can_be_made_shorter(duties: DutyStore) -> None:
    assert await take(duties, "one")
    assert await take(duties, "one", lease_seconds=0.01)
    assert await eventually(lambda: take(duties, "other"))


async def test_what_was_given_back_is_free_at_once(open_duties: OpenDuties) -> None:
    async with open_duties() as one, open_duties() as other:
        assert await take(one, "one")
        await one.give_back(NAME, owner="one")
        assert await take(other, "other")
        assert not await take(one, "one")


async def test_only_its_holder_gives_a_duty_back(duties: DutyStore) -> None:
    await duties.give_back(NAME, owner="other")
    assert await take(duties, "one")
    await duties.give_back(NAME, owner="other")
    assert not await take(duties, "other")


async def test_a_duty_that_was_lost_cannot_be_given_back(duties: DutyStore) -> None:
    assert await take(duties, "gone", lease_seconds=0.01)
    assert await eventually(lambda: take(duties, "one"))
    await duties.give_back(NAME, owner="gone")
    assert not await take(duties, "other")


async def test_leases_survive_a_restart_of_the_store(open_duties: OpenDuties) -> None:
    async with open_duties() as duties:
        assert await take(duties, "one")
    async with open_duties() as duties:
        assert not await take(duties, "other")
        assert await take(duties, "one")
