"""Loading the model in fresh processes: first and cached, where the time goes, memory, a hundred restarts.

Each load is a process of its own, `python -m benchmarks.load_once FOLDER SINCE`, that prints one JSON line.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks.figures import Figure, at_most
from benchmarks.server import a_server

_RUNS: Final = 10
_RESTARTS: Final = 100
_WORDS: Final = "The duty on notebooks is eight per cent."


def _in_fresh_process(folder: Path) -> dict[str, Any]:
    """What `_load` says, and the whole process's seconds."""
    started = time.perf_counter()
    answer = subprocess.run(
        [sys.executable, "-m", "benchmarks.load_once", str(folder), str(time.time())],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    told: dict[str, Any] = json.loads(answer.stdout.splitlines()[-1])
    return {**told, "process": time.perf_counter() - started}


def _private_model() -> tuple[float, int]:
    """Seconds until a process that loads its own model at construction has its first vector; its peak bytes."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.reference_baseline"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    started = time.perf_counter()
    assert process.stdout is not None
    process.stdout.readline()
    seconds = time.perf_counter() - started
    lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    peak = next(int(line.split()[1]) << 10 for line in lines if line.startswith("VmHWM"))
    process.communicate()
    return seconds, peak


def _spread(values: Sequence[float]) -> str:
    return (
        f"mean {statistics.mean(values):.2f}, min {min(values):.2f}, max {max(values):.2f}, "
        f"standard deviation {statistics.stdev(values):.3f} of {len(values)}"
    )


def _mean(runs: Sequence[dict[str, Any]], name: str) -> float:
    return statistics.mean(float(run[name]) for run in runs)


def _report(
    what: str, seen: float, unit: str, note: str, wanted: str = "reported", holds: bool | None = None
) -> Figure:
    return Figure("bench-model", what, seen, unit, None, wanted, holds, note)


def measure() -> list[Figure]:
    """First and cached loads, profile, memory, start time saved, the first request with nothing cached, restarts."""
    first = []
    for _ in range(_RUNS):
        with tempfile.TemporaryDirectory(prefix="seoga-bench-") as empty:
            first.append(_in_fresh_process(Path(empty)))
    private = [_private_model() for _ in range(3)]
    with tempfile.TemporaryDirectory(prefix="seoga-bench-") as folder:
        _in_fresh_process(Path(folder))
        cached = [_in_fresh_process(Path(folder)) for _ in range(_RUNS)]
        restarts = [_in_fresh_process(Path(folder)) for _ in range(_RESTARTS)]
    baseline = statistics.median(seconds for seconds, _ in private)
    figures = []
    for name, runs in (("first", first), ("cached", cached)):
        seconds = [float(run["load"]) for run in runs]
        profile = ", ".join(
            f"{part} {_mean(runs, part):.3f} s" for part in ("interpreter", "import", "construct", "load", "first text")
        )
        figures.append(_report(f"load, {name}", statistics.mean(seconds), "s", _spread(seconds)))
        figures.append(_report(f"process, {name}", _mean(runs, "process"), "s", profile))
        grown = (_mean(runs, "rss_after") - _mean(runs, "rss_before")) / 2**20
        note = f"RSS {_mean(runs, 'rss_before') / 2**20:.0f} MiB before, {_mean(runs, 'rss_after') / 2**20:.0f} after"
        figures.append(_report(f"memory of the model, {name} load", grown, "MiB", note))
    constructing = sum(_mean(cached, part) for part in ("interpreter", "import", "construct"))
    saved = 100 * (1 - constructing / baseline)
    note = f"{constructing:.2f} s until the manager stands, {baseline:.2f} s where the model loads at construction"
    figures.append(_report("start time saved by loading lazily", saved, "%", note, "≥ 75 %", saved >= 75))
    peak, before = max(float(run["peak"]) for run in cached), statistics.median(peak for _, peak in private)
    figures.append(at_most("bench-model", "peak memory, cached load", peak / 2**20, "MiB", before / 2**20, 1))
    figures.append(_first_request())
    hits, misses = sum(int(run["hits"]) for run in restarts), sum(int(run["misses"]) for run in restarts)
    rate = 100 * hits / (hits + misses)
    figures.append(_report(f"restarts in a row, {_RESTARTS} asked for", len(restarts), "", "none failed", "all", True))
    figures.append(_report("cache hit rate over the restarts", rate, "%", f"{misses} misses", "≥ 90 %", rate >= 90))
    return figures


def _first_request() -> Figure:
    """A server with nothing built yet, everything at its defaults: from ready to the first embedding answered."""
    seconds = []
    for _ in range(3):
        with a_server(nothing_built=True) as server:
            started = time.perf_counter()
            server.client.post("/v1/embeddings", json={"input": [_WORDS]}).raise_for_status()
            seconds.append(time.perf_counter() - started)
    worst = max(seconds)
    return _report("first request, nothing built yet", worst, "s", _spread(seconds), "≤ 5 s", worst <= 5)
