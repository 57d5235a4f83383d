"""What psutil says of this process, its children, and the disk of the data directory."""

import contextlib
import os
import threading
import time
from collections.abc import Mapping, Sequence
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
            for process in (self._process, *_descendants(self._process)):
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

    @override
    def memory_by_kind(self) -> Mapping[str, int]:
        found = {"server": _own_share(self._process)}
        for process in _descendants(self._process):
            with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                kind = kind_of(process.cmdline())
                found[kind] = found.get(kind, 0) + _own_share(process)
        return found

    def _existing_folder(self) -> Path:
        folder = self._data_dir.absolute()
        while not folder.exists():
            folder = folder.parent
        return folder


def _descendants(process: psutil.Process) -> list[psutil.Process]:
    """Its children and theirs.

    Linux tells them of each thread; psutil looks at every process of the machine, which took four times as long as
    all the rest of a measurement beside a hundred others.
    """
    try:
        with os.scandir(f"/proc/{process.pid}/task") as tasks:
            pids = [int(pid) for thread in tasks for pid in _read(f"{thread.path}/children").split()]
    except OSError:  # another system; or it, or one of its threads, ended in between
        with contextlib.suppress(psutil.NoSuchProcess):
            return process.children(recursive=True)
        return []
    found: list[psutil.Process] = []
    for pid in pids:
        with contextlib.suppress(psutil.NoSuchProcess):
            child = psutil.Process(pid)
            found += [child, *_descendants(child)]
    return found


def _read(path: str) -> bytes:
    """All of it. There are fifty threads to ask about: a file object for each takes three times as long."""
    file, found = os.open(path, os.O_RDONLY), b""
    try:
        while part := os.read(file, 1 << 12):
            found += part
        return found
    finally:
        os.close(file)


def _own_share(process: psutil.Process) -> int:
    """Resident memory without what others count, where the system does not tell the proportional size."""
    try:
        return int(process.memory_full_info().pss)
    except (psutil.AccessDenied, AttributeError):
        memory = process.memory_info()
        return int(memory.rss - getattr(memory, "shared", 0))


def kind_of(command: Sequence[str]) -> str:
    """`parser` of `python -m process.infrastructure.parser_child …`, `edge` of `… .edge.process`."""
    if "-m" not in command[:-1]:
        return "other"
    *folders, name = command[command.index("-m") + 1].split(".")
    return folders[-1] if name in ("child", "process") and folders else name.removesuffix("_child")


def started_at() -> float:
    """When this process began, in seconds since 1970."""
    return psutil.Process().create_time()
