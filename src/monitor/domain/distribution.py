"""Quantiles of a distribution of which only counts by upper bound are known."""

import math
from collections.abc import Mapping


def between(now: Mapping[float, float], before: Mapping[float, float]) -> dict[float, float]:
    """What came between two looks at counts that only rise; of a process that began anew, all of it."""
    begun_anew = any(count < before.get(bound, 0) for bound, count in now.items())
    return {bound: count - (0 if begun_anew else before.get(bound, 0)) for bound, count in now.items()}


def quantile(counts: Mapping[float, float], share: float) -> float | None:
    """The value below which `share` (0 to 1) of the samples lie, linear inside its bucket as Prometheus's
    `histogram_quantile` does it; of the bucket without an upper bound its lower one; None without samples.

    `counts` are cumulative by upper bound, the last of which is infinite.
    """
    bounds = sorted(counts)
    total = counts[bounds[-1]] if bounds else 0
    if total <= 0:
        return None
    rank, lower, below = share * total, 0.0, 0.0
    for bound in bounds:
        if counts[bound] >= rank and counts[bound] > below:
            if math.isinf(bound):
                return lower
            return lower + (bound - lower) * (rank - below) / (counts[bound] - below)
        lower, below = bound, counts[bound]
    return lower
