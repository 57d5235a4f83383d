"""One measured figure: what was seen, against which baseline, and what is wanted."""

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


def median(values: Sequence[float]) -> float:
    """The middle value."""
    return statistics.median(values)
