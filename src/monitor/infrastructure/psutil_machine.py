"""What psutil says of the machine, and the control group of its container where there is one."""

import contextlib
import resource
from pathlib import Path
from typing import Final

import psutil
from typing_extensions import override

from monitor.application.machine import MachineMeter, MachineUsage

_GROUP: Final = Path("/sys/fs/cgroup")


class PsutilMachine(MachineMeter):
    """MachineMeter on Linux and what else psutil knows."""

    def __init__(self) -> None:
        self._process = psutil.Process()

    @override
    def measure(self) -> MachineUsage:
        memory = psutil.virtual_memory()
        available, size = memory.available, memory.total
        limit, used = _number("memory.max"), _number("memory.current")
        if limit is not None and used is not None and limit < size:
            # Pages of files count as used there and are given up first.
            available, size = max(0, min(available, limit - used + (_inactive_files() or 0))), limit
        network = psutil.net_io_counters()
        return MachineUsage(
            cpu_ratio=psutil.cpu_percent(None) / 100,
            memory_available_bytes=available,
            memory_size_bytes=size,
            network_received_bytes=network.bytes_recv if network else 0,
            network_sent_bytes=network.bytes_sent if network else 0,
            open_files_ratio=self._process.num_fds() / max(1, resource.getrlimit(resource.RLIMIT_NOFILE)[0]),
        )


def _number(name: str) -> int | None:
    with contextlib.suppress(OSError, ValueError):
        return int((_GROUP / name).read_text())
    return None


def _inactive_files() -> int | None:
    with contextlib.suppress(OSError, ValueError):
        for line in (_GROUP / "memory.stat").read_text().splitlines():
            if line.startswith("inactive_file "):
                return int(line.split()[1])
    return None
