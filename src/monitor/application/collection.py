"""Collects what the process counts, and what must be asked for, into the board; and from there into the store."""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from typing_extensions import override

from monitor.application.alert_ports import MetricRepository, Numbers
from monitor.application.board import Board
from monitor.application.metered import Metered
from monitor.domain.distribution import between, quantile
from monitor.domain.metric import Labels, Resolution, merged
from shared.kernel import Clock, Unavailable, utc_now
from shared.runtime.background import Background
from shared.runtime.beats import until_beat
from shared.telemetry import Metrics, get_log

_QUANTILES: Final = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
_FORGOTTEN_AT_ONCE: Final = 1_000
ROLLED_AT_ONCE: Final = 10
"""Minutes: one by one each would have the same hour's block read and written again."""
_CATCHING_UP: Final = 10
"""Minutes, or hours: after a start there may be an hour to catch up with."""
_SERIES_AT_ONCE: Final = 100
_log = get_log("monitor")


@dataclass(frozen=True, slots=True)
class Source:
    """Something that must be asked for; it sets gauges. Raises whatever it likes: then they keep their last value."""

    name: str
    every_seconds: float
    look: Callable[[], Awaitable[object]]
    is_unsettled: Callable[[], bool] = lambda: False
    """After a look: whether the next one should come soon, since this one alone does not tell enough."""


@dataclass(frozen=True, slots=True)
class CollectionTimes:
    """How often what happens, in seconds."""

    tick: float = 1.0
    counted: float = 10.0
    """Rates and quantiles; quantiles are of the last six of these."""
    soon: float = 2.0
    """Until a source is asked again that is unsettled."""
    keep: float = 30.0
    """Into the store: what a crash may lose."""
    deadline: float = 8.0
    """Of one source."""
    forget: float = 600.0
    first: float = 2.0
    """The first seconds of a start belong to the first request."""


