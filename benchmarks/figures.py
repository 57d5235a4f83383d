"""One measured figure: what was seen, against which baseline, and what is wanted."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Figure:
    """`holds` says whether `seen` is within `wanted`; None where there was nothing to compare with."""

    id: str
    what: str
    seen: float
    unit: str
    baseline: float | None
    wanted: str
    holds: bool | None
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """Seen against the baseline."""
        return None if not self.baseline else self.seen / self.baseline

    def as_row(self) -> dict[str, Any]:
        """For results.json."""
        return {**asdict(self), "ratio": self.ratio}


def at_most(id: str, what: str, seen: float, unit: str, baseline: float, limit: float, note: str = "") -> Figure:
    """Wanted: seen ≤ limit × baseline."""
    return Figure(id, what, seen, unit, baseline, f"≤ {limit} × baseline", seen <= limit * baseline, note)


def at_least(id: str, what: str, seen: float, unit: str, baseline: float, limit: float, note: str = "") -> Figure:
    """Wanted: seen ≥ limit × baseline."""
    return Figure(id, what, seen, unit, baseline, f"≥ {limit} × baseline", seen >= limit * baseline, note)


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which `share` (0..1) of the values lie, by nearest rank."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def median_interval(values: Sequence[float], *, confidence: float = 0.95) -> tuple[float, float] | None:
    """Between which of the values the median lies with that confidence, by the sign test; None where they are too few.

    It asks nothing of how they are spread. (Conover, Practical Nonparametric Statistics, 3.2.)
    """
    ordered, count = sorted(values), len(values)
    found, beyond = None, 0.0
    for place in range(count // 2):
        # So likely all but `place` of the values are on one side of the median.
        beyond += math.comb(count, place) / 2**count
        if 2 * beyond > 1 - confidence:
            break
        found = (ordered[place], ordered[count - 1 - place])
    return found


def median(values: Sequence[float]) -> float:
    """The middle value."""
    return statistics.median(values)
