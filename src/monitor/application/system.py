"""Samples what the process uses, seldom enough that an idle server stays idle."""

import asyncio
import time

from typing_extensions import override

from monitor.application.ports import Usage, UsageMeter
from shared.runtime.background import Background
from shared.telemetry import Metrics, get_log

_log = get_log("monitor")


class SystemSampler(Background):
    """An async context manager: while it is open, gauges follow the machine every ten seconds."""

    def __init__(
        self, meter: UsageMeter, metrics: Metrics, *, every_seconds: float = 10.0, fresh_seconds: float = 9.0
    ) -> None:
        """`fresh_seconds` is a little less than the period, so that each round of the sampler measures."""
        self._meter = meter
        self._metrics = metrics
        self._every_seconds = every_seconds
        self._fresh_seconds = fresh_seconds
        self._sampling = asyncio.Lock()
        self._usage: Usage | None = None
        self._sampled_at = 0.0

    async def usage(self) -> Usage:
        """At most `fresh_seconds` old."""
        async with self._sampling:
            if self._usage is None or time.monotonic() - self._sampled_at > self._fresh_seconds:
                self._usage = await asyncio.to_thread(self._meter.measure)
                self._sampled_at = time.monotonic()
                self._show(self._usage)
            return self._usage

    @override
    async def run(self) -> None:
        while True:
            # Not at once: the first second of a start belongs to the first request.
            await asyncio.sleep(self._every_seconds)
            try:
                await self.usage()
            except Exception as error:
                _log.warning("sample failed", action="monitor.sample_failed", exc_info=error)

    def _show(self, usage: Usage) -> None:
        self._metrics.gauge("process_cpu_percent", usage.cpu_percent)
        self._metrics.gauge("process_memory_bytes", usage.memory_bytes)
        self._metrics.gauge("process_count", usage.processes)
        self._metrics.gauge("process_threads", usage.threads)
        self._metrics.gauge("process_open_files", usage.open_files)
        self._metrics.gauge("disk_free_bytes", usage.disk_free_bytes)
        self._metrics.gauge("disk_total_bytes", usage.disk_total_bytes)
