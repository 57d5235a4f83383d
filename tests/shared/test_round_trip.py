"""What proves that a server works: seldom while it does, at each look while it does not, once for all who look."""

import asyncio

import pytest

from shared.kernel import Unavailable
from shared.runtime.round_trip import RoundTrip


class Trips:
    """Counts them; fails while it is told to."""

    def __init__(self) -> None:
        self.count = 0
        self.fails = False

    async def go(self) -> None:
        self.count += 1
        await asyncio.sleep(0)
        if self.fails:
            raise Unavailable("away")


async def test_what_worked_is_believed_and_what_failed_is_tried_at_each_look() -> None:
    trips = Trips()
    trip = RoundTrip(trips.go, every_seconds=3600)
    await asyncio.gather(*(trip.look() for _ in range(5)))
    assert trips.count == 1
    failing = RoundTrip(trips.go, every_seconds=3600)
    trips.fails = True
    for _ in range(3):
        with pytest.raises(Unavailable):
            await failing.look()
    trips.fails = False
    await failing.look()
    await failing.look()
    assert trips.count == 1 + 3 + 1


async def test_it_is_proven_again_after_its_time() -> None:
    trips = Trips()
    trip = RoundTrip(trips.go, every_seconds=0)
    await trip.look()
    await trip.look()
    assert trips.count == 2
