"""The ranking of one query: both lists, fused; read from the index as deep as the pages that are asked for need."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from search.application.by_date import ByDate
from search.application.feedback import moved
from search.application.ports.chunk_index import ChunkIndex, DenseVector, IndexAnswer, ScoredUnit
from search.application.sieve import Sieve
from search.domain.cursor import WINDOW
from search.domain.feedback import EXAMPLES, strength
from search.domain.filters import Filters
from search.domain.fusion import Fused, ScoreRange, Weights, decidedness, fuse, support, weighed
from search.domain.terms import SparseVector
from shared.kernel import DocumentId

SHALLOW: Final = 100
"""How far both lists are read for a first page."""

_LEAST_STEP: Final = 200
"""Texts that a sieve is given in one go, while the window is not full."""

UnitKey = tuple[DocumentId, int, str, int]
"""Document, version, kind, unit ordinal."""


class Ranked(NamedTuple):
    """One unit at its place in the ranking."""

    unit: ScoredUnit
    fused: Fused[UnitKey]
    reranked: float | None = None
    """What a reranker said of it; None: it was not among those that it reordered."""


@dataclass(slots=True)
class Ranking:
    """Grows deeper, never changes its order: scores are scaled by the first reading's ranges and clipped.

    The first reading decides the weights too, when there are two lists.
    """

    index: ChunkIndex
    dense: DenseVector | None
    sparse: SparseVector | None
    filters: Filters
    weights: Weights
    by_document: bool
    with_feedback: bool = False
    """Whether the dense list may be looked up once more, by a vector nearer to what was found best at first."""
    asked: float = 0.0
    """What the query's own words weigh, without those that were added to it: for the weights."""
    sieve: Sieve | None = None
    """What the texts of the hits must pass; then the first reading is a deep one."""
    by_date: ByDate | None = None
    """What orders the hits instead of their scores; then the first reading is a deep one too."""
    entries: list[Ranked] = field(default_factory=list)
    total: int = 0
    total_is_exact: bool = True
    is_deep: bool = False
    is_clean: bool = True
    """False when units that are not live may be among those that were counted: then the total stays an estimate."""
    rerank_seconds: float | None = None
    """What reordering its first entries took; None: they are as they were fused."""
    _ranges: tuple[ScoreRange, ScoreRange] | None = None
    _moved: DenseVector | None = None
    """What the dense list is of instead, after the first reading."""

    async def read(self, *, deep: bool) -> None:
        """Adds what a longer reading of both lists finds. Raises Unavailable."""
        if self.is_deep:
            return
        deep = deep or self._is_sorted_out
        depth = WINDOW if deep else SHALLOW
        answer = await self._listed(self.dense, self.sparse, depth)
        if self._ranges is None:
            await self._begin(answer)
        nearer = answer.dense if self._moved is None else (await self._listed(self._moved, None, depth)).dense
        lists = Lists(answer, nearer)
        self._ranges = self._ranges or lists.ranges
        found = lists.ranked(self.weights, self._ranges)
        if self.sieve is not None:
            found = await self._sieved(found, self.sieve)
        if self.by_date is not None:
            # Whatever has a vector is near to some degree: where words are found, they say what the query is about.
            with_words = [one for one in found if one.fused.sparse is not None]
            found = await self.by_date.ordered(with_words or found)
        self._append(found)
        self.is_deep = deep or max(len(answer.dense), len(answer.sparse)) < depth
        if self.by_document or self._is_sorted_out:
            # The index counts units. How many documents they belong to is known of those that were read.
            self.total, self.total_is_exact = len(self.entries), self.is_deep and answer.total_is_exact

    async def _sieved(self, found: Sequence[Ranked], sieve: Sieve) -> list[Ranked]:
        """Those that are to be listed, in their order. Behind a full window nothing is looked at that no rule moves."""
        is_cut = self.by_date is None and not self.by_document
        step = WINDOW if is_cut and not sieve.moves else len(found)
        most = WINDOW if is_cut else len(found)
        passed: list[Ranked] = []
        start = 0
        while start < len(found) and len(passed) < WINDOW:
            part = found[start : start + step]
            passed += _phrases_first(part, await sieve.has_phrases([one.unit for one in part]), most)
            start += step
            step = max(WINDOW - len(passed), _LEAST_STEP)
        return passed

    @property
    def _is_sorted_out(self) -> bool:
        """Whether more than scores says what is listed, and where."""
        return self.sieve is not None or self.by_date is not None

    def packed(self) -> tuple[Any, ...]:
        """What is not in the request: plain values, at most WINDOW entries."""
        entries = [
            (*one.unit[:4], one.unit.chunk_ordinals, one.unit.score, *one.fused[1:], one.reranked)
            for one in self.entries
        ]
        sparse = None if self.sparse is None else (self.sparse.indices, self.sparse.values)
        vectors = (self.dense, self._moved, sparse)
        ranges = None if self._ranges is None else [(one.low, one.high) for one in self._ranges]
        weights = (self.weights.dense, self.weights.sparse)
        numbers = (self.total, self.total_is_exact, self.is_deep, self.rerank_seconds)
        return vectors, weights, ranges, *numbers, entries

    @classmethod
    def restored(cls, packed: Sequence[Any], *, index: ChunkIndex, filters: Filters, by_document: bool) -> "Ranking":
        """The inverse, for the same request. Raises ValueError or TypeError when it is something else."""
        vectors, weights, ranges, total, total_is_exact, is_deep, rerank_seconds, entries = packed
        dense, moved_to, sparse = vectors
        of_dense, of_sparse = ranges
        ranking = cls(
            index=index,
            dense=None if dense is None else DenseVector(*dense),
            sparse=None if sparse is None else SparseVector(*sparse),
            filters=filters,
            weights=Weights(*weights),
            by_document=by_document,
            total=total,
            total_is_exact=total_is_exact,
            is_deep=is_deep,
            rerank_seconds=rerank_seconds,
            _ranges=(ScoreRange(*of_dense), ScoreRange(*of_sparse)),
            _moved=None if moved_to is None else DenseVector(*moved_to),
        )
        units = [ScoredUnit(*one[:6]) for one in entries]
        ranking._append(
            [Ranked(unit, Fused(_key(unit), *one[6:-1]), one[-1]) for unit, one in zip(units, entries, strict=True)]
        )
        return ranking

    async def _listed(self, dense: DenseVector | None, sparse: SparseVector | None, limit: int) -> IndexAnswer:
        return await self.index.search(dense=dense, sparse=sparse, filters=self.filters, limit=limit, window=WINDOW)

    async def _begin(self, answer: IndexAnswer) -> None:
        """What the first reading decides: how much each list counts, and whether the query's vector moves."""
        self.total, self.total_is_exact = answer.total, answer.total_is_exact
        if not (self.weights.dense and self.weights.sparse):
            return
        words = _best_by_document(answer.sparse).values()
        supported = support(max(words, default=0.0), self.asked)
        self.weights = weighed(decidedness(words), supported, self.asked)
        if self.dense is None or not self.with_feedback or self.by_date is not None:
            return
        far = strength([unit.score for unit in answer.dense], _best_by_document(answer.dense).values(), supported)
        if far > 0.0:
            examples: dict[DocumentId, tuple[ScoredUnit, float]] = {}
            for one in Lists(answer, answer.dense).ranked(self.weights):
                examples.setdefault(one.unit.document_id, (one.unit, one.fused.score))
            self._moved = await moved(self.index, self.dense, list(examples.values())[:EXAMPLES], far)

    def _append(self, found: Sequence[Ranked]) -> None:
        entries = self.entries
        if not entries and not self.by_document:
            entries += found[:WINDOW]  # each is there once
            return
        seen = {self._same(one) for one in entries}
        for one in found:
            if len(entries) >= WINDOW:
                return
            same = self._same(one)
            if same not in seen:
                seen.add(same)
                entries.append(one)

    def _same(self, one: Ranked) -> object:
        """What it stands for: no two entries stand for the same."""
        return one[0][:2] if self.by_document else one[1][0]


