"""The ranking of one query: both lists, fused; read from the index as deep as the pages that are asked for need."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from search.application.ports import ChunkIndex, DenseVector, IndexAnswer, ScoredUnit
from search.domain.cursor import WINDOW
from search.domain.filters import Filters
from search.domain.fusion import Fused, ScoreRange, Weights, fuse
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
        if self.is_deep and self.by_document:
            self.total, self.total_is_exact = len(self.entries), answer.total_is_exact

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
            unit = units[one.key]
            same: object = (unit.document_id, unit.version) if self.by_document else one.key
            if same not in self._seen and len(self.entries) < WINDOW:
                self._seen.add(same)
                self.entries.append(Ranked(unit, one))


def _scores(listed: Sequence[ScoredUnit], units: dict[UnitKey, ScoredUnit]) -> dict[UnitKey, float]:
    scores: dict[UnitKey, float] = {}
    for unit in listed:
        key = (unit.document_id, unit.version, unit.kind, unit.ordinal)
        units[key] = unit
        scores[key] = unit.score
    return scores
