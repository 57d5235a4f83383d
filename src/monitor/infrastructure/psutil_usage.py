"""What psutil says of this process, its children, and the disk of the data directory."""

import contextlib
import threading
import time
from pathlib import Path

import psutil
from typing_extensions import override

from monitor.application.ports import Usage, UsageMeter


class PsutilUsage(UsageMeter):
    """UsageMeter for this process tree."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._process = psutil.Process()
        self._measuring = threading.Lock()
        self._before: tuple[float, dict[int, float]] | None = None

    @override
    def measure(self) -> Usage:
        """A child that came and went between two samples is not counted."""
        with self._measuring:
            processor_seconds: dict[int, float] = {}
            memory = threads = files = 0
            for process in (self._process, *self._process.children(recursive=True)):
                with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied), process.oneshot():
                    times = process.cpu_times()
                    processor_seconds[process.pid] = times.user + times.system
                    memory += process.memory_info().rss
                    threads += process.num_threads()
                    files += process.num_fds()
            now = time.monotonic()
            before_at, before = self._before or (now, processor_seconds)
            self._before = (now, processor_seconds)
        used = sum(seconds - before.get(pid, 0) for pid, seconds in processor_seconds.items())
        disk = psutil.disk_usage(str(self._existing_folder()))
        return Usage(
            cpu_percent=100 * used / (now - before_at) if now > before_at else 0.0,
            memory_bytes=memory,
            processes=len(processor_seconds),
            threads=threads,
            open_files=files,
            disk_free_bytes=disk.free,
            disk_total_bytes=disk.total,
        )

    def _existing_folder(self) -> Path:
        folder = self._data_dir.absolute()
        while not folder.exists():
            folder = folder.parent
        return folder
