"""What the index's child takes for an index that has next to nothing in it."""

from pathlib import Path

import psutil
from search_builders import SmallModel

from builders import labels
from search.application.ports.chunk_index import Unit
from search.domain.terms import SparseVector
from search.infrastructure.edge import PROCESS
from search.infrastructure.edge.index import EdgeIndex
from shared.infrastructure.prometheus_metrics import PrometheusMetrics
from shared.kernel import DocumentId

_UNIT = Unit(DocumentId("d1"), 1, 0, "chunk", (0,), None, SparseVector((7,), (1.0,)), "en", None, labels())


def _bytes_of_files(folder: Path) -> int:
    """Memory of the index's child that stands for files of the index."""
    (child,) = (child for child in psutil.Process().children() if PROCESS in child.cmdline())
    return sum(mapped.rss for mapped in child.memory_maps() if mapped.path.startswith(str(folder)))


def _bytes_on_paper(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


async def test_room_that_the_files_have_for_later_takes_no_memory(tmp_path: Path) -> None:
    async with EdgeIndex(tmp_path, SmallModel(), "1", PrometheusMetrics()) as index:
        await index.ready()
        await index.upsert([_UNIT])
        await index.flush()
    async with EdgeIndex(tmp_path, SmallModel(), "1", PrometheusMetrics()) as index:
        await index.ready()
        assert _bytes_on_paper(tmp_path) > 64 << 20
        assert _bytes_of_files(tmp_path) < 4 << 20
        found = await index.search(dense=None, sparse=_UNIT.sparse)
        assert (found.total, len(found.sparse)) == (1, 1)
