"""Ingest of 1,000 one-chunk abstracts over HTTP on servers, beside the embedded default in the same run.

The servers are those of SEOGA_TEST_*, else of `make servers`; on one machine they share its cores with Seoga. They
have one run behind them that is not counted: a Java server compiles itself during its first thousands of calls.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import fmean
from typing import Final

from benchmarks.figures import Figure, at_least
from benchmarks.raw_engine import model_cache
from benchmarks.server import ROOT, RunningServer, a_server, end
from benchmarks.texts import abstracts

sys.path.insert(0, str(ROOT / "tests"))
from server_mode import an_installation
from servers import server_kind

_ABSTRACTS: Final = 1_000
_TURNS: Final = 3
_FRONT: Final = "ingest,search,monitor"


def _rate(server: RunningServer) -> float:
    """Documents a second, from the first upload until all are searchable."""
    files = abstracts(_ABSTRACTS)
    server.upload([("first.txt", b"The first document wakes the model.")])
    server.wait_until_searchable(1)
    server.search("first document")
    started = time.perf_counter()
    server.upload(files)
    server.wait_until_searchable(len(files) + 1)
    return len(files) / (time.perf_counter() - started)


@contextmanager
def _a_worker(folder: Path, variables: dict[str, str]) -> Iterator[None]:
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "main.py"), "worker", "--data-dir", str(folder)],
        env={**os.environ, "SEOGA_LOG_LEVEL": "warning", "SEOGA_MODEL_CACHE_DIR": str(model_cache()), **variables},
        stdout=subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        end(process)


def _on_servers(workers: int) -> tuple[float, float]:
    """With one process for all (0 workers), or a front and so many workers; and the CPU time of Seoga a document."""
    with ExitStack() as stack:
        variables = stack.enter_context(an_installation()).variables
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="seoga-bench-")))
        front = {**variables, "SEOGA_MODULES": _FRONT} if workers else variables
        server = stack.enter_context(a_server(folder, nothing_built=False, **front))
        for _ in range(workers):
            stack.enter_context(_a_worker(folder, variables))
        before = server.cpu_seconds()
        rate = _rate(server)
        return rate, (server.cpu_seconds() - before) / _ABSTRACTS


def _embedded() -> tuple[float, float]:
    with a_server() as server:
        before = server.cpu_seconds()
        rate = _rate(server)
        return rate, (server.cpu_seconds() - before) / _ABSTRACTS


def _mean(runs: Sequence[tuple[float, float]]) -> tuple[float, float]:
    return fmean(rate for rate, _ in runs), fmean(cpu for _, cpu in runs)


def measure() -> list[Figure]:
    """One process on servers beside one embedded; then one worker and two."""
    _on_servers(0)
    # In turns: other work on the machine then slows both.
    turns = [(_embedded(), _on_servers(0)) for _ in range(_TURNS)]
    (embedded, cpu), (together, server_cpu) = map(_mean, zip(*turns, strict=True))
    kinds = ", ".join(server_kind(name) for name in ("kafka", "mongo", "qdrant", "redis"))
    one, _ = _on_servers(1)
    two, _ = _on_servers(2)
    return [
        at_least("servers", "ingest on servers, one process", together, "documents/s", embedded, 0.8, kinds),
        # What is left of the ratio where the servers have processors of their own.
        Figure("servers", "documents a CPU second of Seoga's", 1 / server_cpu, "1/s", 1 / cpu, "", None),
        Figure("servers", "ingest on servers, a front and 1 worker", one, "documents/s", embedded, "", None),
        Figure("servers", "ingest on servers, a front and 2 workers", two, "documents/s", one, "", None),
    ]
