"""The index's child waits for the disk: it is not replaced for that, and who searches is answered afterwards."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from search_builders import SmallModel

from builders import labels
from search.application.ports.chunk_index import IndexAnswer, Unit
from search.domain.terms import SparseVector
from search.infrastructure.edge.index import EdgeIndex
from search.infrastructure.edge.times import EdgeIndexTimes
from shared.infrastructure.prometheus_metrics import PrometheusMetrics
from shared.kernel import DocumentId, Unavailable

pytestmark = [
    pytest.mark.slow,  # children are waited for
    pytest.mark.skipif(sys.platform != "linux", reason="only Linux says what a process waits for"),
]

# To wait for a process that is being started, and that itself waits for somebody to read a pipe, is the kernel's own
# wait, as that for a disk is: nothing but a kill ends it, and Python's lock is held meanwhile.
CHILD = """
import os
from search.infrastructure.edge.process import Owner, serve

FIFO = {fifo!r}

class OnASlowDisk(Owner):
    def flush(self):
        if os.path.exists(FIFO):
            opened = (os.POSIX_SPAWN_OPEN, 1, FIFO, os.O_WRONLY, 0)
            os.waitpid(os.posix_spawn("/bin/true", ["true"], os.environ, file_actions=[opened]), 0)
        super().flush()

serve(OnASlowDisk())
"""
TIMES = EdgeIndexTimes(search_seconds=1.0, call_seconds=1.5, at_disk_seconds=100, search_at_disk_seconds=60)
WORD = SparseVector((7,), (1.0,))


class SlowDisk:
    """From `begins` on a flush waits, until `ends`."""

    def __init__(self, fifo: Path) -> None:
        self._fifo = fifo

    def begins(self) -> None:
        os.mkfifo(self._fifo)

    def ends(self) -> None:
        reader = os.open(self._fifo, os.O_RDONLY | os.O_NONBLOCK)
        self._fifo.unlink()
        os.close(reader)


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SlowDisk:
    fifo = tmp_path / "fifo"
    (tmp_path / "index_on_a_slow_disk.py").write_text(CHILD.format(fifo=str(fifo)))
    monkeypatch.syspath_prepend(str(tmp_path))
    return SlowDisk(fifo)


def an_index(tmp_path: Path, times: EdgeIndexTimes) -> EdgeIndex:
    return EdgeIndex(
        tmp_path / "index", SmallModel(), "1", PrometheusMetrics(), times=times, module="index_on_a_slow_disk"
    )


@pytest.fixture
async def index(disk: SlowDisk, tmp_path: Path) -> AsyncIterator[EdgeIndex]:
    async with an_index(tmp_path, TIMES) as opened:
        await opened.upsert([a_unit(1)])
        await opened.flush()
        yield opened


def a_unit(number: int) -> Unit:
    return Unit(DocumentId(f"d{number}"), 1, 0, "chunk", (0,), None, WORD, "en", None, labels())


def search(index: EdgeIndex) -> asyncio.Task[IndexAnswer]:
    return asyncio.create_task(index.search(dense=None, sparse=WORD))


async def test_searches_are_answered_and_the_child_stays_when_a_flush_waits_for_the_disk(
    index: EdgeIndex, disk: SlowDisk
) -> None:
    await index.upsert([a_unit(2)])
    disk.begins()
    flushing = asyncio.create_task(index.flush())
    searching = [search(index) for _ in range(5)]
    # Several times as long as a call and a search may take otherwise.
    done, _ = await asyncio.wait({flushing, *searching}, timeout=4.0, return_when=asyncio.FIRST_COMPLETED)
    assert not done
    disk.ends()
    await flushing
    for answer in await asyncio.gather(*searching):
        assert {unit.document_id for unit in answer.sparse} == {"d1", "d2"}
    assert index.losses == 0, "another child took its place"


async def test_a_search_does_not_wait_for_the_disk_for_ever(tmp_path: Path, disk: SlowDisk) -> None:
    times = EdgeIndexTimes(search_seconds=1.0, call_seconds=1.5, at_disk_seconds=100, search_at_disk_seconds=1.5)
    async with an_index(tmp_path, times) as index:
        await index.upsert([a_unit(1)])
        disk.begins()
        flushing = asyncio.create_task(index.flush())
        with pytest.raises(Unavailable, match="does not answer now"):
            await asyncio.wait_for(search(index), 60)
        disk.ends()
        await flushing
        assert len((await search(index)).sparse) == 1
        assert index.losses == 0
