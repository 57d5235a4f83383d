"""The child that owns the index: killed, left behind, started again."""

import asyncio
import os
import signal
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import psutil
import pytest
from search_builders import SmallModel

from builders import eventually, labels
from search.application.index_writer import IndexWriter
from search.application.ports.chunk_index import Unit
from search.domain.terms import SparseVector
from search.infrastructure.edge.index import EdgeIndex
from search.infrastructure.edge.times import EdgeIndexTimes
from shared.infrastructure.prometheus_metrics import PrometheusMetrics
from shared.kernel import DocumentId, Unavailable

pytestmark = pytest.mark.slow  # children are killed and waited for

_MANY = 35


def a_unit(number: int) -> Unit:
    return Unit(DocumentId(f"d{number}"), 1, 0, "chunk", (0,), None, SparseVector((7,), (1.0,)), "en", None, labels())


def children() -> list[psutil.Process]:
    found = []
    for child in psutil.Process().children():
        try:
            if "search.infrastructure.edge.process" in child.cmdline():
                found.append(child)
        except psutil.Error:
            continue
    return found


async def test_a_child_killed_during_writes_loses_nothing_and_comes_back(tmp_path: Path) -> None:
    written: list[int] = []
    async with (
        EdgeIndex(tmp_path, SmallModel(), "1", PrometheusMetrics()) as index,
        IndexWriter(index, gathering_seconds=0.0) as writer,
    ):
        await index.ready()

        def has_written(least: int) -> bool:
            return len(written) >= least

        async def write() -> None:
            for number in range(_MANY):
                while True:
                    try:
                        await writer.write([a_unit(number)])
                        break
                    except Unavailable:
                        await asyncio.sleep(0.01)
                written.append(number)

        writing = asyncio.create_task(write())
        for least in (5, 15, 25):
            await eventually(partial(has_written, least))
            (child,) = children()
            os.kill(child.pid, signal.SIGKILL)
        await writing
        assert await index.size() == _MANY
        answer = await index.search(dense=None, sparse=SparseVector((7,), (1.0,)), limit=1000)
        assert {unit.document_id for unit in answer.sparse} == {f"d{number}" for number in range(_MANY)}


async def test_what_a_killed_child_had_not_on_disk_is_written_again(tmp_path: Path) -> None:
    """The child ends after it took the units and before it is asked to put them on disk."""

    class Killed(EdgeIndex):
        kills = 1

        async def flush(self) -> None:
            if self.kills:
                self.kills -= 1
                (child,) = children()
                os.kill(child.pid, signal.SIGKILL)
                child.wait(10)
            await super().flush()

    async with Killed(tmp_path, SmallModel(), "1", PrometheusMetrics()) as index, IndexWriter(index) as writer:
        await index.ready()
        await writer.write([a_unit(number) for number in range(5)])
        assert await index.size() == 5
        assert index.losses == 1


async def test_which_chunks_a_unit_stands_for_is_known_after_a_restart(tmp_path: Path) -> None:
    alone, several = replace(a_unit(1), ordinal=3, chunk_ordinals=(3,)), replace(a_unit(2), chunk_ordinals=(0, 1, 2))
    async with EdgeIndex(tmp_path, SmallModel(), "1", PrometheusMetrics()) as index:
        await index.upsert([alone, several])
    async with EdgeIndex(tmp_path, SmallModel(), "1", PrometheusMetrics()) as index:
        answer = await index.search(dense=None, sparse=SparseVector((7,), (1.0,)))
        found = {unit.document_id: unit.chunk_ordinals for unit in answer.sparse}
        assert found == {"d1": (3,), "d2": (0, 1, 2)}


async def test_ends_the_recorded_process_that_still_holds_the_index(tmp_path: Path) -> None:
    times = EdgeIndexTimes(lock_wait_seconds=0.2)
    left_behind = EdgeIndex(tmp_path, SmallModel(), "1", PrometheusMetrics(), times=times)
    await left_behind.__aenter__()
    await left_behind.upsert([a_unit(1)])
    await left_behind.flush()
    (former,) = children()
    async with EdgeIndex(tmp_path, SmallModel(), "1", PrometheusMetrics(), times=times) as index:
        assert await index.size() == 1
        assert not former.is_running() or former.status() == psutil.STATUS_ZOMBIE
    await left_behind.__aexit__(None, None, None)


async def test_a_closed_index_is_unavailable(tmp_path: Path) -> None:
    async with EdgeIndex(tmp_path, SmallModel(), "1", PrometheusMetrics()) as index:
        await index.ready()
    with pytest.raises(Unavailable):
        await index.size()
    assert children() == []


async def test_a_child_that_stands_still_is_replaced_and_nobody_waits_long_for_it(tmp_path: Path) -> None:
    times = EdgeIndexTimes(search_seconds=0.3, call_seconds=3.0)
    async with EdgeIndex(tmp_path, SmallModel(), "1", PrometheusMetrics(), times=times) as index:
        await index.upsert([a_unit(number) for number in range(10)])
        await index.flush()
        (stopped,) = children()
        os.kill(stopped.pid, signal.SIGSTOP)
        began = time.monotonic()
        with pytest.raises(Unavailable):
            await index.search(dense=None, sparse=SparseVector((7,), (1.0,)))
        assert time.monotonic() - began < 3.0
        # Somebody who has time gets the answer of the next one.
        assert await index.size() == 10
        assert not stopped.is_running() or stopped.status() == psutil.STATUS_ZOMBIE
        answer = await index.search(dense=None, sparse=SparseVector((7,), (1.0,)))
        assert len(answer.sparse) == 10


async def test_a_child_that_stands_still_while_it_opens_is_replaced(tmp_path: Path) -> None:
    times = EdgeIndexTimes(open_seconds=1.0, first_pause_seconds=0.01)
    async with EdgeIndex(tmp_path, SmallModel(), "1", PrometheusMetrics(), times=times) as index:
        await eventually(lambda: len(children()) == 1)
        os.kill(children()[0].pid, signal.SIGSTOP)
        with pytest.raises(Unavailable, match="took longer than 1 s"):
            await index.size()

        async def answers() -> bool:
            try:
                return await index.size() == 0
            except Unavailable:
                return False

        await eventually(answers)


async def test_an_index_whose_child_stands_still_closes_in_time(tmp_path: Path) -> None:
    times = EdgeIndexTimes(close_seconds=0.5)
    async with EdgeIndex(tmp_path, SmallModel(), "1", PrometheusMetrics(), times=times) as index:
        await index.ready()
        os.kill(children()[0].pid, signal.SIGSTOP)
        began = time.monotonic()
    assert time.monotonic() - began < 5
    assert children() == []
