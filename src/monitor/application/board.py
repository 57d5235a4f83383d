"""The newest values of every series that this process measures: what rules and the dashboard look at."""

import time
from array import array
from collections.abc import Callable, Container, Iterable, Mapping
from typing import Final

from monitor.domain.metric import Labels, Point, SeriesKey
from shared.kernel import Clock, utc_now

_MOST_SERIES: Final = 5_000
_RING: Final = 360
_RING_SECONDS: Final = 10.0
"""What is remembered here for rates: an hour, a value every ten seconds; 6 kB a series."""
_CUT_AFTER: Final = 36
"""So many more: of thousands of series each is cut seldom, and nothing grows for longer than that hour."""


class _Series:
    """The newest value, and a ring of the last hour."""

    __slots__ = ("at", "handed_at", "handed_second", "second", "seconds", "value", "values")

    def __init__(self) -> None:
        self.value, self.at, self.second = 0.0, 0.0, 0
        self.handed_at, self.handed_second = 0.0, 0
        """Of the newest point that history has."""
        self.seconds, self.values = array("d"), array("d")

    def take(self, value: float, at: float, second: int) -> None:
        self.value, self.at, self.second = value, at, second
        if not self.seconds or at - self.seconds[-1] >= _RING_SECONDS * 0.95:
            self.seconds.append(at)
            self.values.append(value)
            if len(self.seconds) >= _RING + _CUT_AFTER:
                del self.seconds[:_CUT_AFTER], self.values[:_CUT_AFTER]


class Board:
    """Values are noted as they are measured; those that are new to history are handed out once by `drain`."""

    def __init__(
        self,
        labels: Labels = (),
        *,
        clock: Clock = utc_now,
        monotonic: Callable[[], float] = time.monotonic,
        unchanged_seconds: float = 10.0,
        hand_out_seconds: float = 60.0,
        most_series: int = _MOST_SERIES,
        shared: Container[str] = (),
    ) -> None:
        """`labels` are put on every series (which process it was), except of metrics that are `shared`.

        What does not change is taken for measured anew every `unchanged_seconds`, and is a point of history every
        `hand_out_seconds`, and once more before it changes. More series than `most_series` are left out and counted in
        `left_out`.
        """
        self.labels = labels
        self._shared = shared
        self._clock = clock
        self._monotonic = monotonic
        self._unchanged_seconds = unchanged_seconds
        self._hand_out_seconds = hand_out_seconds
        self._most_series = most_series
        self._series: dict[str, dict[Labels, _Series]] = {}
        self._count = 0
        self._changes: dict[str, int] = {}
        self._fresh: dict[SeriesKey, list[Point]] = {}
        self.left_out = 0

    def note(self, values: Iterable[tuple[tuple[str, Labels], float]]) -> None:
        """Of now. What is not a number is left out."""
        at, second = self._monotonic(), int(self._clock().timestamp())
        for (name, labels), value in values:
            if value != value:
                continue
            of_name = self._series.setdefault(name, {})
            series = of_name.get(labels)
            if series is None:
                if self._count >= self._most_series:
                    self.left_out += 1
                    continue
                self._count += 1
                series = of_name[labels] = _Series()
            elif value == series.value:
                if at - series.at < self._unchanged_seconds:
                    continue
                series.take(value, at, second)
                if at - series.handed_at >= self._hand_out_seconds:
                    self._hand_out(name, labels, series)
                continue
            elif series.handed_second < series.second:
                # A line from point to point must not lead up to a change that came at once.
                self._hand_out(name, labels, series)
            series.take(value, at, second)
            self._changes[name] = self._changes.get(name, 0) + 1
            self._hand_out(name, labels, series)

    def _hand_out(self, name: str, labels: Labels, series: _Series) -> None:
        series.handed_at, series.handed_second = series.at, series.second
        point = Point(series.second, 1, series.value, series.value, series.value)
        self._fresh.setdefault(self._key(name, labels), []).append(point)

    def drain(self) -> Mapping[SeriesKey, list[Point]]:
        """What was noted since the last time."""
        fresh, self._fresh = self._fresh, {}
        return fresh

    def put_back(self, points: Mapping[SeriesKey, list[Point]], most_each: int = 600) -> None:
        """What could not be kept; of each series the newest `most_each`."""
        for key, some in points.items():
            self._fresh[key] = [*some, *self._fresh.get(key, [])][-most_each:]

    def names(self) -> list[str]:
        """Of all metrics, in order."""
        return sorted(self._series)

    def keys(self) -> list[SeriesKey]:
        """Of all series."""
        return [self._key(name, labels) for name, of_name in self._series.items() for labels in of_name]

    def changes(self, names: Iterable[str]) -> tuple[int, ...]:
        """Of each metric how often a value of it changed: the same numbers again, and all is as it was."""
        return tuple(self._changes.get(name, 0) for name in names)

    def newest(self, name: str) -> Iterable[tuple[Labels, float, float]]:
        """Each series of the metric: its labels, its value, and how many seconds ago that was."""
        now = self._monotonic()
        return [
            (self._with_own(name, labels), series.value, now - series.at)
            for labels, series in self._series.get(name, {}).items()
        ]

    def newest_of_all(self) -> Iterable[tuple[SeriesKey, int, float]]:
        """Of every series the second of its newest value, since 1970, and the value."""
        return [
            (self._key(name, labels), series.second, series.value)
            for name, of_name in self._series.items()
            for labels, series in of_name.items()
        ]

    def window(self, name: str, labels: Labels, seconds: float) -> list[tuple[float, float]]:
        """(Seconds of a clock that only goes forward, value) of the last so many seconds, the newest value last."""
        own = tuple(one for one in labels if one not in self.labels)
        series = self._series.get(name, {}).get(own)
        if series is None:
            return []
        since = self._monotonic() - seconds
        found = [(at, value) for at, value in zip(series.seconds, series.values, strict=True) if at >= since]
        if series.at >= since and (not found or found[-1][0] < series.at):
            found.append((series.at, series.value))
        return found

    def _key(self, name: str, labels: Labels) -> SeriesKey:
        return SeriesKey(name, self._with_own(name, labels))

    def _with_own(self, name: str, labels: Labels) -> Labels:
        if not self.labels or name in self._shared:
            return labels
        return tuple(sorted((*labels, *self.labels)))
