"""A number that is watched over time: its series, and what of it is kept for how long."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import Final, NamedTuple

from shared.kernel import InvalidInput

Labels = tuple[tuple[str, str], ...]
"""By name, each once."""

_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,99}")
_LONGEST_VALUE: Final = 200


class SeriesKey(NamedTuple):
    """Which series: one metric with one set of labels."""

    name: str
    labels: Labels = ()


@dataclass(frozen=True, slots=True)
class SystemMetric:
    """One value of one series."""

    series: SeriesKey
    value: float
    at: datetime


class Resolution(IntEnum):
    """Seconds from one point to the next."""

    SECOND = 1
    MINUTE = 60
    HOUR = 3600

    @property
    def kept_seconds(self) -> int:
        """An hour, a week, a year."""
        return {Resolution.SECOND: 3600, Resolution.MINUTE: 7 * 86400, Resolution.HOUR: 365 * 86400}[self]


class Point(NamedTuple):
    """What a series was between `start` (seconds since 1970, a multiple of the resolution) and the next point."""

    start: int
    samples: int
    mean: float
    least: float
    most: float


def labels_of(labels: Mapping[str, str]) -> Labels:
    """Sorted by name. Raises InvalidInput for a name or a value that no series can have."""
    for name, value in labels.items():
        if not _NAME.fullmatch(name) or not value.isprintable() or len(value) > _LONGEST_VALUE:
            raise InvalidInput(f"There is no label {name!r} with the value {value[:_LONGEST_VALUE]!r}.")
    return tuple(sorted(labels.items()))


def matches(wanted: Labels, labels: Labels) -> bool:
    """Whether every wanted label is there with its value."""
    return not wanted or set(wanted) <= set(labels)


def merged(points: Iterable[Point], step_seconds: int) -> list[Point]:
    """Coarser points, in order: one for every `step_seconds` in which there is any.

    The mean weighs each point by its samples; merging in steps gives what merging at once gives.
    """
    found: dict[int, Point] = {}
    for point in points:
        start = point.start - point.start % step_seconds
        before = found.get(start)
        found[start] = point._replace(start=start) if before is None else _joined(before, point)
    return [found[start] for start in sorted(found)]


def _joined(one: Point, other: Point) -> Point:
    samples = one.samples + other.samples
    # Between the two by construction, whatever the size of the numbers.
    mean = one.mean * (one.samples / samples) + other.mean * (other.samples / samples)
    least, most = min(one.least, other.least), max(one.most, other.most)
    return Point(one.start, samples, min(max(mean, least), most), least, most)


def resolution_for(seconds_ago: float, step_seconds: float) -> Resolution:
    """The finest that reaches so far back and is no finer than the step that is wanted, or the finest that reaches."""
    reaching = [one for one in Resolution if one.kept_seconds >= seconds_ago] or [Resolution.HOUR]
    return max((one for one in reaching if one <= step_seconds), default=reaching[0])
