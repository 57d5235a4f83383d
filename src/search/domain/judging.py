"""How good a ranking is, how sure that is, and whether another one is better.

nDCG as in BEIR: gains are the graded judgements, discounted by log2(rank + 1), the ideal order being 1. Intervals by
the bootstrap over questions (Efron 1979); significance by paired randomisation (Smucker, Allan and Carterette 2007).
"""

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import mul
from typing import Final

MEASURES: Final = ("ndcg_10", "recall_10", "recall_100", "mrr_10")
DEPTH: Final = 100
"""Ranks that are looked at."""
_NEAR: Final = 10
_RESAMPLED: Final = 1_000
_SHUFFLED: Final = 5_000
_CONFIDENCE: Final = 0.95


def measured(ranked: Sequence[str], grades: Mapping[str, int]) -> dict[str, float]:
    """Every measure of one ranking, in 0..1. `grades` are of what is relevant, above 0 each, and at least one."""
    found = [grades.get(name, 0) for name in ranked[:DEPTH]]
    first = next((rank for rank, grade in enumerate(found[:_NEAR], start=1) if grade), 0)
    return {
        "ndcg_10": _discounted(found[:_NEAR]) / _discounted(sorted(grades.values(), reverse=True)[:_NEAR]),
        "recall_10": sum(map(bool, found[:_NEAR])) / len(grades),
        "recall_100": sum(map(bool, found)) / len(grades),
        "mrr_10": 1 / first if first else 0.0,
    }


def _discounted(grades: Sequence[int]) -> float:
    return sum(grade / math.log2(rank + 2) for rank, grade in enumerate(grades))


def mean(values: Sequence[float]) -> float:
    """The mean of at least one value."""
    return math.fsum(values) / len(values)


def interval(values: Sequence[float], *, seed: int = 0) -> tuple[float, float]:
    """Where the mean lies with 95 % confidence: percentiles of the means of 1,000 resamples."""
    source = random.Random(seed)
    means = sorted(mean(source.choices(values, k=len(values))) for _ in range(_RESAMPLED))
    aside = round((1 - _CONFIDENCE) / 2 * _RESAMPLED)
    return means[aside], means[-1 - aside]


@dataclass(frozen=True, slots=True)
class Difference:
    """Of two runs over the same questions."""

    mean: float
    """The later one minus the earlier one."""
    low: float
    high: float
    """Its interval of 95 %."""
    p: float
    """How often chance alone gives as large a difference."""


def difference(before: Sequence[float], after: Sequence[float], *, seed: int = 0) -> Difference:
    """Compares values question by question; both of one length, at least one."""
    changes = [new - old for old, new in zip(before, after, strict=True)]
    low, high = interval(changes, seed=seed)
    return Difference(mean(changes), low, high, _chance(changes, seed))


def _chance(changes: Sequence[float], seed: int) -> float:
    """Two-sided: the share of 5,000 random swaps of the runs' answers that differ as much, the one seen included."""
    changed = [change for change in changes if change]
    seen = abs(math.fsum(changed))
    if not changed:
        return 1.0
    source = random.Random(seed)
    as_large = 0
    for _ in range(_SHUFFLED):
        signs = source.choices((-1, 1), k=len(changed))
        # Sums in another order differ by rounding.
        as_large += abs(sum(map(mul, signs, changed))) >= seen - 1e-12
    return (as_large + 1) / (_SHUFFLED + 1)
