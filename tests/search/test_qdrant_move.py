"""Another model, on a server that several processes share: nothing is lost, and words find everything all the while.

Each index stands for a process; what they know of each other is what the server says.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
from qdrant_builders import AShelf, a_process, a_shelf, a_unit, by_vector, by_words, documents, fill, versions
from search_builders import SmallModel

from builders import eventually, labels
from search.infrastructure.points import point_id
from search.infrastructure.qdrant.collections import QdrantCollections
from search.infrastructure.qdrant.copying import Copying, Dropped
from search.infrastructure.qdrant.index import QdrantIndex
from search.infrastructure.qdrant.moving import MovingTimes
from search.infrastructure.qdrant.server import QdrantServer
from shared.infrastructure.prometheus_metrics import PrometheusMetrics
from shared.kernel import DocumentId
from shared.runtime.resilience import Remotes

pytestmark = [pytest.mark.servers]

MANY = 400


@pytest.fixture
async def shelf() -> AsyncIterator[AShelf]:
    async with a_shelf(MovingTimes(move_after_seconds=0.0, grace_seconds=0.2)) as shelf:
        yield shelf


@pytest.fixture
def slowly(shelf: AShelf) -> None:
    """A move of 400 units takes nearly three seconds, so that things can happen meanwhile."""
    shelf.moving = replace(shelf.moving, points_a_step=50, move_pause_seconds=0.3)


async def moved(index: QdrantIndex, fingerprint: str) -> None:
    """Also where another process moves: asking is how one learns of it."""

    async def is_there() -> bool:
        await index.ready()
        return index.fingerprint == fingerprint

    await eventually(is_there)


async def only_one_is_left(shelf: AShelf) -> None:
    async def is_clean() -> bool:
        return len(await shelf.collections()) == 1 and list(await shelf.aliases()) == [shelf.alias]

    await eventually(is_clean)


@pytest.mark.usefixtures("slowly")
async def test_everything_is_found_by_words_before_during_and_after_a_move(shelf: AShelf) -> None:
    async with a_process(shelf) as index:
        await fill(index, range(MANY))
        assert await by_vector(index, "small-1") == documents(range(MANY))
    async with a_process(shelf, "small-2") as index:
        looks = 0
        while index.fingerprint != "small-2":
            assert await by_words(index) == documents(range(MANY))
            assert await by_vector(index, "small-2") == set()
            looks += 1
        assert looks > 2
        assert await by_words(index) == documents(range(MANY))
        assert await index.size() == MANY
        await only_one_is_left(shelf)
        await fill(index, range(5), "small-2")
        assert await by_vector(index, "small-2") == documents(range(5))
    async with a_process(shelf, "small-2") as index:
        assert await by_vector(index, "small-2") == documents(range(5))


@pytest.mark.usefixtures("slowly")
async def test_what_any_process_writes_during_a_move_is_there_after_it(shelf: AShelf) -> None:
    async with a_process(shelf) as old:
        await fill(old, range(MANY))
        async with a_process(shelf, "small-2") as new:
            await fill(new, range(MANY, MANY + 20), "small-2")
            await new.delete(versions(range(50)))
            # The former process has not been told of anything.
            await old.delete(versions(range(50, 100)))
            await fill(old, range(MANY + 20, MANY + 30))
            await old.set_labels(DocumentId("d200"), labels(name="renamed.txt"))
            await new.set_labels(DocumentId("d399"), labels(name="renamed.txt"))
            await fill(new, [300], "small-2")
            assert new.fingerprint == "small-1", "the test is about what happens before the end of the move"
            for index in (old, new):
                assert await by_words(index) == documents(range(100, MANY + 30))
            await moved(new, "small-2")
            for index in (old, new):
                assert await by_words(index) == documents(range(100, MANY + 30))
                assert await by_words(index, name="renamed.txt") == {"d200", "d399"}
                assert await index.size() == MANY - 70
            assert await by_vector(new, "small-2") == documents([300, *range(MANY, MANY + 20)])


@pytest.mark.usefixtures("slowly")
async def test_a_process_that_was_not_told_of_a_move_finds_in_the_collection_that_serves(shelf: AShelf) -> None:
    async with a_process(shelf) as old:
        await fill(old, range(MANY))
        async with a_process(shelf, "small-2") as new:
            await moved(new, "small-2")
            await fill(new, [1000], "small-2")
            assert old.fingerprint == "small-1"
            assert await by_words(old) == documents([*range(MANY), 1000])
        # Its vectors have nothing to say to those of the other space, though both have 32 numbers.
        assert await by_vector(old, "small-1") == set()
        assert old.fingerprint == "small-2"
        # Nor does it move everything back: who changed the model last has its way.
        await old.ready()
        await fill(old, [1001])
        assert old.fingerprint == "small-2" and await by_words(old) == documents([*range(MANY), 1000, 1001])
        await only_one_is_left(shelf)


@pytest.mark.usefixtures("slowly")
async def test_a_move_that_is_interrupted_goes_on_with_the_next_process(shelf: AShelf) -> None:
    async with a_process(shelf) as index:
        await fill(index, range(MANY))
    async with a_process(shelf, "small-2") as index:
        await fill(index, range(MANY, MANY + 5), "small-2")
        begun = await shelf.collections()
        assert len(begun) == 2
    async with a_process(shelf, "small-2") as index:
        assert await shelf.collections() == begun
        await moved(index, "small-2")
        assert await by_words(index) == documents(range(MANY + 5))
        assert await by_vector(index, "small-2") == documents(range(MANY, MANY + 5))
        await only_one_is_left(shelf)


@pytest.mark.usefixtures("slowly")
async def test_back_in_the_middle_of_a_move_the_former_vectors_are_still_there(shelf: AShelf) -> None:
    model = SmallModel()
    async with a_process(shelf, model=model) as index:
        await fill(index, range(MANY))
        model.fingerprint = "small-2"
        await index.ready()
        await fill(index, range(MANY, MANY + 5), "small-2")
        model.fingerprint = "small-1"
        await index.ready()
        assert await by_vector(index, "small-1") == documents(range(MANY))
        assert await by_words(index) == documents(range(MANY + 5))
        await only_one_is_left(shelf)


@pytest.mark.usefixtures("slowly")
async def test_a_third_space_in_the_middle_of_a_move_takes_its_place(shelf: AShelf) -> None:
    model = SmallModel()
    async with a_process(shelf, model=model) as index:
        await fill(index, range(MANY))
        model.fingerprint = "small-2"
        await index.ready()
        await fill(index, range(MANY, MANY + 5), "small-2")
        model.fingerprint = "small-3"
        await index.ready()
        await fill(index, range(MANY + 5, MANY + 10), "small-3")
        await moved(index, "small-3")
        assert await by_words(index) == documents(range(MANY + 10))
        assert await by_vector(index, "small-3") == documents(range(MANY + 5, MANY + 10))
        await only_one_is_left(shelf)


async def test_without_a_model_the_space_used_last_stays_until_there_is_one(shelf: AShelf) -> None:
    async with a_process(shelf) as index:
        await fill(index, range(10))
    model = SmallModel(fingerprint="small-2", present=False)
    async with a_process(shelf, model=model) as index:
        assert index.fingerprint == "small-1"
        assert await by_words(index) == documents(range(10))
        model.present = True
        await moved(index, "small-2")
        assert await by_words(index) == documents(range(10))


async def test_a_library_that_begins_without_a_model_takes_vectors_once_there_is_one(shelf: AShelf) -> None:
    model = SmallModel(present=False)
    async with a_process(shelf, model=model) as index:
        assert index.fingerprint is None
        await fill(index, range(10))
        assert await by_words(index) == documents(range(10))
        model.present = True
        await index.ready()
        await fill(index, range(10, 12))
        await moved(index, "small-1")
        assert await by_words(index) == documents(range(12))
        assert await by_vector(index, "small-1") == documents(range(10, 12))


@pytest.mark.usefixtures("slowly")
async def test_processes_that_move_at_once_move_to_one_collection(shelf: AShelf) -> None:
    async with a_process(shelf) as index:
        await fill(index, range(MANY))
    opened = [shelf.index(SmallModel(fingerprint="small-2")) for _ in range(3)]
    for one in opened:
        await one.__aenter__()
    await asyncio.gather(*(one.ready() for one in opened))
    await asyncio.gather(*(fill(one, [1000 + number], "small-2") for number, one in enumerate(opened)))
    for one in opened:
        await moved(one, "small-2")
    await only_one_is_left(shelf)
    for one in opened:
        assert await by_words(one) == documents([*range(MANY), 1000, 1001, 1002])
        assert await by_vector(one, "small-2") == documents([1000, 1001, 1002])
        assert await one.size() == MANY + 3
        await one.__aexit__()


async def test_processes_that_start_at_once_make_one_collection(shelf: AShelf) -> None:
    opened = [shelf.index(SmallModel()) for _ in range(4)]
    await asyncio.gather(*(one.__aenter__() for one in opened))
    await asyncio.gather(*(fill(one, [number]) for number, one in enumerate(opened)))
    assert len(await shelf.collections()) == 1
    for one in opened:
        assert await by_words(one) == documents(range(4))
        await one.__aexit__()


@pytest.mark.parametrize("seed", range(3))
async def test_whatever_is_done_during_a_move_is_done(shelf: AShelf, seed: int) -> None:
    """Units come, change their labels, go and come again, each in a process's turn, while two others move."""
    shelf.moving = replace(shelf.moving, points_a_step=30, move_pause_seconds=0.02)
    chance = random.Random(seed)
    expected = {number: "notes.txt" for number in range(300)}
    renewed: set[int] = set()
    async with a_process(shelf) as writer:
        await fill(writer, expected)
        async with a_process(shelf, "small-2") as one, a_process(shelf, "small-2") as other:

            async def write(index: QdrantIndex, numbers: Sequence[int]) -> None:
                """These are this process's own, so that what came last is known."""
                while one.fingerprint != "small-2":
                    number = chance.choice(numbers)
                    match chance.randrange(3):
                        case 0:
                            await index.delete(versions([number]))
                            expected.pop(number, None)
                            renewed.discard(number)
                        case 1:
                            name = f"{chance.randrange(3)}.txt"
                            await index.set_labels(DocumentId(f"d{number}"), labels(name=name))
                            if number in expected:
                                expected[number] = name
                        case _:
                            name = f"{chance.randrange(3)}.txt"
                            await index.upsert([a_unit(number, "small-2", name)])
                            expected[number] = name
                            renewed.add(number)

            await asyncio.gather(write(writer, range(200)), write(one, range(200, 350)), write(other, range(350, 500)))
            for index in (writer, one, other):
                await index.ready()
                assert await by_words(index) == documents(expected)
                assert await index.size() == len(expected)
                assert await by_vector(index, "small-2") == documents(renewed)
                for name in ("notes.txt", "0.txt", "1.txt", "2.txt"):
                    carrying = {number for number, given in expected.items() if given == name}
                    assert await by_words(index, name=name) == documents(carrying)
            await only_one_is_left(shelf)


