"""The capability "search": a request becomes hits, each checked against the live record."""

import asyncio
import hashlib
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from search.application.kept_rankings import KeptRankings, PreparedQuery
from search.application.ports.analysis import AnalysedQuery, Analyzer
from search.application.ports.chunk_index import ChunkIndex, DenseVector
from search.application.ports.live_store import HitRecord, LiveView
from search.application.ranking import Ranked, Ranking
from search.application.renewal import Renewal
from search.application.request import SearchRequest
from search.application.search_log import SearchLog
from search.application.snapshots import Snapshots
from search.application.wholeness import INCOMPLETE, Wholeness
from search.domain.cursor import Cursor
from search.domain.fusion import Weights, weights
from search.domain.highlight import Highlight, Highlighter
from search.domain.language import language_of, model_reads
from shared.events.receipt import read_receipt
from shared.events.search import SearchPerformed
from shared.kernel import NotFound, Unavailable, new_id
from shared.ports.model import Model
from shared.ports.storage import Cache
from shared.telemetry import Metrics, get_log

_MOST_FACET_VALUES: Final = 50
_RESULTS_TAG: Final = "search-results"

_log = get_log("search")


@dataclass(frozen=True, slots=True)
class RetrievalTimes:
    """How long a search waits for others, and how long what it found is kept."""

    after_seconds: float = 10.0
    """For the uploads it is to come after."""
    after_step_seconds: float = 0.2
    model_seconds: float = 10.0
    """How long a search waits for a model that is still being loaded, or for the index to take its vectors, before it
    answers without it."""
    result_ttl_seconds: float = 300.0
    embedding_ttl_seconds: float = 3600.0


_TIMES: Final = RetrievalTimes()


@dataclass(frozen=True, slots=True)
class Explanation:
    """What each list said of a hit; None: not in it."""

    dense_score: float | None
    sparse_score: float | None
    weights: Weights
    language: str | None


@dataclass(frozen=True, slots=True)
class Hit:
    """One chunk that was found."""

    score: float
    record: HitRecord
    highlights: Sequence[Highlight]
    explanation: Explanation


@dataclass(frozen=True, slots=True)
class SearchResult:
    """`total` counts what matches within the window of 1,000; inexact when there is more, or nobody looked further."""

    hits: Sequence[Hit]
    facets: dict[str, list[tuple[Any, int]]]
    total: int
    total_is_exact: bool
    next_cursor: Cursor | None
    index_version: int
    degraded: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """A rendered result, fresh or from the cache."""

    body: bytes
    seconds: float


