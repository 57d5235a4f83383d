"""Another model, another vector space: the index moves there, and what is found by words is found all the while."""

import os
import shutil
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import psutil
import pytest
import qdrant_edge as edge
from search_builders import DIMENSION, SmallModel, embed

from builders import eventually, labels
from search.application.ports.chunk_index import DenseVector, Unit
from search.domain.filters import parse_filters
from search.domain.terms import SparseVector
from search.infrastructure.edge.index import EdgeIndex
from search.infrastructure.edge.times import EdgeIndexTimes
from shared.infrastructure.prometheus_metrics import PrometheusMetrics
from shared.kernel import DocumentId

pytestmark = pytest.mark.slow  # minutes in sum

MANY = 400
TEA = SparseVector((7,), (1.0,))


def a_unit(number: int, space: str = "small-1", name: str = "notes.txt") -> Unit:
    vector = DenseVector(space, embed([f"tea {number}"])[0].tobytes())
    return Unit(DocumentId(f"d{number}"), 1, 0, "chunk", (0,), vector, TEA, "en", None, labels(name=name))


async def fill(index: EdgeIndex, numbers: Sequence[int], space: str = "small-1") -> None:
    for start in range(0, len(numbers), 500):
        await index.upsert([a_unit(number, space) for number in numbers[start : start + 500]])
    await index.flush()


async def by_words(index: EdgeIndex, **filters: str) -> set[str]:
    answer = await index.search(dense=None, sparse=TEA, filters=parse_filters(filters), limit=2000)
    return {unit.document_id for unit in answer.sparse}


async def by_vector(index: EdgeIndex, space: str) -> set[str]:
    vector = DenseVector(space, embed(["tea"])[0].tobytes())
    answer = await index.search(dense=vector, sparse=None, limit=2000)
    return {unit.document_id for unit in answer.dense}


def documents(numbers: Sequence[int]) -> set[str]:
    return {f"d{number}" for number in numbers}


def folders(root: Path) -> list[str]:
    return sorted(path.name for path in root.iterdir() if path.is_dir())


def inodes(root: Path) -> list[int]:
    return [path.stat().st_ino for path in root.iterdir() if path.is_dir()]


@asynccontextmanager
async def an_index(
    folder: Path, fingerprint: str, *, model: SmallModel | None = None, times: EdgeIndexTimes | None = None
) -> AsyncIterator[EdgeIndex]:
    model = model or SmallModel(fingerprint=fingerprint)
    async with EdgeIndex(folder, model, "1", PrometheusMetrics(), times=times or EdgeIndexTimes()) as index:
        await index.ready()
        yield index


a_slow_index = partial(
    an_index, times=EdgeIndexTimes(move_after_seconds=0.0, move_pause_seconds=0.5, search_seconds=60.0)
)
"""Its move of four steps takes nearly two seconds from the start, so that things can happen meanwhile.

A search waits for as long as another child takes to start.
"""


async def moved(index: EdgeIndex, fingerprint: str) -> None:
    await eventually(lambda: index.fingerprint == fingerprint)


async def test_everything_is_found_by_words_before_during_and_after_a_move(tmp_path: Path) -> None:
    async with a_slow_index(tmp_path, "small-1") as index:
        await fill(index, range(MANY))
        assert await by_vector(index, "small-1") == documents(range(MANY))
    async with a_slow_index(tmp_path, "small-2") as index:
        looks = 0
        while index.fingerprint != "small-2":
            assert await by_words(index) == documents(range(MANY))
            assert await by_vector(index, "small-2") == set()
            looks += 1
        assert looks > 2
        assert await by_words(index) == documents(range(MANY))
        assert await index.size() == MANY
        await eventually(lambda: folders(tmp_path) == [f"{DIMENSION}-small_2-a3"])
        await fill(index, range(5), "small-2")
        assert await by_vector(index, "small-2") == documents(range(5))
    async with a_slow_index(tmp_path, "small-2") as index:
        assert index.fingerprint == "small-2"
        assert await by_vector(index, "small-2") == documents(range(5))


