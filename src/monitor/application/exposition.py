"""What `/metrics` shows: the numbers counted all along, and those that are only looked up when somebody asks."""

import math
import platform
from collections.abc import Callable

from monitor.application.health import Health
from monitor.application.overview import Overview
from monitor.application.ports import Lagging
from monitor.application.searches import SearchNumbers
from shared.kernel import Clock, Unavailable, utc_now
from shared.ports.event_bus import EventBus
from shared.telemetry import Metrics
from shared.version import VERSION


class Exposition:
    """`render` gives the numbers as text."""

    def __init__(
        self,
        bus: EventBus,
        metrics: Metrics,
        render: Callable[[], bytes],
        health: Health,
        overview: Overview | None = None,
        *,
        started_at: float,
        clock: Clock = utc_now,
    ) -> None:
        """`overview` is there where the monitor is; `started_at`, of the process, in seconds since 1970."""
        self._bus = bus
        self._metrics = metrics
        self._render = render
        self._health = health
        self._overview = overview
        self._clock = clock
        metrics.gauge("build_info", 1, version=VERSION, python=platform.python_version())
        metrics.gauge("process_start_time_seconds", started_at)

    async def text(self) -> bytes:
        """Now. What cannot be looked up keeps its last number."""
        await self.refresh()
        return self._render()

    async def refresh(self) -> None:
        """Looks up what is not counted all along."""
        await self.show_components()
        await self.show_work()

    async def show_components(self) -> None:
        """Asks every component how it is."""
        for component in (await self._health.check()).components:
            self._metrics.gauge("component_ready", float(component.ready), component=component.name)

    async def show_work(self) -> None:
        """What waits, what was done, what was searched."""
        await self._show_lags()
        if self._overview is not None:
            await self._show_work(self._overview)

    async def _show_lags(self) -> None:
        if isinstance(self._bus, Lagging):
            try:
                for group, lag in (await self._bus.lags()).items():
                    self._metrics.gauge("event_lag", lag, group=group)
            except Unavailable:
                pass

    async def _show_work(self, overview: Overview) -> None:
        work, now, gauge = await overview.work(), self._clock(), self._metrics.gauge
        for state, number in work.documents.items():
            gauge("documents", number, state=state.value)
        ended = work.searchable_per_minute + work.failed_per_minute
        # Of fewer than one a minute a share says nothing.
        gauge("documents_failed_ratio", work.failed_per_minute / ended if ended >= 1 else 0.0)
        gauge("documents_finished_rate", work.searchable_per_minute / 60, state="searchable")
        gauge("documents_finished_rate", work.failed_per_minute / 60, state="failed")
        for stage, rate in work.passed_per_minute.items():
            gauge("documents_passed_rate", rate / 60, stage=stage)
        gauge("documents_stuck", work.stuck)
        gauge("dead_letters", work.dead_letters)
        for queue in work.queues:
            of = {"module": queue.module, "kind": queue.kind}
            since = queue.oldest_waiting_at
            gauge("jobs_waiting", queue.waiting, **of)
            gauge("jobs_running", queue.running, **of)
            gauge("jobs_oldest_waiting_seconds", max(0.0, (now - since).total_seconds()) if since else 0, **of)
        self._show_searches(work.searches)

    def _show_searches(self, searches: SearchNumbers) -> None:
        gauge = self._metrics.gauge
        gauge("search_recent_seconds", _known(searches.seconds_p50), percentile="50")
        gauge("search_recent_seconds", _known(searches.seconds_p95), percentile="95")
        gauge("search_cached_ratio", _known(searches.cached_share))
        gauge("search_empty_ratio", _known(searches.empty_share))


def _known(value: float | None) -> float:
    """Where nobody searched there is no number, rather than the last one for ever."""
    return math.nan if value is None else value
