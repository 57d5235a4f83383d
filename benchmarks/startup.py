"""S1, S2, S3, S13: cold start, first search, memory and idleness, against private sentence-transformers."""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import psutil

from benchmarks.figures import Figure, at_most, median
from benchmarks.server import a_server
from benchmarks.waking import times_as_much

_STARTS: Final = 5
_BASELINES: Final = 3
_IDLE_SECONDS: Final = 30


@contextmanager
def _a_baseline() -> Iterator[tuple[float, str, psutil.Process]]:
    """Seconds from process start to the first vector, torch's version, the process."""
    started = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.reference_baseline"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        seconds = time.perf_counter() - started
        yield seconds, json.loads(line)["torch"], psutil.Process(process.pid)
    finally:
        process.communicate()


def measure() -> list[Figure]:
    """All four; S1 and S2 are medians of fresh processes, taken in turn with the baseline."""
    with tempfile.TemporaryDirectory(prefix="seoga-bench-") as folder:
        data = Path(folder)
        with a_server(data) as server:
            server.upload([("duty.txt", b"The duty on notebooks is eight per cent.")])
            server.wait_until_searchable(1)
        baselines: list[float] = []
        starts: list[float] = []
        searches: list[float] = []
        torch = ""
        for turn in range(_STARTS):
            if turn < _BASELINES:
                with _a_baseline() as (seconds, torch, _):
                    baselines.append(seconds)
            with a_server(data) as server:
                starts.append(server.start_seconds)
                ready = time.perf_counter()
                answer = server.search("duty on notebooks")
                searches.append(server.start_seconds + time.perf_counter() - ready)
                if answer["degraded"] or not answer["hits"]:
                    raise RuntimeError(f"the first search was not whole: {answer['degraded']}")
        baseline = median(baselines)
        note = f"torch {torch}, median of {_STARTS}"
        return [
            at_most("S1", "cold start to /health/ready", median(starts), "s", baseline, 0.15, note),
            at_most("S2", "cold start to first search answered", median(searches), "s", baseline, 0.20, note),
            *_memory(data),
            _idle(data),
        ]


def _memory(data: Path) -> list[Figure]:
    with _a_baseline() as (_, _, first), _a_baseline() as (_, _, second):
        baseline = (first.memory_full_info().pss + second.memory_full_info().pss) / 2**20
    with a_server(data) as server:
        server.search("duty on notebooks")
        english = server.pss_bytes() / 2**20
        server.search("노트북 관세율")
        korean = server.pss_bytes() / 2**20
    return [
        at_most("S3", "memory after the first search, no Korean yet", english, "MiB", baseline, 0.16),
        at_most("S3", "memory after the first search, with Korean", korean, "MiB", baseline, 0.34),
    ]


def _idle(data: Path) -> Figure:
    with a_server(data) as server:
        server.search("duty on notebooks")
        time.sleep(3)
        before, began = server.cpu_seconds(), time.monotonic()
        times = times_as_much(_IDLE_SECONDS)
        share = 100 * (server.cpu_seconds() - before) / (time.monotonic() - began)
    note = f"work took {times:.1f} × its processor time once a second here"
    return Figure("S13", "idle CPU of all processes", share, "% of a core", None, "≤ 0.5 %", share <= 0.5, note)
