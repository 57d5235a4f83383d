"""The best of a fused ranking, reordered by who reads query and passages together; late or broken, it stays."""

import hashlib
import time
from array import array
from collections.abc import Sequence
from typing import Final

from search.application.kept_rankings import PreparedQuery
from search.application.ports.live_store import HitRecord, LiveView
from search.application.ranking import Ranked, Ranking
from search.application.request import SearchRequest
from search.domain.query_syntax import read_query
from search.domain.reordering import reordered
from shared.kernel import Unavailable
from shared.ports.reranker import Reranker
from shared.ports.storage import Cache
from shared.telemetry import Metrics, get_log

RERANK: Final = "rerank"
"""In `degraded`: the reranker was late, failed, or is left alone for a moment."""
_KEPT_SECONDS: Final = 3600.0
_log = get_log("search")


class Reranking:
    """Of `most` results. What a reranker said of a query and these very texts is kept, so that the next page of a
    list, and the same search with other facets, have the same order.
    """

    def __init__(self, reranker: Reranker, store: LiveView, cache: Cache, metrics: Metrics, *, most: int) -> None:
        self._reranker = reranker
        self._store = store
        self._cache = cache
        self._metrics = metrics
        self._most = most

    @property
    def name(self) -> str:
        """Whose order it is, and of how many results."""
        return f"{self._reranker.name} {self._most}"

    async def reorder(self, request: SearchRequest, query: PreparedQuery, at: int) -> bool:
        """False where it should have been and could not; nothing has changed then.

        Where words alone, meaning alone, dates or phrases say the order, it stays.
        """
        syntax = read_query(request.query)
        if request.mode == "hybrid" and request.sort == "score" and not syntax.phrases:
            return await self._reorder(query.ranking, query.did_you_mean or syntax.text, at)
        return True

    async def _reorder(self, ranking: Ranking, query: str, at: int) -> bool:
        started = time.perf_counter()
        first = ranking.entries[: self._most]
        places = [(one.unit.document_id, one.unit.version, one.unit.chunk_ordinals[0]) for one in first]
        records = await self._store.hits(at, places)
        # What is not live is not shown either, wherever it stands.
        live = [(one, _passage(record)) for one, record in zip(first, records, strict=True) if record is not None]
        if len(live) < 2:
            return True
        try:
            said, outcome = await self._scores(query, [passage for _, passage in live])
        except Unavailable as error:
            self._tell("failed", started)
            _log.warning("results not reordered", action="search.degraded", error=error.detail)
            return False
        by_place = reordered([one.fused.score for one, _ in live], said)
        moved = [_moved(live[place][0], score, said[place]) for place, score in by_place]
        gone = [one for one, record in zip(first, records, strict=True) if record is None]
        ranking.entries[: len(first)] = [*moved, *gone]
        ranking.rerank_seconds = self._tell(outcome, started)
        return True

    async def _scores(self, query: str, passages: Sequence[str]) -> tuple[Sequence[float], str]:
        digest = hashlib.sha256()
        for part in (self._reranker.name, query, *passages):
            raw = part.encode("utf-8", "surrogatepass")
            digest.update(b"%d:" % len(raw) + raw)
        key = f"rerank:{digest.hexdigest()}"
        kept = await self._cache.get(key)
        if kept is not None and len(kept) == 8 * len(passages):
            return array("d", kept), "kept"
        said = await self._reranker.score(query, passages)
        await self._cache.put(key, array("d", said).tobytes(), ttl_seconds=_KEPT_SECONDS)
        return said, "done"

    def _tell(self, outcome: str, started: float) -> float:
        seconds = time.perf_counter() - started
        self._metrics.observe("search_rerank_seconds", seconds, outcome=outcome)
        return seconds


def reranking_of(
    reranker: Reranker | None, store: LiveView, cache: Cache, metrics: Metrics, *, most: int
) -> Reranking | None:
    """None where there is no reranker: rankings stay as they are fused."""
    return None if reranker is None else Reranking(reranker, store, cache, metrics, most=most)


def _passage(record: HitRecord) -> str:
    return "\n".join((*record.chunk.headings, record.chunk.text))


def _moved(one: Ranked, score: float, said: float) -> Ranked:
    return Ranked(one.unit, one.fused._replace(score=score), said)
