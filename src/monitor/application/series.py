"""The history of metrics, as it is asked for."""

import contextlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from monitor.application.alert_ports import MetricRepository
from monitor.application.board import Board
from monitor.application.collection import ROLLED_AT_ONCE
from monitor.application.collection import Collection as Collecting
from monitor.application.newest import Newest
from monitor.domain.metric import Labels, Point, Resolution, SeriesKey, merged, resolution_for
from shared.kernel import Clock, InvalidInput, NotFound, Unavailable, utc_now

_WANTED_POINTS: Final = 300
_MOST_POINTS: Final = 11_000
_MOST_SERIES: Final = 200
_SUFFIXES: Final = ("_rate", "_p50", "_p95", "_p99")


@dataclass(frozen=True, slots=True)
class History:
    """Series of one metric, each with a point for every step in which something was measured."""

    name: str
    help: str
    unit: str
    start: datetime
    end: datetime
    step_seconds: int
    resolution: Resolution
    series: Mapping[SeriesKey, Sequence[Point]]


class MetricHistory:
    """Reads the store, and hands it first what this process has not stored yet."""

    def __init__(
        self,
        board: Board,
        store: MetricRepository,
        collecting: Collecting,
        help_texts: Mapping[str, str],
        newest: Newest,
        clock: Clock = utc_now,
    ) -> None:
        self._board = board
        self._store = store
        self._collecting = collecting
        self._help = help_texts
        self._newest = newest
        self._clock = clock

    def known(self) -> Collection[str]:
        """Every name that a rule may be about: what is measured, and what will be when it first happens."""
        return {
            *self._board.names(),
            *(name.removesuffix("_total") + suffix for name in self._help for suffix in ("", *_SUFFIXES)),
        }

    async def names(self) -> Sequence[tuple[str, str, str]]:
        """Name, help and unit of everything that was measured. Raises Unavailable."""
        names = sorted({*self._board.names(), *await self._store.names()})
        return [(name, self.help_of(name), unit_of(name)) for name in names]

    async def history(
        self, name: str, labels: Labels, start: datetime | None, end: datetime | None, step_seconds: int | None
    ) -> History:
        """The last hour if nothing else is said. Raises NotFound, InvalidInput, Unavailable."""
        end = end or self._clock()
        start = start or end - timedelta(hours=1)
        length = (end - start).total_seconds()
        if not 0 < length <= 5 * 366 * 86400:
            raise InvalidInput("`to` must be after `from`.")
        step = step_seconds or max(1, round(length / _WANTED_POINTS))
        if length / step > _MOST_POINTS:
            raise InvalidInput(f"That would be more than {_MOST_POINTS} points: ask for a larger step.")
        with contextlib.suppress(Unavailable):
            await self._collecting.keep()
        series = await self._store.series(name, labels)
        if not series and name not in self.known():
            raise NotFound(f"There is no metric {name!r}.", code="metric_not_found")
        if len(series) > _MOST_SERIES:
            raise InvalidInput(f"{len(series)} series match, more than {_MOST_SERIES}: name a label.")
        # A minute beyond what is kept is what "the last hour" is when it is answered.
        resolution = resolution_for((self._clock() - start).total_seconds() - 60, step)
        step = max(step, int(resolution))
        first, last = int(start.timestamp()), int(end.timestamp()) + 1
        points = dict(await self._store.points(series, resolution, first, last))
        if resolution is not Resolution.SECOND:
            await self._add_newest(points, series, resolution, first, last)
        for one, point in (await self._newest.of_others(series)).items():
            known = points.get(one, ())
            if first <= point.start < last and (not known or known[-1].start + resolution <= point.start):
                points[one] = [*known, point]
        return History(
            name,
            self.help_of(name),
            unit_of(name),
            start,
            end,
            step,
            resolution,
            {one: merged(some, step) for one, some in points.items()},
        )

    async def _add_newest(
        self,
        points: dict[SeriesKey, Sequence[Point]],
        series: Sequence[SeriesKey],
        resolution: Resolution,
        first: int,
        last: int,
    ) -> None:
        """What was not rolled up yet, from the finer points."""
        finer = Resolution.SECOND if resolution is Resolution.MINUTE else Resolution.MINUTE
        now = int(self._clock().timestamp())
        since = max(first, now - now % resolution - max(2 * resolution, (ROLLED_AT_ONCE + 1) * Resolution.MINUTE))
        if since >= last:
            return
        for one, some in (await self._store.points(series, finer, since, last)).items():
            by_start = {point.start: point for point in merged(some, resolution)}
            by_start |= {point.start: point for point in points.get(one, ()) if point.start < since}
            kept = [point for point in points.get(one, ()) if point.start not in by_start]
            points[one] = sorted([*kept, *by_start.values()], key=lambda point: point.start)

    def help_of(self, name: str) -> str:
        """Also of what is derived: rates and quantiles."""
        for candidate in (name, f"{name}_total"):
            if candidate in self._help:
                return self._help[candidate]
        base, _, suffix = name.rpartition("_")
        known = self._help.get(base) or self._help.get(f"{base}_total")
        if known is None or f"_{suffix}" not in _SUFFIXES:
            return ""
        what = "A second" if suffix == "rate" else f"{suffix[1:]} of 100 are at most this, of the last minute"
        return f"{what}: {known}"


def unit_of(name: str) -> str:
    """`seconds`, `bytes`, `ratio`, `per second`, or empty for plain numbers."""
    base, _, suffix = name.rpartition("_")
    if suffix == "rate":
        return "per second"
    if f"_{suffix}" in _SUFFIXES:
        return unit_of(base)
    return suffix if suffix in ("seconds", "bytes", "ratio") else ""