async def test_what_is_written_during_a_move_is_there_after_it(tmp_path: Path) -> None:
    async with a_slow_index(tmp_path, "small-1") as index:
        await fill(index, range(MANY))
    async with a_slow_index(tmp_path, "small-2") as index:
        await fill(index, range(MANY, MANY + 20), "small-2")
        await index.delete([(DocumentId(f"d{number}"), 1) for number in range(100)])
        for number in (200, 399):
            await index.set_labels(DocumentId(f"d{number}"), labels(name="renamed.txt"))
        await fill(index, [300], "small-2")
        assert index.fingerprint == "small-1", "the test is about what happens before the end of the move"
        assert await by_words(index) == documents(range(100, MANY + 20))
        await moved(index, "small-2")
        assert await by_words(index) == documents(range(100, MANY + 20))
        assert await by_words(index, name="renamed.txt") == {"d200", "d399"}
        assert await by_vector(index, "small-2") == documents([300, *range(MANY, MANY + 20)])


def kill_the_child() -> None:
    """The process alone."""
    for child in psutil.Process().children():
        if "search.infrastructure.edge.process" in child.cmdline():
            os.kill(child.pid, signal.SIGKILL)


async def test_a_move_that_is_interrupted_begins_again(tmp_path: Path) -> None:
    async with a_slow_index(tmp_path, "small-1") as index:
        await fill(index, range(MANY))
    async with a_slow_index(tmp_path, "small-2") as index:
        await fill(index, range(MANY, MANY + 5), "small-2")
        assert len(folders(tmp_path)) == 2
    async with a_slow_index(tmp_path, "small-2") as index:
        assert index.fingerprint == "small-1"
        kill_the_child()
        assert await by_words(index) == documents(range(MANY + 5))
        await moved(index, "small-2")
        assert await by_words(index) == documents(range(MANY + 5))
    assert folders(tmp_path) == [f"{DIMENSION}-small_2-a3"]


async def test_back_in_the_middle_of_a_move_the_former_vectors_are_still_there(tmp_path: Path) -> None:
    async with a_slow_index(tmp_path, "small-1") as index:
        await fill(index, range(MANY))
    model = SmallModel(fingerprint="small-2")
    async with a_slow_index(tmp_path, "", model=model) as index:
        await fill(index, range(MANY, MANY + 5), "small-2")
        model.fingerprint = "small-1"
        await index.ready()
        assert await by_vector(index, "small-1") == documents(range(MANY))
        assert await by_words(index) == documents(range(MANY + 5))
        await eventually(lambda: folders(tmp_path) == [f"{DIMENSION}-small_1-a3"])


async def test_a_third_space_in_the_middle_of_a_move_takes_its_place(tmp_path: Path) -> None:
    async with a_slow_index(tmp_path, "small-1") as index:
        await fill(index, range(MANY))
    model = SmallModel(fingerprint="small-2")
    async with a_slow_index(tmp_path, "", model=model) as index:
        await fill(index, range(MANY, MANY + 5), "small-2")
        model.fingerprint = "small-3"
        await index.ready()
        await fill(index, range(MANY + 5, MANY + 10), "small-3")
        await moved(index, "small-3")
        assert await by_words(index) == documents(range(MANY + 10))
        assert await by_vector(index, "small-3") == documents(range(MANY + 5, MANY + 10))
        await eventually(lambda: folders(tmp_path) == [f"{DIMENSION}-small_3-a3"])


async def test_without_a_model_the_space_used_last_stays_until_there_is_one(tmp_path: Path) -> None:
    async with an_index(tmp_path, "small-1") as index:
        await fill(index, range(10))
    model = SmallModel(fingerprint="small-2", present=False)
    async with an_index(tmp_path, "", model=model) as index:
        assert index.fingerprint == "small-1"
        assert await by_words(index) == documents(range(10))
        model.present = True
        await index.ready()
        await moved(index, "small-2")
        assert await by_words(index) == documents(range(10))


