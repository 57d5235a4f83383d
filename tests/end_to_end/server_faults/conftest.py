"""One fleet and one house for all faults: each finds them well; after a failure the next gets a new house."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack

import pytest
import pytest_asyncio
from end_to_end.server_faults.fleet import Fleet, a_fleet
from end_to_end.server_faults.house import House, a_house


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def fleet(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Fleet]:
    async with a_fleet(tmp_path_factory.mktemp("servers")) as fleet:
        yield fleet


class _Street:
    """One house at a time. Its processes reach the servers by proxies in this thread, which therefore never waits."""

    def __init__(self, fleet: Fleet, folders: pytest.TempPathFactory) -> None:
        self._fleet = fleet
        self._folders = folders
        self._stack = ExitStack()
        self._house: House | None = None

    async def house(self) -> House:
        if self._house is None or self._house.is_spoilt:
            await self.leave()
            for name in self._fleet.names:
                await self._fleet.heal(name)
            new = a_house(self._folders.mktemp("house"), self._fleet.settings)
            self._house = await asyncio.to_thread(self._stack.enter_context, new)
        return self._house

    async def leave(self) -> None:
        await asyncio.to_thread(self._stack.close)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def street(fleet: Fleet, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[_Street]:
    street = _Street(fleet, tmp_path_factory)
    yield street
    await street.leave()


@pytest_asyncio.fixture(loop_scope="module")
async def house(street: _Street) -> House:
    return await street.house()
