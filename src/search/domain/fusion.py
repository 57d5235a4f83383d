"""How the dense and the sparse list become one: a convex sum of min-max scores, weighed query by query.

Source: Bruch, Gai and Ingber, "An Analysis of Fusion Functions for Hybrid Retrieval" (TOIS 2023); the top 100 of each
list as the range of the scores. Where a sparse list is shorter than that, its lowest score is that of the chunks not in
it: 0. The weights follow how decided the words are (measured in docs/search-quality.md): a question whose words are all
in one document is spoilt by vectors that know less, and one whose words are anywhere, or that has few, is not.
"""

import heapq
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, NamedTuple, TypeVar

K = TypeVar("K", bound=Any)
"""Hashable, and ordered among its like."""

RANGE_DEPTH: Final = 100
_COMPARED: Final = 9
_UNDECIDED: Final = 0.1
_DECIDED: Final = 0.5
_DOUBTED: Final = 0.4
_BELIEVED: Final = 1.2
_SHORT: Final = 4.0
_LONG: Final = 10.0
"""What the terms of a query weigh: about as much as it has words that say something."""
_DENSE: Final = 0.55
"""What the dense list counts when the words of a long query are found and undecided."""
_LESS: Final = 0.2
_MORE: Final = 0.3
_MORE_OF_SHORT: Final = 0.1


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

    def scaled(self, scores: Mapping[K, float], weight: float) -> dict[K, float]:
        """Each one scaled, times the weight: as `scale` does it, without a call for each of hundreds."""
        low, high = self.low, self.high
        if high <= low:
            return {key: weight if score >= low else 0.0 for key, score in scores.items()}
        width = high - low
        return {
            key: weight if score >= high else 0.0 if score <= low else weight * ((score - low) / width)
            for key, score in scores.items()
        }


@dataclass(frozen=True, slots=True)
class Weights:
    """How much each list counts. A list of weight 0 adds nothing, not even members."""

    dense: float
    sparse: float


def weights(*, dense: bool, sparse: bool) -> Weights:
    """What the lists count before they are read, summing to 1; `weighed` says it when both have been."""
    lists = int(dense) + int(sparse)
    return Weights(int(dense) / lists, int(sparse) / lists) if lists else Weights(0.0, 0.0)


def decidedness(best_by_document: Iterable[float]) -> float:
    """How far the best document stands above the next nine, in shares of its own score: 0 to 1.

    Of a sparse list's scores (none is negative), one a document, in any order; those that are missing are 0. It does
    not change when all scores are multiplied.
    """
    best, *others = heapq.nlargest(1 + _COMPARED, best_by_document) or [0.0]
    if best <= 0.0:
        return 0.0
    return max(0.0, 1.0 - math.fsum(other / best for other in others) / _COMPARED)


def support(best: float, query_weight: float) -> float:
    """The best sparse score for each unit of the query's weight: near 0 when hardly any of its words is anywhere."""
    return best / query_weight if query_weight > 0.0 else 0.0


def belief(supported: float) -> float:
    """How far what the words found is to be believed, 0 to 1, by `support`: hardly, where few of them were found."""
    return share(supported, _DOUBTED, _BELIEVED)


def weighed(decided: float, supported: float, asked: float) -> Weights:
    """For two lists, by how decided the sparse one is, how well supported, and what all the query's terms weigh.

    The more of any, the less the dense one counts: few words found (a question in another language than the
    passages) say little, however far one passage stands above others, and so do the few words of a short question.
    """
    believed, length = belief(supported), share(asked, _SHORT, _LONG)
    dense = _DENSE - share(decided, _UNDECIDED, _DECIDED) * believed * length * _LESS
    dense += (1.0 - believed) * _MORE + (1.0 - length) * _MORE_OF_SHORT
    return Weights(dense, 1.0 - dense)


def share(value: float, low: float, high: float) -> float:
    """How far a value is on the way from `low` to `high`: 0 before, 1 behind."""
    return min(1.0, max(0.0, (value - low) / (high - low)))


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
    dense = dense if weights.dense else {}
    sparse = sparse if weights.sparse else {}
    of_dense = dense_range.scaled(dense, weights.dense)
    of_sparse = sparse_range.scaled(sparse, weights.sparse)
    nowhere = math.inf
    # What it is sorted by, all of it turned round: the best first. Then what each list said.
    rows: list[tuple[float, float, float, K, float | None, float | None]] = [
        (-(of_dense[key] + of_sparse[key]), -sparse[key], -score, key, score, sparse[key])
        if key in sparse
        else (-of_dense[key], nowhere, -score, key, score, None)
        for key, score in dense.items()
    ]
    rows += [(-of_sparse[key], -score, nowhere, key, None, score) for key, score in sparse.items() if key not in dense]
    rows.sort()
    # A named tuple's own constructor takes twice as long, and there are hundreds.
    made = tuple.__new__
    return [made(Fused, (key, -turned, of_one, of_other)) for turned, _, _, key, of_one, of_other in rows]