class Collection(Background):
    """An async context manager: collects while it is open. What fails is logged and tried again; nobody waits for it.

    At most `workers` sources are asked at a time; one that hangs has its deadline and is not asked again before it.
    """

    def __init__(
        self,
        board: Board,
        store: MetricRepository,
        numbers: Numbers,
        metrics: Metrics,
        sources: Sequence[Source] = (),
        *,
        times: CollectionTimes | None = None,
        workers: int = 2,
        clock: Clock = utc_now,
    ) -> None:
        self._board = board
        self._store = store
        self._numbers = numbers
        self._metrics = metrics
        self._sources = sources
        self._times = times or CollectionTimes()
        self._places = asyncio.Semaphore(workers)
        self._clock = clock
        self._asking: dict[str, asyncio.Task[None]] = {}
        self._due: dict[str, float] = {}
        self._totals: Mapping[tuple[str, Labels], float] = {}
        self._counted_at = 0.0
        self._buckets: deque[Mapping[tuple[str, Labels], Mapping[float, float]]] = deque(maxlen=7)
        self._keeping = asyncio.Lock()
        self._rolled: dict[Resolution, int] = {}
        self._used_seconds = 0.0
        self._used_since = time.monotonic()
        for name in ("metric_points_total", "metric_series_left_out_total"):
            metrics.count(name, 0)

    @override
    async def run(self) -> None:
        await asyncio.sleep(self._times.first)
        following = time.monotonic()
        try:
            while True:
                late = max(0.0, time.monotonic() - following)
                self._metrics.gauge("event_loop_lateness_seconds", late)
                round_ = Metered(self._round())
                try:
                    await round_
                except Exception as error:
                    _log.error("numbers were not collected", action="monitor.collect", exc_info=error)
                self._used_seconds += round_.seconds
                # From now on: after a standstill nothing is made up for.
                pause = until_beat(self._times.tick)
                following = time.monotonic() + pause
                await asyncio.sleep(pause)
        finally:
            for task in self._asking.values():
                task.cancel()
            await asyncio.gather(*self._asking.values(), return_exceptions=True)
            self._asking.clear()

    @override
    async def __aexit__(self, *error: object) -> None:
        await super().__aexit__(*error)
        # The last half minute of a process is what one wants to see of it.
        try:
            async with asyncio.timeout(2):
                await self.keep()
        except (Unavailable, TimeoutError) as failed:
            _log.debug("the last numbers are lost", action="monitor.keep", reason=str(failed))

    async def _round(self) -> None:
        for source in self._sources:
            before = self._asking.get(source.name)
            if (before is None or before.done()) and self._is_due(source.name, source.every_seconds):
                self._asking[source.name] = asyncio.create_task(self._ask(source), name=f"collect-{source.name}")
        self._board.note(self._numbers.set_gauges())
        if self._is_due("counted", self._times.counted):
            self._board.note(self._numbers.gauges().items())
            self._count()
        if self._is_due("keep", self._times.keep):
            try:
                await self.keep()
                await self._roll_up()
                if self._is_due("forget", self._times.forget):
                    await self.forget()
            except Unavailable as error:
                _log.debug("numbers wait", action="monitor.keep", reason=error.detail)

    def _is_due(self, name: str, every_seconds: float) -> bool:
        now = time.monotonic()
        if now < self._due.get(name, 0.0):
            return False
        self._due[name] = now + every_seconds - self._times.tick / 4
        return True

    async def _ask(self, source: Source) -> None:
        async with self._places:
            asked = Metered(_awaited(source.look))
            began = time.perf_counter()
            try:
                async with asyncio.timeout(self._times.deadline):
                    await asked
            except Exception as error:
                self._metrics.count("metric_collection_failures_total", source=source.name)
                _log.debug("a source of numbers failed", action="monitor.source", source=source.name, reason=str(error))
            if source.is_unsettled():
                self._due[source.name] = min(self._due[source.name], time.monotonic() + self._times.soon)
            self._used_seconds += asked.seconds
            self._metrics.observe("metric_collection_seconds", time.perf_counter() - began, source=source.name)

    def _count(self) -> None:
        now = time.monotonic()
        passed = now - self._counted_at
        totals, self._counted_at = self._numbers.totals(), now
        if self._totals and passed > 0:
            self._board.note(
                ((_rate_name(name), labels), max(0.0, total - self._totals.get((name, labels), 0.0)) / passed)
                for (name, labels), total in totals.items()
            )
        self._totals = totals
        self._count_distributions(passed)
        now_used, self._used_seconds = self._used_seconds, 0.0
        self._metrics.gauge("metric_collection_cpu_ratio", now_used / max(now - self._used_since, 1e-9))
        self._used_since = now
        if self._board.left_out:
            self._metrics.count("metric_series_left_out_total", self._board.left_out)
            self._board.left_out = 0

    def _count_distributions(self, passed: float) -> None:
        buckets = self._numbers.buckets()
        if self._buckets and passed > 0:
            first, last, found = self._buckets[0], self._buckets[-1], dict[tuple[str, Labels], float]()
            for (name, labels), counts in buckets.items():
                key = (name, labels)
                # The same object says that nothing came, and is spared the counting.
                came = between(counts, before) if (before := last.get(key, {})) is not counts else {}
                found[f"{name}_rate", labels] = came[max(came)] / passed if came else 0.0
                if (before := first.get(key, {})) is counts:
                    continue
                window = between(counts, before)
                for suffix, share in _QUANTILES.items():
                    value = quantile(window, share)
                    if value is not None:
                        found[f"{name}_{suffix}", labels] = value
            self._board.note(found.items())
        self._buckets.append(buckets)

    async def keep(self) -> None:
        """What was noted goes into the store, in one write. Raises Unavailable; then it waits."""
        async with self._keeping:
            points = self._board.drain()
            if not points:
                return
            try:
                await self._store.add(Resolution.SECOND, points)
            except BaseException:
                self._board.put_back(points)
                raise
            self._metrics.count("metric_points_total", sum(map(len, points.values())))

    async def _roll_up(self) -> None:
        # From what is kept, so that a restart in the middle of an hour takes nothing away from it.
        for finer, coarser in ((Resolution.SECOND, Resolution.MINUTE), (Resolution.MINUTE, Resolution.HOUR)):
            now = int(self._clock().timestamp())
            until = now - now % max(coarser, ROLLED_AT_ONCE * Resolution.MINUTE)
            # At first all that can be there; a clock that was put back: from there on it is rolled up again.
            oldest = until - min(finer.kept_seconds, 86400)
            start = min(max(self._rolled.get(coarser, oldest), oldest), until)
            end = min(until, start + _CATCHING_UP * coarser)
            if start == end:
                continue
            keys = self._board.keys()
            for first in range(0, len(keys), _SERIES_AT_ONCE):
                points = await self._store.points(keys[first : first + _SERIES_AT_ONCE], finer, start, end)
                if coarse := {series: merged(some, coarser) for series, some in points.items()}:
                    await self._store.add(coarser, coarse)
            self._rolled[coarser] = end
            if end < until:
                return  # an hour is made of all its minutes

    async def forget(self) -> int:
        """Deletes what is older than it is kept; how many blocks. Raises Unavailable."""
        total = 0
        for resolution in Resolution:
            before = int(self._clock().timestamp()) - resolution.kept_seconds
            while count := await self._store.forget(resolution, before, _FORGOTTEN_AT_ONCE):
                total += count
                await asyncio.sleep(0.01)
        return total


async def _awaited(look: Callable[[], Awaitable[object]]) -> None:
    await look()


def _rate_name(name: str) -> str:
    return f"{name.removesuffix('_total')}_rate"
