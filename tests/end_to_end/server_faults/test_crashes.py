"""Processes of Seoga die, come and leave under load: nothing is lost, nothing is there twice, nobody helps."""

import asyncio
import signal
import time

import pytest
from end_to_end.server_faults.checks import (
    answered_in_time,
    everything_searchable,
    nothing_lost_and_nothing_twice,
    quiet,
    slowest,
    well,
)
from end_to_end.server_faults.fleet import LONG_SECONDS, SHORT_SECONDS, Fleet
from end_to_end.server_faults.house import House
from end_to_end.server_faults.load import Load, Note, a_load, new_notes

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.xdist_group("server_faults"),
]
_SHORT = [pytest.mark.servers, pytest.mark.timeout(240)]
_LONG = [pytest.mark.chaos_servers, pytest.mark.timeout(600)]
_BURST = 60


async def _burst(load: Load) -> None:
    """More than the workers have done by the time one of them dies."""
    notes: list[Note] = new_notes(_BURST)
    for first in range(0, _BURST, 10):
        await asyncio.gather(*(load.upload(note) for note in notes[first : first + 10]))


@pytest.mark.servers
@pytest.mark.timeout(240)
async def test_a_worker_that_is_killed_leaves_its_work_to_the_others(house: House) -> None:
    with house.telling():
        async with a_load(house.url, "killed-worker") as load:
            await well(house, load)
            async with load.running():
                await _burst(load)
                victim = house.workers[0]
                killed_at = time.monotonic()
                await asyncio.to_thread(house.remove_worker, victim, signal.SIGKILL)
                await asyncio.to_thread(house.add_worker)
                await asyncio.sleep(3)
            # What the dead one had claimed is free after its lease, and its lanes after its session: 30 s each.
            done_at = await everything_searchable(load)
            print(f"worker killed: everything searchable {done_at - killed_at:.1f} s later ({slowest(load)})")
            answered_in_time(load, fault_at=killed_at)
            await nothing_lost_and_nothing_twice(house, load)
            await well(house, load)
            quiet(house, killed_at, done_at)


@pytest.mark.parametrize(
    "seconds", [pytest.param(SHORT_SECONDS, marks=_SHORT), pytest.param(LONG_SECONDS, marks=_LONG)]
)
async def test_workers_that_come_and_leave_while_kafka_is_away_lose_nothing(
    house: House, fleet: Fleet, seconds: float
) -> None:
    """The group is cut off in the middle of coming together anew."""
    with house.telling():
        async with a_load(house.url, f"rebalance-{seconds:.0f}") as load:
            await well(house, load)
            async with load.running():
                await _burst(load)
                joining = asyncio.create_task(asyncio.to_thread(house.add_worker))
                # It listens before it has joined its group.
                await joining
                cut_at = time.monotonic()
                await fleet.strike("kafka", "cut")
                leaving = asyncio.create_task(asyncio.to_thread(house.remove_worker, house.workers[0]))
                await asyncio.sleep(seconds)
                await fleet.heal("kafka")
                healed_at = time.monotonic()
                assert await leaving == 0
                await asyncio.sleep(3)
            done_at = await everything_searchable(load)
            after = done_at - healed_at
            print(f"rebalance cut off: everything searchable {after:.1f} s after Kafka's return ({slowest(load)})")
            answered_in_time(load, fault_at=cut_at)
            await nothing_lost_and_nothing_twice(house, load)
            await well(house, load)
            quiet(house, cut_at, done_at)


@pytest.mark.servers
@pytest.mark.timeout(240)
async def test_the_api_is_killed_and_started_again(house: House) -> None:
    with house.telling():
        async with a_load(house.url, "killed-api") as load:
            await well(house, load)
            async with load.running():
                await _burst(load)
                killed_at = time.monotonic()
                await asyncio.to_thread(house.kill_api)
                await asyncio.sleep(1)
                await asyncio.to_thread(house.start_api)
                listens_at = time.monotonic()
                await asyncio.sleep(3)
            done_at = await everything_searchable(load)
            after = done_at - listens_at
            print(f"api killed: everything searchable {after:.1f} s after it listened again ({slowest(load)})")
            answered_in_time(load, fault_at=killed_at, api_away=(killed_at, listens_at))
            await nothing_lost_and_nothing_twice(house, load)
            await well(house, load)
            quiet(house, killed_at, done_at)
