"""The whole machine's numbers, and whether events get on: what rules need beside what is counted anyway."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from monitor.application.board import Board
from shared.telemetry import Metrics


@dataclass(frozen=True, slots=True)
class MachineUsage:
    """Of everything that runs there. A container's own limit counts where there is one."""

    cpu_ratio: float
    """Of all cores, since the look before."""
    memory_available_bytes: int
    memory_size_bytes: int
    network_received_bytes: int
    network_sent_bytes: int
    """Since the machine began."""
    open_files_ratio: float
    """Of the descriptors that this process may have."""


class MachineMeter(Protocol):
    """Measures it. Blocks for a millisecond: call it in a thread."""

    def measure(self) -> MachineUsage:
        """The present usage; the first call gives 0 % CPU."""
        ...


class Machine:
    """Shows the machine as gauges."""

    def __init__(self, meter: MachineMeter, metrics: Metrics) -> None:
        self._meter = meter
        self._metrics = metrics
        self._before: MachineUsage | None = None

    async def look(self) -> None:
        """Sets the gauges; traffic is counted from the first look on."""
        usage = await asyncio.to_thread(self._meter.measure)
        before, self._before = self._before or usage, usage
        self._metrics.gauge("machine_cpu_ratio", usage.cpu_ratio)
        self._metrics.gauge("machine_memory_available_bytes", usage.memory_available_bytes)
        self._metrics.gauge(
            "machine_memory_available_ratio", usage.memory_available_bytes / max(1, usage.memory_size_bytes)
        )
        self._metrics.gauge("process_open_files_ratio", usage.open_files_ratio)
        self._metrics.count(
            "machine_network_received_bytes", max(0, usage.network_received_bytes - before.network_received_bytes)
        )
        self._metrics.count("machine_network_sent_bytes", max(0, usage.network_sent_bytes - before.network_sent_bytes))


class Stalls:
    """For how long a group's events have waited without any being handled."""

    def __init__(self, board: Board, metrics: Metrics, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._board = board
        self._metrics = metrics
        self._monotonic = monotonic
        self._since: dict[str, float] = {}

    async def look(self) -> None:
        """Sets `event_lag_stalled_seconds` of each group."""
        now = self._monotonic()
        handled: dict[str, float] = {}
        for labels, rate, _ in self._board.newest("events_handled_rate"):
            group = dict(labels).get("group", "")
            handled[group] = handled.get(group, 0.0) + rate
        for labels, lag, _ in self._board.newest("event_lag"):
            group = dict(labels).get("group", "")
            if lag <= 0 or handled.get(group, 0.0) > 0:
                self._since.pop(group, None)
            since = self._since.setdefault(group, now) if lag > 0 else now
            self._metrics.gauge("event_lag_stalled_seconds", now - since, group=group)
