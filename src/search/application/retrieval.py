"""The capability "search": a request becomes hits, each checked against the live record."""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any, Final

from search.application.by_date import ByDate
from search.application.facets import Counts, Facets
from search.application.kept_answers import KeptAnswers
from search.application.kept_rankings import KeptRankings, PreparedQuery
from search.application.lexicons import Lexicons
from search.application.misspellings import Misspellings
from search.application.ports.analysis import AnalysedQuery, Analyzer
from search.application.ports.chunk_index import ChunkIndex
from search.application.ports.live_store import HitRecord, LiveView
from search.application.query_vectors import QueryVectors
from search.application.ranking import Ranked, Ranking
from search.application.renewal import Renewal
from search.application.request import SearchRequest
from search.application.reranking import RERANK, Reranking
from search.application.search_log import SearchLog
from search.application.sieve import Sieve
from search.application.snapshots import Snapshots
from search.application.wholeness import INCOMPLETE, Wholeness
from search.domain.cursor import Cursor
from search.domain.fusion import Weights, weights
from search.domain.highlight import Highlight, Highlighter
from search.domain.language import language_of
from search.domain.query_syntax import Phrase, QuerySyntax, is_one_word, read_query
from search.domain.terms import CORRECTED_WEIGHT
from shared.events.receipt import read_receipt
from shared.events.search import SearchPerformed
from shared.kernel import NotFound, Unavailable, new_id
from shared.ports.model import Model
from shared.ports.storage import Cache
from shared.runtime.both import both
from shared.telemetry import Metrics, get_log

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
    corrected_ttl_seconds: float = 5.0
    """The same of one corrected by a vocabulary that does not know yet what is live."""
    embedding_ttl_seconds: float = 3600.0


_TIMES: Final = RetrievalTimes()


