"""How the dense and the sparse list become one: a convex sum of min-max scores.

Source: Bruch, Gai and Ingber, "An Analysis of Fusion Functions for Hybrid Retrieval" (TOIS 2023); equal
weights and the top 100 of each list as the range of the scores. Where a sparse list is shorter than that,
its lowest score is that of the chunks not in it: 0.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, NamedTuple, TypeVar

K = TypeVar("K", bound=Any)
"""Hashable, and ordered among its like."""

RANGE_DEPTH: Final = 100


@dataclass(frozen=True, slots=True)
class ScoreRange:
    """The scores that become 0 and 1; what lies outside is clipped, so that deeper lists change no order."""

    low: float
    high: float

    @classmethod
    def of(cls, scores: Sequence[float], *, absent: float | None = None) -> "ScoreRange":
        """From a list's best RANGE_DEPTH scores (any order); `absent` is the score of what is not listed."""
        best = sorted(scores, reverse=True)[:RANGE_DEPTH]
        if not best:
            return cls(0.0, 0.0)
        low = best[-1] if absent is None or len(best) == RANGE_DEPTH else min(absent, best[-1])
        return cls(low, best[0])

    def scale(self, score: float) -> float:
        """Between 0 and 1; 1 for every member of a list whose scores are all the same."""
        if self.high <= self.low:
            return 1.0 if score >= self.low else 0.0
        return min(1.0, max(0.0, (score - self.low) / (self.high - self.low)))


@dataclass(frozen=True, slots=True)
class Weights:
    """How much each list counts. A list of weight 0 adds nothing, not even members."""

    dense: float
    sparse: float


def weights(*, dense: bool, sparse: bool) -> Weights:
    """Equal weights for the lists there are, summing to 1."""
    lists = int(dense) + int(sparse)
    return Weights(int(dense) / lists, int(sparse) / lists) if lists else Weights(0.0, 0.0)


class Fused(NamedTuple, Generic[K]):
    """One member with its fused score and what each list said of it (None: not in that list)."""

    key: K
    score: float
    dense: float | None
    sparse: float | None


def fuse(
    dense: Mapping[K, float],
    sparse: Mapping[K, float],
    *,
    weights: Weights,
    dense_range: ScoreRange,
    sparse_range: ScoreRange,
) -> list[Fused[K]]:
    """Best first. The order of the mappings does not matter; a higher score in a list never lowers a member.

    Ties are broken by the raw scores, then by the key, so that equal input gives equal output.
    """
    nowhere = float("-inf")
    dense = dense if weights.dense else {}
    sparse = sparse if weights.sparse else {}
    rows = []
    for key in {**dense, **sparse}:
        dense_score, sparse_score = dense.get(key), sparse.get(key)
        score = 0.0
        if dense_score is not None:
            score += weights.dense * dense_range.scale(dense_score)
        if sparse_score is not None:
            score += weights.sparse * sparse_range.scale(sparse_score)
        rows.append(
            (
                -score,
                -(nowhere if sparse_score is None else sparse_score),
                -(nowhere if dense_score is None else dense_score),
                key,
            )
        )
    rows.sort()
    return [Fused(row[3], -row[0], dense.get(row[3]), sparse.get(row[3])) for row in rows]