async def test_a_library_that_begins_without_a_model_takes_vectors_once_there_is_one(tmp_path: Path) -> None:
    model = SmallModel(present=False)
    async with an_index(tmp_path, "", model=model) as index:
        assert index.fingerprint is None
        await fill(index, range(10))
        assert await by_words(index) == documents(range(10))
        model.present = True
        await index.ready()
        await fill(index, range(10, 12))
        await moved(index, "small-1")
        assert await by_words(index) == documents(range(12))
        assert await by_vector(index, "small-1") == documents(range(10, 12))


async def test_the_same_space_moves_nothing(tmp_path: Path) -> None:
    async with an_index(tmp_path, "small-1") as index:
        await fill(index, range(10))
    before = inodes(tmp_path)
    async with an_index(tmp_path, "small-1") as index:
        assert await by_vector(index, "small-1") == documents(range(10))
    assert inodes(tmp_path) == before


async def test_a_folder_marked_before_marks_had_a_name_serves(tmp_path: Path) -> None:
    fingerprint = "0123456789abcdef0123456789abcdef"
    async with an_index(tmp_path, fingerprint) as index:
        await fill(index, range(10), fingerprint)
    (name,) = folders(tmp_path)
    (tmp_path / name / "complete").write_text("")
    async with an_index(tmp_path, "", model=SmallModel(present=False)) as index:
        assert index.fingerprint == fingerprint
        assert await by_vector(index, fingerprint) == documents(range(10))


def as_a_former_layout(root: Path, layout: str = "1", *, beside: bool = False) -> None:
    """What lies there as an earlier Seoga would have written it.

    In layout 1 numbers have four bytes, and there is a log; in layout 2 they have two bytes. It takes the place of
    what was there, unless `beside`.
    """
    (now,) = folders(root)
    then = root / now.replace("-a3", f"-a{layout}")
    there = edge.EdgeShard.load(str(root / now))
    kind = {"1": edge.VectorStorageDatatype.Float32, "2": edge.VectorStorageDatatype.Float16}[layout]
    config = edge.EdgeConfig(
        vectors={"dense": edge.EdgeVectorParams(DIMENSION, edge.Distance.Dot, datatype=kind)},
        sparse_vectors={"sparse": edge.EdgeSparseVectorParams(modifier=edge.Modifier.Idf)},
        wal_enabled=layout == "1",
    )
    then.mkdir()
    former = edge.EdgeShard.create(str(then), config)
    records, _ = there.scroll(edge.ScrollRequest(limit=10 * MANY, with_payload=True, with_vector=True))
    points = [edge.Point(record.id, record.vector or {}, record.payload) for record in records]
    former.update(edge.UpdateOperation.upsert_points(points))
    former.close()
    there.close()
    shutil.copy(root / now / "complete", then / "complete")
    if not beside:
        shutil.rmtree(root / now)
    assert (then / "wal").is_dir() == (layout == "1")


@pytest.mark.parametrize("layout", ["1", "2"])
async def test_everything_is_found_before_during_and_after_the_move_from_a_former_layout(
    tmp_path: Path, layout: str
) -> None:
    async with a_slow_index(tmp_path, "small-1") as index:
        await fill(index, range(MANY))
    as_a_former_layout(tmp_path, layout)
    async with a_slow_index(tmp_path, "small-1") as index:
        assert index.fingerprint == "small-1"
        await fill(index, range(MANY, MANY + 5))
        await index.delete([(DocumentId("d0"), 1)])
        looks = 0
        while len(folders(tmp_path)) > 1:
            assert await by_words(index) == documents(range(1, MANY + 5))
            assert await by_vector(index, "small-1") == documents(range(1, MANY + 5))
            looks += 1
        assert looks > 2
        assert folders(tmp_path) == [f"{DIMENSION}-small_1-a3"]
        assert await by_words(index) == documents(range(1, MANY + 5))
        assert await by_vector(index, "small-1") == documents(range(1, MANY + 5))
    assert not (tmp_path / f"{DIMENSION}-small_1-a3" / "wal").exists()


