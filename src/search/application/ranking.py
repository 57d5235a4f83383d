"""The ranking of one query: both lists, fused; read from the index as deep as the pages that are asked for need."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from search.application.ports.chunk_index import ChunkIndex, DenseVector, IndexAnswer, ScoredUnit
from search.domain.cursor import WINDOW
from search.domain.filters import Filters
from search.domain.fusion import Fused, ScoreRange, Weights, fuse, weights
from search.domain.terms import SparseVector
from shared.kernel import DocumentId

SHALLOW: Final = 100
"""How far both lists are read for a first page."""

UnitKey = tuple[DocumentId, int, str, int]
"""Document, version, kind, unit ordinal."""


class Ranked(NamedTuple):
    """One unit at its place in the ranking."""

    unit: ScoredUnit
    fused: Fused[UnitKey]


@dataclass(slots=True)
class Ranking:
    """Grows deeper, never changes its order: scores are scaled by the first reading's ranges and clipped."""

    index: ChunkIndex
    dense: DenseVector | None
    sparse: SparseVector | None
    filters: Filters
    weights: Weights
    by_document: bool
    entries: list[Ranked] = field(default_factory=list)
    total: int = 0
    total_is_exact: bool = True
    is_deep: bool = False
    is_clean: bool = True
    """False when units that are not live may be among those that were counted: then the total stays an estimate."""
    _ranges: tuple[ScoreRange, ScoreRange] | None = None
    _seen: set[object] = field(default_factory=set)

    async def read(self, *, deep: bool) -> None:
        """Adds what a longer reading of both lists finds. Raises Unavailable."""
        if self.is_deep:
            return
        depth = WINDOW if deep else SHALLOW
        answer = await self.index.search(
            dense=self.dense, sparse=self.sparse, filters=self.filters, limit=depth, window=WINDOW
        )
        self._add(answer)
        self.is_deep = deep or max(len(answer.dense), len(answer.sparse)) < depth
        if self.by_document:
            # The index counts units. How many documents they belong to is known of those that were read.
            self.total, self.total_is_exact = len(self.entries), self.is_deep and answer.total_is_exact

    def packed(self) -> tuple[Any, ...]:
        """What is not in the request: plain values, at most WINDOW entries."""
        entries = [
            (*one.unit[:4], one.unit.chunk_ordinals, one.unit.score, one.fused.score, one.fused.dense, one.fused.sparse)
            for one in self.entries
        ]
        sparse = None if self.sparse is None else (self.sparse.indices, self.sparse.values)
        ranges = None if self._ranges is None else [(one.low, one.high) for one in self._ranges]
        return self.dense, sparse, ranges, self.total, self.total_is_exact, self.is_deep, entries

    @classmethod
    def restored(cls, packed: Sequence[Any], *, index: ChunkIndex, filters: Filters, by_document: bool) -> "Ranking":
        """The inverse, for the same request. Raises ValueError or TypeError when it is something else."""
        dense, sparse, ranges, total, total_is_exact, is_deep, entries = packed
        of_dense, of_sparse = ranges
        ranking = cls(
            index=index,
            dense=None if dense is None else DenseVector(*dense),
            sparse=None if sparse is None else SparseVector(*sparse),
            filters=filters,
            weights=weights(dense=dense is not None, sparse=sparse is not None),
            by_document=by_document,
            total=total,
            total_is_exact=total_is_exact,
            is_deep=is_deep,
            _ranges=(ScoreRange(*of_dense), ScoreRange(*of_sparse)),
        )
        for document_id, version, ordinal, kind, chunk_ordinals, score, fused, in_dense, in_sparse in entries:
            unit = ScoredUnit(document_id, version, ordinal, kind, chunk_ordinals, score)
            ranking._append(Ranked(unit, Fused(_key(unit), fused, in_dense, in_sparse)))
        return ranking

    def _add(self, answer: IndexAnswer) -> None:
        units: dict[UnitKey, ScoredUnit] = {}
        dense = _scores(answer.dense, units)
        sparse = _scores(answer.sparse, units)
        if self._ranges is None:
            self._ranges = (
                ScoreRange.of(list(dense.values())),
                ScoreRange.of(list(sparse.values()), absent=0.0),
            )
            self.total, self.total_is_exact = answer.total, answer.total_is_exact
        dense_range, sparse_range = self._ranges
        fused = fuse(dense, sparse, weights=self.weights, dense_range=dense_range, sparse_range=sparse_range)
        for one in fused:
            self._append(Ranked(units[one.key], one))

    def _append(self, one: Ranked) -> None:
        same: object = (one.unit.document_id, one.unit.version) if self.by_document else one.fused.key
        if same not in self._seen and len(self.entries) < WINDOW:
            self._seen.add(same)
            self.entries.append(one)


def _key(unit: ScoredUnit) -> UnitKey:
    return unit.document_id, unit.version, unit.kind, unit.ordinal


def _scores(listed: Sequence[ScoredUnit], units: dict[UnitKey, ScoredUnit]) -> dict[UnitKey, float]:
    scores: dict[UnitKey, float] = {}
    for unit in listed:
        key = _key(unit)
        units[key] = unit
        scores[key] = unit.score
    return scores
