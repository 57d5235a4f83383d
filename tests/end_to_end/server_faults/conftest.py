"""One fleet and one house for all faults: each finds them well, and leaves them so."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from end_to_end.server_faults.fleet import Fleet, a_fleet
from end_to_end.server_faults.house import House, a_house


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def fleet(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Fleet]:
    async with a_fleet(tmp_path_factory.mktemp("servers")) as fleet:
        yield fleet


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(fleet: Fleet, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    with a_house(tmp_path_factory.mktemp("house"), fleet.settings) as house:
        yield house