@pytest.mark.usefixtures("slowly")
async def test_a_copier_that_comes_too_late_leaves_nothing(shelf: AShelf) -> None:
    """It was stopped in the middle of a page, and goes on when that page's units were deleted from what serves."""
    shelf.moving = replace(shelf.moving, grace_seconds=60.0)
    async with a_process(shelf) as index:
        await fill(index, range(10))
    async with QdrantServer(shelf.settings, Remotes(PrometheusMetrics())) as server:
        collections = QdrantCollections(server, shelf.settings)
        before = await collections.standing()
        assert before is not None
        async with a_process(shelf, "small-2") as index:
            await moved(index, "small-2")
            await index.delete(versions(range(5)))
            after = await collections.standing()
            assert after is not None
            copying = Copying(server, collections, after.serving, points_a_step=50)
            with pytest.raises(Dropped):
                while True:
                    await copying.step(before.serving)
            assert await by_words(index) == documents(range(5, 10))
            assert await index.size() == 5


async def test_a_copy_never_takes_the_place_of_what_is_written_meanwhile(shelf: AShelf) -> None:
    """Between a copier's look at what is there and its own writing, somebody writes, and somebody labels."""
    shelf.moving = replace(shelf.moving, move_after_seconds=60.0)
    async with a_process(shelf) as index:
        await fill(index, range(10))
    async with (
        a_process(shelf, "small-2") as index,
        QdrantServer(shelf.settings, Remotes(PrometheusMetrics())) as server,
    ):
        collections = QdrantCollections(server, shelf.settings)
        standing = await collections.standing()
        assert standing is not None
        (target,) = standing.filling

        class Interrupted(Copying):
            async def _payloads(self, name: str, ids: Any) -> Any:
                found = await super()._payloads(name, ids)
                points = {number: str(point_id(f"d{number}", 1, 0, "chunk")) for number in (1, 2, 3)}
                if name == target.name and points[1] in ids:
                    await index.upsert([a_unit(1, "small-2", "new.txt")])
                if name == target.name and points[2] in ids:
                    await index.set_labels(DocumentId("d2"), labels(name="new.txt"))
                if name == target.name and points[3] in ids:
                    await index.delete(versions([3]))
                return found

        copying = Interrupted(server, collections, target, points_a_step=200)
        while not await copying.step(standing.serving):
            pass
        assert await collections.switch(standing.serving, target)
        await index.ready()
        assert await by_words(index) == documents({*range(10)} - {3})
        assert await by_words(index, name="new.txt") == documents([1, 2])
        assert await by_vector(index, "small-2") == documents([1])