class Retrieval:
    """Searches at one index version: what is switched or withdrawn meanwhile is seen by the next search."""

    def __init__(
        self,
        *,
        index: ChunkIndex,
        store: LiveView,
        snapshots: Snapshots,
        wholeness: Wholeness,
        analyzer: Analyzer,
        model: Model,
        renewal: Renewal,
        cache: Cache,
        search_log: SearchLog,
        metrics: Metrics,
        times: RetrievalTimes = _TIMES,
    ) -> None:
        self._index = index
        self._store = store
        self._snapshots = snapshots
        self._wholeness = wholeness
        self._analyzer = analyzer
        self._model = model
        self._renewal = renewal
        self._cache = cache
        self._search_log = search_log
        self._metrics = metrics
        self._times = times
        self._kept_rankings = KeptRankings(cache, index, analyzer)

    async def answer(self, request: SearchRequest, render: Callable[[SearchResult], bytes]) -> Answer:
        """The rendered result; rendered ones are kept until anything in the index changes.

        Raises InvalidInput, WrongCursor, NotFound (an unknown collection), Gone (`cursor_expired`), Unavailable.
        """
        started = time.perf_counter()
        request.check()
        late = await self._await_uploads(request)
        answer_hash = request.answer_hash
        hits, degraded = -1, late
        async with self._snapshots.reading() as at:
            key = f"search:{at}:{answer_hash}"
            body = None if late else await self._cache.get(key)
            cached = body is not None
            if body is None:
                result = await self._search(request, late, at)
                body = render(result)
                hits, degraded = len(result.hits), result.degraded
                # A page of an older list is not what the key says. A change meanwhile has raised the number.
                if not degraded and result.index_version == at:
                    await self._cache.put(key, body, ttl_seconds=self._times.result_ttl_seconds, tag=_RESULTS_TAG)
        seconds = time.perf_counter() - started
        self._metrics.observe("search_seconds", seconds, mode=request.mode, cached=str(cached).lower())
        self._search_log.tell(
            SearchPerformed(
                search_id=new_id(),
                mode=request.mode,
                characters=len(request.query),
                hits=hits,
                seconds=seconds,
                cached=cached,
                degraded=degraded,
            )
        )
        return Answer(body, seconds)

    async def search(self, request: SearchRequest) -> SearchResult:
        """The same without cache and telemetry."""
        request.check()
        late = await self._await_uploads(request)
        async with self._snapshots.reading() as at:
            return await self._search(request, late, at)

    async def _search(self, request: SearchRequest, late: tuple[str, ...], at: int) -> SearchResult:
        unknown = await self._store.unknown_collections(request.collections) if request.collections else ()
        if unknown:
            raise NotFound(f"There is no collection named {unknown[0]!r}.", code="collection_not_found")
        is_clean = await self._wholeness.is_clean()
        query, offset, index_version = await self._query(request, at)
        ranking, was_deep = query.ranking, query.ranking.is_deep
        if request.facets:
            await ranking.read(deep=True)
        found, following = await self._page(request, ranking, offset, at)
        facets = await self._facets(request, ranking, at) if request.facets else {}
        hits = [
            Hit(
                score=ranked.fused.score,
                record=record,
                highlights=query.highlighter.highlights(record.chunk.text) if request.highlight else (),
                explanation=Explanation(ranked.fused.dense, ranked.fused.sparse, ranking.weights, query.language),
            )
            for ranked, record in found
        ]
        if request.cursor is None or ranking.is_deep != was_deep:
            # Looked at before and after: units that are not live, and what became live meanwhile, are counted too.
            is_clean = is_clean and await self._wholeness.is_clean()
            if not is_clean or await self._store.index_version() != index_version:
                ranking.is_clean = False
        if not ranking.is_clean:
            ranking.total_is_exact = False
        more = bool(hits) and (following < len(ranking.entries) or not ranking.is_deep)
        if more:
            await self._kept_rankings.share(request.ranking_hash, index_version, query)
        return SearchResult(
            hits=hits,
            facets=facets,
            total=ranking.total,
            total_is_exact=ranking.total_is_exact,
            next_cursor=Cursor(request.ranking_hash, index_version, following) if more else None,
            index_version=index_version,
            degraded=(*await self._noted(query), *late),
        )

    async def _noted(self, query: PreparedQuery) -> tuple[str, ...]:
        """What was missing as the list was read, and what is missing now."""
        if INCOMPLETE in query.degraded or await self._wholeness.is_whole():
            return query.degraded
        return (*query.degraded, INCOMPLETE)

    async def _query(self, request: SearchRequest, at: int) -> tuple[PreparedQuery, int, int]:
        """The query, where its page begins, and the index version that its ranking was read at."""
        name = request.ranking_hash
        if request.cursor is None:
            query = await self._prepare(request, at)
            await query.ranking.read(deep=False)
            self._kept_rankings.keep(name, at, query)
            return query, 0, at
        cursor = request.cursor
        return await self._kept_rankings.find(request, cursor), cursor.offset, cursor.index_version

    async def _prepare(self, request: SearchRequest, at: int) -> PreparedQuery:
        language = language_of(request.query)
        degraded: list[str] = [] if await self._wholeness.is_known_whole() else [INCOMPLETE]
        # The vector is computed in a thread while the words are analysed here.
        embedding = asyncio.ensure_future(self._embed(request, language, degraded, at))
        try:
            words = await self._words(request, degraded)
            vector = await embedding
        finally:
            embedding.cancel()
        if request.mode == "vector" and vector is None:
            missing = "vectors of the model are not there yet" if "vectors" in degraded else "model is not available"
            raise Unavailable(f"The embedding {missing}, and the mode is `vector`.", code="model_unavailable")
        sparse = words.sparse if words is not None and request.mode != "vector" else None
        if sparse is not None and not sparse.indices:
            sparse = None
        if vector is None and words is None:
            raise Unavailable("Neither the words nor the meaning of this query can be looked up now.")
        ranking = Ranking(
            index=self._index,
            dense=vector,
            sparse=sparse,
            filters=request.allowed_filters,
            weights=weights(dense=vector is not None, sparse=sparse is not None),
            by_document=request.by_document,
        )
        shown = tuple(words.words) if words else ()
        morphemes = words.morphemes if words else ()
        highlighter = Highlighter(shown, morphemes, self._analyzer.stem)
        return PreparedQuery(ranking, shown, morphemes, highlighter, language, tuple(degraded))

    async def _words(self, request: SearchRequest, degraded: list[str]) -> AnalysedQuery | None:
        try:
            return await self._analyzer.query(request.query)
        except Unavailable as error:
            if request.mode == "keyword":
                raise
            _log.warning("searching without words", action="search.degraded", error=error.detail)
            degraded.append("keyword")
            return None

    async def _embed(
        self, request: SearchRequest, language: str | None, degraded: list[str], at: int
    ) -> DenseVector | None:
        """The query's vector; None when it would say nothing or cannot be had."""
        if request.mode == "keyword":
            return None
        try:
            description = self._model.describe()
            readable = model_reads(language, description.languages)
            if not readable:
                if request.mode == "hybrid":
                    return None
                degraded.append("language")
            if description.fingerprint != self._index.fingerprint:
                await asyncio.wait_for(self._index.ready(), self._times.model_seconds)
            if description.fingerprint != self._index.fingerprint:
                degraded.append("vectors")
                return None
            if not await self._renewal.is_complete(description.fingerprint, at):
                degraded.append("vectors")
            digest = hashlib.sha256(request.query.encode()).hexdigest()
            key = f"embedding:{description.fingerprint}:{digest}"
            kept = await self._cache.get(key)
            if kept is not None:
                return DenseVector(description.fingerprint, kept)
            vectors = await asyncio.wait_for(
                self._model.embed([request.query], kind="query"), self._times.model_seconds
            )
            raw = np.ascontiguousarray(vectors[0], dtype="<f4").tobytes()
            await self._cache.put(key, raw, ttl_seconds=self._times.embedding_ttl_seconds)
            return DenseVector(description.fingerprint, raw)
        except (Unavailable, TimeoutError) as error:
            _log.warning("searching without the model", action="search.degraded", error=str(error))
            degraded.append("model")
            return None

    async def _page(
        self, request: SearchRequest, ranking: Ranking, offset: int, at: int
    ) -> tuple[list[tuple[Ranked, HitRecord]], int]:
        """Hits from `offset` on that are live, and where the next page begins. Reads deeper when many are not."""
        found: list[tuple[Ranked, HitRecord]] = []
        while len(found) < request.limit:
            part = ranking.entries[offset : offset + request.limit - len(found)]
            if not part:
                if ranking.is_deep:
                    break
                await ranking.read(deep=True)
                continue
            places = [(one.unit.document_id, one.unit.version, one.unit.chunk_ordinals[0]) for one in part]
            records = await self._store.hits(at, places, context=request.context)
            found.extend((one, record) for one, record in zip(part, records, strict=True) if record is not None)
            offset += len(part)
        return found, offset

    async def _facets(self, request: SearchRequest, ranking: Ranking, at: int) -> dict[str, list[tuple[Any, int]]]:
        """How many documents among the matches have each value, the most frequent first."""
        versions = list(dict.fromkeys((one.unit.document_id, one.unit.version) for one in ranking.entries))
        labelled = await self._store.labels_at(at, versions)
        facets: dict[str, list[tuple[Any, int]]] = {}
        for name in request.facets:
            counts: Counter[Any] = Counter()
            for labels, language in labelled:
                match name:
                    case "collection":
                        values: list[Any] = [labels.collection]
                    case "media_type":
                        values = [labels.media_type]
                    case "language":
                        values = [language]
                    case _:
                        values = _metadata_values(labels.metadata, name.split(".")[1:])
                # True and 1 are equal in Python, but not as values of a facet.
                counts.update({(type(value), value) for value in values if value is not None})
            ordered = sorted(counts.items(), key=lambda item: (-item[1], str(item[0][1])))
            facets[name] = [(value, count) for (_, value), count in ordered[:_MOST_FACET_VALUES]]
        return facets

    async def _await_uploads(self, request: SearchRequest) -> tuple[str, ...]:
        """Until what the token stands for is settled; ("after",) when that took too long."""
        if request.after is None:
            return ()
        deadline = time.monotonic() + self._times.after_seconds
        waiting: Sequence[Any] = read_receipt(request.after)
        while waiting := await self._store.unsettled(waiting):
            left = deadline - time.monotonic()
            if left <= 0:
                return ("after",)
            await self._store.wait_for_change(min(left, self._times.after_step_seconds))
        return ()


def _metadata_values(metadata: Any, keys: Sequence[str]) -> list[Any]:
    value = metadata
    for key in keys:
        if not isinstance(value, dict) or key not in value:
            return []
        value = value[key]
    values = value if isinstance(value, list) else [value]
    return [one for one in values if isinstance(one, str | int | float | bool)]