@pytest.mark.parametrize("layout", ["1", "2"])
async def test_a_folder_of_a_former_layout_serves_without_a_model(tmp_path: Path, layout: str) -> None:
    async with an_index(tmp_path, "small-1") as index:
        await fill(index, range(10))
    as_a_former_layout(tmp_path, layout)
    async with an_index(tmp_path, "", model=SmallModel(present=False)) as index:
        assert index.fingerprint == "small-1"
        assert await by_words(index) == documents(range(10))
        assert await by_vector(index, "small-1") == documents(range(10))
    assert folders(tmp_path) == [f"{DIMENSION}-small_1-a{layout}"]


async def test_what_an_earlier_seoga_wrote_after_somebody_went_back_to_it_counts(tmp_path: Path) -> None:
    async with an_index(tmp_path, "small-1") as index:
        await fill(index, range(10))
    as_a_former_layout(tmp_path, beside=True)
    async with an_index(tmp_path, "", model=SmallModel(present=False)) as index:
        await index.delete([(DocumentId("d0"), 1)])
        await fill(index, [10])
    async with a_slow_index(tmp_path, "small-1") as index:
        assert await by_words(index) == documents(range(1, 11))
        await eventually(lambda: folders(tmp_path) == [f"{DIMENSION}-small_1-a3"])
        assert await by_words(index) == documents(range(1, 11))


def disk_bytes(root: Path) -> int:
    return sum(512 * path.stat().st_blocks for path in root.rglob("*") if path.is_file())


async def test_dead_points_give_their_room_back(tmp_path: Path) -> None:
    root, many = tmp_path / "index", 3_000
    model, times = SmallModel(), EdgeIndexTimes(room_seconds=0.0, move_after_seconds=0.0, search_seconds=60.0)
    alive, late = documents(range(many - MANY, many)), documents(range(many, many + 5))

    async def is_made() -> bool:
        return [name.rpartition(".")[2] for name in folders(root)] == ["1"]

    async with EdgeIndex(root, model, "1", PrometheusMetrics(), times=times, least_dead=1_000) as index:
        await index.ready()
        await fill(index, range(many))
        full = disk_bytes(root)
        await index.delete([(DocumentId("d0"), 1)])
        assert [path.suffix for path in root.iterdir() if path.is_dir()] == [""], "one dead point is not worth a move"
        await index.delete([(DocumentId(f"d{number}"), 1) for number in range(1, many - MANY)])
        # What comes and goes while the others move is right all the same.
        await fill(index, range(many, many + 6))
        await index.delete([(DocumentId(f"d{many + 5}"), 1)])
        assert await by_words(index) == alive | late
        await eventually(is_made)
        assert await by_words(index) == await by_vector(index, "small-1") == alive | late
        assert disk_bytes(root) < full / 2
    async with EdgeIndex(root, model, "1", PrometheusMetrics(), times=times) as index:
        await index.ready()
        assert await by_words(index) == await by_vector(index, "small-1") == alive | late
        assert await is_made()


async def test_room_that_a_kill_kept_from_being_made_is_made_later(tmp_path: Path) -> None:
    root, model = tmp_path / "index", SmallModel()
    times = EdgeIndexTimes(room_seconds=0.0, move_after_seconds=0.0, move_pause_seconds=0.5, search_seconds=60.0)
    async with EdgeIndex(root, model, "1", PrometheusMetrics(), times=times, least_dead=100) as index:
        await index.ready()
        await fill(index, range(2 * MANY))
        await index.delete([(DocumentId(f"d{number}"), 1) for number in range(MANY)])
        await index.flush()
        assert len(folders(root)) == 2, "the move has begun, and takes nearly two seconds"
        kill_the_child()
        await index.ready()
        assert await by_words(index) == documents(range(MANY, 2 * MANY))
        await index.delete([(DocumentId(f"d{MANY}"), 1)])

        async def is_made() -> bool:
            return [name.rpartition(".")[2] for name in folders(root)] == ["1"]

        await eventually(is_made)
        assert await by_words(index) == await by_vector(index, "small-1") == documents(range(MANY + 1, 2 * MANY))