@dataclass(frozen=True, slots=True)
class Explanation:
    """What each list said of a hit; None: not in it."""

    dense_score: float | None
    sparse_score: float | None
    weights: Weights
    language: str | None
    reranked: float | None = None
    """What a reranker said; None: it reordered others, or none."""
    found: Sequence[Highlight] = ()
    """What of the query stands in the chunk; looked for when it is to be explained or marked."""


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
    facets: Counts
    facets_are_exact: bool
    """Whether they count all that matches, and nothing else."""
    total: int
    total_is_exact: bool
    next_cursor: Cursor | None
    index_version: int
    degraded: tuple[str, ...]
    did_you_mean: str | None = None
    """The query as it was likely meant, which was looked for too."""
    asked: float = 0.0
    """What all its terms weigh together; 0 where they were not looked up, or on a later page."""
    rerank_seconds: float | None = None
    """What it took to reorder the best; None: they are as they were fused."""


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
        misspellings: Misspellings,
        lexicons: Lexicons,
        cache: Cache,
        search_log: SearchLog,
        metrics: Metrics,
        reranking: Reranking | None = None,
        times: RetrievalTimes = _TIMES,
    ) -> None:
        self._index = index
        self._store = store
        self._snapshots = snapshots
        self._wholeness = wholeness
        self._analyzer = analyzer
        self._vectors = QueryVectors(
            model,
            index,
            renewal,
            cache,
            model_seconds=times.model_seconds,
            ttl_seconds=times.embedding_ttl_seconds,
        )
        self._misspellings = misspellings
        self._lexicons = lexicons
        self._search_log = search_log
        self._metrics = metrics
        self._reranking = reranking
        self._times = times
        self._kept_answers = KeptAnswers(
            cache,
            misspellings,
            ttl_seconds=times.result_ttl_seconds,
            corrected_ttl_seconds=times.corrected_ttl_seconds,
        )
        self._kept_rankings = KeptRankings(cache, index, analyzer)
        self._facets = Facets(index, store)

    async def answer(self, request: SearchRequest, render: Callable[[SearchResult], bytes]) -> Answer:
        """The rendered result; rendered ones are kept until anything in the index changes.

        Raises InvalidInput, WrongCursor, NotFound (an unknown collection), Gone (`cursor_expired`), Unavailable.
        """
        started = time.perf_counter()
        request.check()
        late = await self._await_uploads(request)
        hits, degraded = -1, late
        async with AsyncExitStack() as stack:
            at, lexicon = await both(stack.enter_async_context(self._snapshots.reading()), self._lexicons.version())
            self._misspellings.follow(at)
            # Another reranker, also of another process, gives another order.
            order = "" if self._reranking is None else self._reranking.name
            kept = self._kept_answers.begin(request, at, lexicon, order)
            body = None if late else await self._kept_answers.find(kept, request)
            cached = body is not None
            if body is None:
                result = await self._search(request, late, at, lexicon)
                body = render(result)
                hits, degraded = len(result.hits), result.degraded
                # A page of an older list is not what the key says. A change meanwhile has raised the number.
                if not degraded and result.index_version == at:
                    await self._kept_answers.keep(kept, body, is_corrected=result.did_you_mean is not None)
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
            self._misspellings.follow(at)
            return await self._search(request, late, at, None)

    async def _search(
        self, request: SearchRequest, late: tuple[str, ...], at: int, lexicon: int | None
    ) -> SearchResult:
        """`lexicon` is the version of the one that counts, where it is known already."""
        # Side by side, here and below: each may be a call of another machine.
        is_clean, query = await both(self._begin(request), self._ready(request, at, lexicon))
        name, offset, index_version = await self._list(request, query, at)
        ranking, was_deep = query.ranking, query.ranking.is_deep
        found, following = await self._page(request, ranking, offset, at)
        faceted = await self._facets.count(request.facets, ranking, at) if request.facets else None
        hits = [self._hit(request, query, ranked, record) for ranked, record in found]
        if request.cursor is None or ranking.is_deep != was_deep:
            # Looked at before and after: units that are not live, and what became live meanwhile, are counted too.
            if is_clean:
                still_clean, now = await both(self._wholeness.is_clean(), self._store.index_version())
                is_clean = still_clean and now == index_version
            if not is_clean:
                ranking.is_clean = False
        if not ranking.is_clean:
            ranking.total_is_exact = False
        more = bool(hits) and (following < len(ranking.entries) or not ranking.is_deep)
        if more:
            await self._kept_rankings.share(name, index_version, query)
        return SearchResult(
            hits=hits,
            facets=faceted.counts if faceted else {},
            facets_are_exact=faceted is None or (faceted.is_exact and ranking.is_clean),
            total=ranking.total,
            total_is_exact=ranking.total_is_exact,
            next_cursor=Cursor(name, index_version, following) if more else None,
            index_version=index_version,
            degraded=(*await self._noted(query), *late),
            did_you_mean=query.did_you_mean,
            asked=ranking.asked,
            rerank_seconds=ranking.rerank_seconds,
        )

    @staticmethod
    def _hit(request: SearchRequest, query: PreparedQuery, ranked: Ranked, record: HitRecord) -> Hit:
        is_looked_for = request.highlight or request.explain
        marks = query.highlighter.highlights(record.chunk.text) if is_looked_for else ()
        fused, weights = ranked.fused, query.ranking.weights
        explanation = Explanation(fused.dense, fused.sparse, weights, query.language, ranked.reranked, marks)
        return Hit(fused.score, record, marks if request.highlight else (), explanation)

    async def _noted(self, query: PreparedQuery) -> tuple[str, ...]:
        """What was missing as the list was read, and what is missing now."""
        if INCOMPLETE in query.degraded or await self._wholeness.is_whole():
            return query.degraded
        return (*query.degraded, INCOMPLETE)

    async def _begin(self, request: SearchRequest) -> bool:
        """Whether the index is clean before it is read. Raises NotFound for a collection that there is not."""
        unknown, is_clean = await both(self._store.unknown_collections(request.collections), self._wholeness.is_clean())
        if unknown:
            raise NotFound(f"There is no collection named {unknown[0]!r}.", code="collection_not_found")
        return is_clean

    async def _ready(self, request: SearchRequest, at: int, lexicon: int | None) -> PreparedQuery:
        """Made ready for the index, or that of the list which the request pages through."""
        if request.cursor is None:
            return await self._prepare(request, at, lexicon)
        return await self._kept_rankings.find(request, request.cursor)

    async def _list(self, request: SearchRequest, query: PreparedQuery, at: int) -> tuple[str, int, int]:
        """The name of the query's list, where its page begins, and the index version that the list was read at."""
        if request.cursor is not None:
            return request.cursor.query_hash, request.cursor.offset, request.cursor.index_version
        await query.ranking.read(deep=False)
        name = request.ranking_hash
        if self._reranking is not None and not await self._reranking.reorder(request, query, at):
            query.degraded = (*query.degraded, RERANK)
            # Who pages through it goes on in this order, whatever the reranker says to others meanwhile.
            name = request.fused_ranking_hash
        self._kept_rankings.keep(name, at, query)
        return name, 0, at

    async def _prepare(self, request: SearchRequest, at: int, lexicon: int | None) -> PreparedQuery:
        syntax = read_query(request.query)
        language = language_of(syntax.text)
        degraded: list[str] = [] if await self._wholeness.is_known_whole() else [INCOMPLETE]
        # The vector is computed in a thread while the words are looked at here: hardly any query is misspelt.
        embedding = asyncio.ensure_future(self._vectors.of(request, syntax.text, language, at))
        try:
            await asyncio.sleep(0)  # so that it begins before what follows
            meant = await self._misspellings.meant(syntax.text, request) if request.correct else None
            if meant is not None:
                embedding.cancel()
                embedding = asyncio.ensure_future(self._vectors.of(request, meant, language, at))
                await asyncio.sleep(0)
            words = await self._words(request, syntax.text, degraded)
            weight = words.weight if words is not None else 0.0
            if words is not None and meant is not None:
                corrected_words = await self._analyzer.query(meant)
                weight = corrected_words.weight
                words = words.along_with(corrected_words, CORRECTED_WEIGHT)
            if words is not None:
                words = await self._lexicons.expanded(meant or syntax.text, words, version=lexicon)
            shown = tuple(words.words) if words else ()
            morphemes = words.morphemes if words else ()
            highlighter = Highlighter(shown, morphemes, self._analyzer.stem)
            vector, lacking = await embedding
        finally:
            embedding.cancel()
        degraded += lacking
        if request.mode == "vector" and vector is None:
            missing = "vectors of the model are not there yet" if "vectors" in degraded else "model is not available"
            raise Unavailable(f"The embedding {missing}, and the mode is `vector`.", code="model_unavailable")
        sparse = words.sparse if words is not None and request.mode != "vector" else None
        if sparse is not None and not sparse.indices:
            sparse = None
        if vector is None and words is None:
            raise Unavailable("Neither the words nor the meaning of this query can be looked up now.")
        by_score = request.sort == "score"
        ranking = Ranking(
            index=self._index,
            dense=vector,
            sparse=sparse,
            filters=request.allowed_filters,
            weights=weights(dense=vector is not None, sparse=sparse is not None),
            by_document=request.by_document,
            with_feedback=True,
            asked=weight,
            sieve=None if syntax.is_plain else await self._sieve(syntax, at),
            by_date=None if by_score else ByDate(self._store, at, newest_first=request.sort == "newest"),
        )
        return PreparedQuery(ranking, shown, morphemes, highlighter, language, tuple(degraded), meant)

    async def _sieve(self, syntax: QuerySyntax, at: int) -> Sieve:
        excludes: list[Callable[[str], bool]] = []
        for written in syntax.excluded:
            if not is_one_word(written):
                excludes.append(Phrase(written).is_in)
                continue
            words = await self._analyzer.query(written)
            excludes.append(Highlighter(words.words, words.morphemes, self._analyzer.stem).is_in)
        return Sieve(self._store, at, phrases=[Phrase(one) for one in syntax.phrases], excludes=excludes)

    async def _words(self, request: SearchRequest, text: str, degraded: list[str]) -> AnalysedQuery | None:
        try:
            return await self._analyzer.query(text)
        except Unavailable as error:
            if request.mode == "keyword":
                raise
            _log.warning("searching without words", action="search.degraded", error=error.detail)
            degraded.append("keyword")
            return None

    async def _page(
        self, request: SearchRequest, ranking: Ranking, offset: int, at: int
    ) -> tuple[list[tuple[Ranked, HitRecord]], int]:
        """Hits from `offset` on that are live, and where the next page begins. Reads deeper when many are not."""
        found: list[tuple[Ranked, HitRecord]] = []
        lost = 0
        while len(found) < request.limit:
            # Where some are not live more of them are likely not to be: all that is missing is to come at once.
            part = ranking.entries[offset : offset + request.limit - len(found) + 2 * lost]
            if not part:
                if ranking.is_deep:
                    break
                await ranking.read(deep=True)
                continue
            places = [(one.unit.document_id, one.unit.version, one.unit.chunk_ordinals[0]) for one in part]
            records = await self._store.hits(at, places, context=request.context)
            for one, record in zip(part, records, strict=True):
                if len(found) == request.limit:
                    break
                offset += 1
                if record is not None:
                    found.append((one, record))
                else:
                    lost += 1
        return found, offset

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
