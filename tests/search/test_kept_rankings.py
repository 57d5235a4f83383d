"""How many lists are kept for the pages that follow, and what they take."""

from pathlib import Path

import pytest
from search_builders import SmallModel

from search.application.kept_rankings import KeptRankings, PreparedQuery
from search.application.ports.chunk_index import ScoredUnit
from search.application.ranking import Ranked, Ranking
from search.application.request import SearchRequest
from search.domain.cursor import Cursor
from search.domain.fusion import Fused, Weights
from search.domain.highlight import Highlighter
from search.infrastructure.edge.index import EdgeIndex
from search.infrastructure.edge.wire import from_wire
from search.infrastructure.kiwi_analyzer import KiwiAnalyzer, english_stem
from shared.infrastructure.memory_cache import MemoryCache
from shared.infrastructure.prometheus_metrics import PrometheusMetrics
from shared.kernel import DocumentId, Gone


@pytest.fixture
def index(tmp_path: Path) -> EdgeIndex:
    return EdgeIndex(tmp_path, SmallModel(), "1", PrometheusMetrics())


@pytest.fixture
def kept(index: EdgeIndex) -> KeptRankings:
    return KeptRankings(MemoryCache(1 << 20), index, KiwiAnalyzer(), most_entries=500)


def entries(count: int) -> list[Ranked]:
    units = [ScoredUnit(DocumentId(f"d{number}"), 1, 0, "chunk", (0,), 1.0) for number in range(count)]
    return [Ranked(unit, Fused((unit.document_id, 1, "chunk", 0), 1.0, 1.0, None)) for unit in units]


def a_query(index: EdgeIndex, count: int) -> PreparedQuery:
    ranking = Ranking(index, None, None, (), Weights(0.0, 1.0), by_document=False, entries=entries(count))
    return PreparedQuery(ranking, (), (), Highlighter((), (), english_stem), None, ())


async def is_kept(kept: KeptRankings, name: str) -> bool:
    try:
        await kept.find(SearchRequest(query="harbour"), Cursor(name, 1, 10))
    except Gone:
        return False
    return True


async def test_the_oldest_lists_go_when_all_together_are_long(kept: KeptRankings, index: EdgeIndex) -> None:
    for number in range(8):
        kept.keep(f"list {number}", 1, a_query(index, 100))
    assert [await is_kept(kept, f"list {number}") for number in range(8)] == [False] * 3 + [True] * 5


async def test_a_list_that_grew_makes_others_go(kept: KeptRankings, index: EdgeIndex) -> None:
    kept.keep("oldest", 1, a_query(index, 100))
    grows = a_query(index, 100)
    kept.keep("grows", 1, grows)
    grows.ranking.entries += entries(300)
    kept.keep("newest", 1, a_query(index, 100))
    assert [await is_kept(kept, name) for name in ("oldest", "grows", "newest")] == [False, True, True]


async def test_the_newest_list_is_kept_however_long_it_is(kept: KeptRankings, index: EdgeIndex) -> None:
    kept.keep("short", 1, a_query(index, 100))
    kept.keep("long", 1, a_query(index, 2_000))
    assert [await is_kept(kept, name) for name in ("short", "long")] == [False, True]


def test_lists_of_the_same_documents_have_one_copy_of_their_names() -> None:
    def told() -> ScoredUnit:
        # Made anew each time, as by what reads a frame.
        return from_wire([["".join(("doc", "ument")), 1, 0, "".join(("ch", "unk")), [0], 1.0]])[0]

    first, second = told(), told()
    assert first.document_id is second.document_id
    assert first.kind is second.kind
