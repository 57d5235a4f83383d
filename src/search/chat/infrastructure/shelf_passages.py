"""Passages as Search finds them: its hits, and what stands before and after the best."""

import time
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Final

from typing_extensions import override

from search.application.ports.chunk_index import ChunkIndex
from search.application.ports.live_store import HitRecord
from search.application.request import SearchRequest
from search.application.retrieval import Hit, Retrieval, SearchResult
from search.chat.application.ports.passages import FoundPassages, Passages
from search.chat.domain.asking import Asking, Passage
from search.chat.domain.passages import within_budget
from search.chat.domain.relevance import Scores
from search.domain.chunk_id import chunk_id
from search.domain.filters import Condition, parse_filters
from shared.artefacts.chunks import Chunk
from shared.kernel import Unavailable

_MOST_HITS: Final = 6
"""Behind so many hits come the neighbours of the best, and then further hits."""
_WITH_NEIGHBOURS: Final = 2
"""Of so many hits, best first, the chunks before and after may be needed to understand them."""
_LEAST_SHARE: Final = 0.5
"""Of what the best hit scores: a neighbour is worth this much of its hit."""
_SIZE_SECONDS: Final = 60.0
"""How long the size of the index is believed: what it is for changes with its logarithm."""


class ShelfPassages(Passages):
    """Asks the same retrieval as the search page, at one index version."""

    def __init__(self, retrieval: Retrieval, index: ChunkIndex) -> None:
        self._retrieval = retrieval
        self._index = index
        self._size = 0
        self._size_until = 0.0

    @override
    async def find(self, asking: Asking, query: str, *, limit: int) -> FoundPassages:
        filters = parse_filters(asking.filters)
        if asking.collections:
            filters = (*filters, Condition("collection", any_of=asking.collections))
        # More than are told: what stands twice on the shelf is told once.
        request = SearchRequest(
            query=query, limit=2 * limit, filters=filters, highlight=False, context=1, visible=asking.visible
        )
        result = await self._retrieval.search(request)
        ranked = chain(
            (_passage(hit.record, hit.record.chunk, hit.score) for hit in result.hits[:_MOST_HITS]),
            _neighbours(result.hits[:_WITH_NEIGHBOURS]),
            (_passage(hit.record, hit.record.chunk, hit.score) for hit in result.hits[_MOST_HITS:]),
        )
        return FoundPassages(within_budget(ranked, limit=limit), result.degraded, await self._scores(result))

    async def _scores(self, result: SearchResult) -> Scores | None:
        """None where the words were not looked up, or nobody knows how rare one can be."""
        if result.asked <= 0:
            return None
        try:
            units = await self._units()
        except Unavailable:
            return None
        # What stands twice on the shelf does not make its own copy less decided.
        different = {" ".join(hit.record.chunk.text.split()): hit.explanation for hit in reversed(result.hits)}
        return Scores(
            sparse=[one.sparse_score for one in different.values() if one.sparse_score is not None],
            dense=[one.dense_score for one in different.values() if one.dense_score is not None],
            asked=result.asked,
            units=units,
        )

    async def _units(self) -> int:
        now = time.monotonic()
        if now >= self._size_until:
            self._size, self._size_until = await self._index.size(), now + _SIZE_SECONDS
        return self._size


def _neighbours(hits: Sequence[Hit]) -> Iterator[Passage]:
    for hit in hits:
        for chunk in hit.record.around:
            yield _passage(hit.record, chunk, hit.score * _LEAST_SHARE)


def _passage(record: HitRecord, chunk: Chunk, score: float) -> Passage:
    first_pages = record.first_pages
    return Passage(
        document=str(record.document_id),
        document_name=record.labels.document_name,
        revision=record.revision,
        collection=record.labels.collection,
        chunk=chunk_id(record.document_id, record.version, chunk.ordinal),
        ordinal=chunk.ordinal,
        text=chunk.text,
        start=chunk.start,
        end=chunk.end,
        score=score,
        page=chunk.page,
        box=chunk.box,
        headings=chunk.headings,
        table_header=chunk.table_header,
        early=None if first_pages is None else (first_pages.done, first_pages.total),
    )
