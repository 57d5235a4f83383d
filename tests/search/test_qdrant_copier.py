"""Of several processes one copies to another model's collection; without a server."""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import pytest
from duty_builders import Cut, killed, some_duties
from qdrant_request_builders import AT_ONCE, a_unit, an_index, serves, settings
from qdrant_stand_in import QdrantStandIn, a_qdrant_stand_in
from search_builders import SmallModel

from builders import eventually


@pytest.fixture
def server() -> Iterator[QdrantStandIn]:
    with a_qdrant_stand_in() as server:
        yield server


async def test_of_several_processes_one_copies_to_another_model_s_collection(server: QdrantStandIn) -> None:
    async with an_index(settings(server)) as index:
        await index.upsert([a_unit(number) for number in range(30)])
    model = SmallModel(fingerprint="small-2")
    moving = replace(AT_ONCE, points_a_step=5, look_at_copier_seconds=0.01)
    async with some_duties() as duties:
        one, other = Cut(duties), Cut(duties)
        async with (
            an_index(settings(server), model, moving, one) as first,
            an_index(settings(server), model, moving, other) as second,
        ):
            await asyncio.gather(first.ready(), second.ready())
            for index in (first, second):
                await eventually(partial(serves, index, "small-2"))
                assert await index.size() == 30
    assert bool(one.granted) != bool(other.granted)


async def test_another_process_copies_in_the_place_of_one_that_is_gone(server: QdrantStandIn) -> None:
    async with an_index(settings(server)) as index:
        await index.upsert([a_unit(number) for number in range(30)])
    moving = replace(AT_ONCE, look_at_copier_seconds=0.01)
    async with some_duties() as duties:

        class WithAnother(Cut):
            """Whose other process was the first to take the duty, and is gone."""

            free_at: float | None = None

            async def take(self, name: str, *, owner: str, lease_seconds: float) -> bool:
                self.free_at = self.free_at or await killed(duties, name, lease_seconds=0.3)
                return await super().take(name, owner=owner, lease_seconds=lease_seconds)

        shared = WithAnother(duties)
        async with an_index(settings(server), SmallModel(fingerprint="small-2"), moving, shared) as index:
            await index.ready()
            await index.upsert([a_unit(30, "small-2")])
            await eventually(partial(serves, index, "small-2"))
            assert shared.free_at is not None and time.time() >= shared.free_at
            assert await index.size() == 31
        # Given back when nothing was left to copy.
        (name,) = shared.granted
        assert await duties.take(name, owner="next", lease_seconds=60)


async def test_a_move_waits_while_nobody_can_say_whose_it_is(server: QdrantStandIn) -> None:
    async with an_index(settings(server)) as index:
        await index.upsert([a_unit(number) for number in range(30)])
    moving = replace(AT_ONCE, retry_seconds=0.01)
    async with some_duties() as duties:
        cut = Cut(duties)
        cut.is_away = True
        async with an_index(settings(server), SmallModel(fingerprint="small-2"), moving, cut) as index:
            await index.ready()
            await index.upsert([a_unit(30, "small-2")])
            enough = cut.asked + 3
            await eventually(lambda: cut.asked >= enough)
            assert index.fingerprint == "small-1" and await index.size() == 31
            cut.is_away = False
            await eventually(partial(serves, index, "small-2"))
            assert await index.size() == 31
