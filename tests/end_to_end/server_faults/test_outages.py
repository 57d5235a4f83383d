"""Each server goes away under load and comes back: uploads are accepted or refused cleanly, nothing is lost."""

import pytest
from end_to_end.server_faults.fleet import FAULTS, LONG_SECONDS, SHORT_SECONDS, Fault, Fleet
from end_to_end.server_faults.house import House
from end_to_end.server_faults.outage import endure
from servers import Name

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("server_faults")]


async def _goes_and_comes_back(house: House, fleet: Fleet, name: Name, fault: Fault, seconds: float) -> None:
    if name not in fleet.names:
        pytest.skip(f"there is no {name} here")
    recovery = await endure(house, fleet, name, fault, seconds, f"{name}-{fault}".replace(" ", "-"))
    print(f"{name} {fault} for {seconds:.0f} s: {recovery}")


@pytest.mark.servers
@pytest.mark.timeout(240)
@pytest.mark.parametrize(
    ("name", "fault"),
    [("kafka", "black hole"), ("mongo", "killed"), ("mongo", "slow"), ("redis", "cut"), ("qdrant", "black hole")],
)
async def test_ten_seconds_without_a_server_lose_nothing(house: House, fleet: Fleet, name: Name, fault: Fault) -> None:
    await _goes_and_comes_back(house, fleet, name, fault, SHORT_SECONDS)


@pytest.mark.chaos_servers
@pytest.mark.timeout(600)
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("name", ["kafka", "mongo", "redis", "qdrant"])
async def test_a_minute_without_a_server_loses_nothing(house: House, fleet: Fleet, name: Name, fault: Fault) -> None:
    await _goes_and_comes_back(house, fleet, name, fault, LONG_SECONDS)