class Lists:
    """What the index answered, by unit; its dense list by the query's own vector, or by one nearer to what it means."""

    def __init__(self, answer: IndexAnswer, dense: Sequence[ScoredUnit]) -> None:
        self._units: dict[UnitKey, ScoredUnit] = {}
        self._own = _scores(answer.dense, self._units)
        self._dense = self._own if dense is answer.dense else _scores(dense, self._units)
        self._sparse = _scores(answer.sparse, self._units)

    @property
    def ranges(self) -> tuple[ScoreRange, ScoreRange]:
        """Of these lists."""
        return ScoreRange.of(list(self._dense.values())), ScoreRange.of(list(self._sparse.values()), absent=0.0)

    def ranked(self, weights: Weights, ranges: tuple[ScoreRange, ScoreRange] | None = None) -> list[Ranked]:
        """Fused; each says what it scored by the query's own vector."""
        of_dense, of_sparse = ranges or self.ranges
        fused = fuse(self._dense, self._sparse, weights=weights, dense_range=of_dense, sparse_range=of_sparse)
        # A named tuple's own constructor takes twice as long, and there are hundreds.
        made, units, own = tuple.__new__, self._units, self._own
        if self._dense is not own:
            fused = [made(Fused, (key, score, own.get(key), sparse)) for key, score, _, sparse in fused]
        return [made(Ranked, (units[one[0]], one, None)) for one in fused]


def _phrases_first(found: Sequence[Ranked], has_phrases: Sequence[bool | None], most: int) -> list[Ranked]:
    """Those that have them in the upper half of the scores, the others below; each in their order, so many at most."""
    with_phrases = [one for one, has in zip(found, has_phrases, strict=True) if has]
    without = [one for one, has in zip(found, has_phrases, strict=True) if has is False]
    return [
        *(_with_score(one, (one.fused.score + 1.0) / 2) for one in with_phrases[:most]),
        *(_with_score(one, one.fused.score / 2) for one in without[: max(0, most - len(with_phrases))]),
    ]


def _with_score(one: Ranked, score: float) -> Ranked:
    key, _, dense, sparse = one.fused
    # A named tuple's own constructor takes twice as long, and there are a thousand.
    made = tuple.__new__
    return made(Ranked, (one.unit, made(Fused, (key, score, dense, sparse)), one.reranked))


def _key(unit: ScoredUnit) -> UnitKey:
    return unit.document_id, unit.version, unit.kind, unit.ordinal


def _best_by_document(listed: Sequence[ScoredUnit]) -> dict[DocumentId, float]:
    best: dict[DocumentId, float] = {}
    for unit in listed:
        best.setdefault(unit.document_id, unit.score)
    return best


def _scores(listed: Sequence[ScoredUnit], units: dict[UnitKey, ScoredUnit]) -> dict[UnitKey, float]:
    keyed = {(unit[0], unit[1], unit[3], unit[2]): unit for unit in listed}
    units |= keyed
    return {key: unit[5] for key, unit in keyed.items()}
