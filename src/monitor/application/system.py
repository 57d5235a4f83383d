"""Samples what the process uses, seldom enough that an idle server stays idle."""

import asyncio
import math
import time
from typing import Final

from typing_extensions import override

from monitor.application.ports import Usage, UsageMeter
from shared.runtime.background import Background
from shared.runtime.beats import until_beat
from shared.telemetry import Metrics, get_log

_SAME_MEMORY: Final = 0.02
_log = get_log("monitor")


class SystemSampler(Background):
    """An async context manager: while it is open, gauges follow the machine every ten seconds."""

    def __init__(
        self,
        meter: UsageMeter,
        metrics: Metrics,
        *,
        every_seconds: float = 10.0,
        fresh_seconds: float = 9.0,
        memory_seconds: float = 30.0,
    ) -> None:
        """`fresh_seconds` is a little less than the period, so that each round of the sampler measures.

        Memory by kind, which costs more, is measured every `memory_seconds`, and a tenth as often while the processes
        stay the same and take what they took.
        """
        self._meter = meter
        self._metrics = metrics
        self._every_seconds = every_seconds
        self._fresh_seconds = fresh_seconds
        self._sampling = asyncio.Lock()
        self._memory_seconds = memory_seconds
        self._memory_at = -math.inf
        self._memory_of: Usage | None = None
        self._kinds = frozenset[str]()
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
            await asyncio.sleep(until_beat(self._every_seconds))
            try:
                await self._sample_memory(await self.usage())
            except Exception as error:
                _log.warning("sample failed", action="monitor.sample_failed", exc_info=error)

    async def _sample_memory(self, usage: Usage) -> None:
        now, before = time.monotonic(), self._memory_of
        is_same = (
            before is not None
            and before.processes == usage.processes
            and math.isclose(before.memory_bytes, usage.memory_bytes, rel_tol=_SAME_MEMORY)
        )
        if now - self._memory_at < self._memory_seconds * (10 if is_same else 1) - self._every_seconds / 2:
            return
        self._memory_at, self._memory_of = now, usage
        found = await asyncio.to_thread(self._meter.memory_by_kind)
        self._kinds |= found.keys()
        for kind in self._kinds:
            self._metrics.gauge("process_proportional_memory_bytes", found.get(kind, 0), kind=kind)

    def _show(self, usage: Usage) -> None:
        self._metrics.gauge("process_cpu_ratio", usage.cpu_percent / 100)
        self._metrics.gauge("process_memory_bytes", usage.memory_bytes)
        self._metrics.gauge("process_processes", usage.processes)
        self._metrics.gauge("process_threads", usage.threads)
        self._metrics.gauge("process_open_files", usage.open_files)
        self._metrics.gauge("disk_free_bytes", usage.disk_free_bytes)
        self._metrics.gauge("disk_size_bytes", usage.disk_total_bytes)
        self._metrics.gauge("disk_free_ratio", usage.disk_free_bytes / max(1, usage.disk_total_bytes))
