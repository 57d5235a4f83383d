"""S12, S14: what a question, an upload and a deletion cost as the shelf fills, and the disk that a document takes.

Asked at a small shelf and at a full one, when nothing else runs. What a server spends is its processor time, which a
machine's other work changes less than the clock. `SEOGA_BENCH_DOCUMENTS` says how full (100,000 by default).
"""

import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx

from benchmarks.figures import Figure, at_least, at_most, median, percentile
from benchmarks.server import RunningServer, a_server
from benchmarks.texts import long_documents

_DOCUMENTS: Final = int(os.environ.get("SEOGA_BENCH_DOCUMENTS", "100000"))
_SMALL: Final = 1_000
_UPLOADED: Final = 100
_ASKED: Final = 20
_RATE_OVER: Final = 500
_MIXED: Final = 200
_QUESTIONS: Final[Mapping[str, str]] = {
    "listing 50": "/api/v1/documents?limit=50",
    "listing 50 of a status": "/api/v1/documents?limit=50&status=searchable",
    "collections": "/api/v1/collections",
    "journeys": "/api/v1/monitor/journeys?limit=50",
    "stuck journeys": "/api/v1/monitor/journeys?stuck=true",
    "metrics": "/metrics",
}
_SUMMARY: Final = ("monitor", "/api/v1/monitor")


@dataclass(frozen=True, slots=True)
class _Cost:
    """Processor and clock milliseconds of one call."""

    cpu: float
    clock: float


def tiny_documents(first: int, count: int) -> Iterator[tuple[str, bytes]]:
    """File name and content of so many documents of five words, each its own."""
    for number in range(first, first + count):
        yield f"tiny-{number:07}.txt", f"The tiny document number {number}".encode()


def mixed_documents(count: int) -> list[tuple[str, bytes]]:
    """File name and content of so many documents of 2 to 20 kB."""
    return [
        (name, content[: 2_000 + 18_000 * number // count].decode(errors="ignore").encode())
        for number, (name, content) in enumerate(long_documents(count))
    ]


def disk_bytes(folder: Path) -> Mapping[str, tuple[int, int]]:
    """By the first part of the name below `folder`: bytes in files, and bytes that the file system gave for them."""
    found: dict[str, tuple[int, int]] = {}
    for path in folder.rglob("*"):
        state = path.lstat()
        name = path.relative_to(folder).parts[0].partition("-")[0]
        length, given = found.get(name, (0, 0))
        found[name] = (length + (state.st_size if path.is_file() else 0), given + 512 * state.st_blocks)
    return found


def _cost(server: RunningServer, call: Callable[[], object], *, times: int = 1, pause: float = 0.0) -> _Cost:
    """Of one of `times` calls; the clock's is their median."""
    clocks = []
    before = _cpu_seconds(server)
    for _ in range(times):
        started = time.perf_counter()
        call()
        clocks.append(time.perf_counter() - started)
        time.sleep(pause)
    return _Cost(1_000 * (_cpu_seconds(server) - before) / times, 1_000 * median(clocks))


def _cpu_seconds(server: RunningServer) -> float:
    times = server.process.cpu_times()  # the index and the parsers have processes of their own
    return times.user + times.system


def _ask(server: RunningServer, path: str) -> None:
    server.client.get(path).raise_for_status()


def _costs(server: RunningServer, stored: int) -> dict[str, _Cost]:
    """Of everything that must not depend on how much there is; stores and deletes as much."""
    found = {}
    for name, path in _QUESTIONS.items():
        found[name] = _cost(server, lambda path=path: _ask(server, path), times=_ASKED)  # type: ignore[misc]  # a lambda with a default
    # Kept for a second.
    found[_SUMMARY[0]] = _cost(server, lambda: _ask(server, _SUMMARY[1]), times=3, pause=1.1)
    uploaded: list[str] = []

    def upload() -> None:
        uploaded.extend(one["id"] for one in server.upload(tiny_documents(10_000_000 + stored, _UPLOADED)))

    found[f"upload of {_UPLOADED}"] = _cost(server, upload)
    server.wait_until_searchable(stored + _UPLOADED)

    def delete() -> None:
        server.client.delete(f"/api/v1/documents/{uploaded.pop()}").raise_for_status()

    found["deletion"] = _cost(server, delete, times=_UPLOADED)
    return found


class _Listing:
    """Lists, ten times a second, while documents arrive."""

    def __init__(self, url: str) -> None:
        self.milliseconds: list[float] = []
        self._url = url
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._list)

    def __enter__(self) -> "_Listing":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _list(self) -> None:
        with httpx.Client(base_url=self._url, timeout=120) as client:
            while not self._stop.wait(0.1):
                started = time.perf_counter()
                client.get(_QUESTIONS["listing 50"]).raise_for_status()
                self.milliseconds.append(1_000 * (time.perf_counter() - started))


def _ingest(server: RunningServer, first: int, count: int) -> float:
    """Documents a second from the first upload to all searchable."""
    started = time.perf_counter()
    server.upload(tiny_documents(first, count))
    server.wait_until_searchable(first + count, timeout_seconds=36_000)
    return count / (time.perf_counter() - started)


def _growth(documents: int) -> list[Figure]:
    with a_server() as server:
        server.upload(tiny_documents(0, 1))
        server.wait_until_searchable(1)
        server.search("tiny document")
        _ingest(server, 1, _SMALL - _RATE_OVER - 1)
        first_rate = _ingest(server, _SMALL - _RATE_OVER, _RATE_OVER)
        few = _costs(server, _SMALL)
        with _Listing(server.url) as listing:
            _ingest(server, _SMALL, documents - _SMALL - _RATE_OVER)
        last_rate = _ingest(server, documents - _RATE_OVER, _RATE_OVER)
        many = _costs(server, documents)
    note = f"{_SMALL:,} and {documents:,} documents"
    figures = [
        at_least("S12", "ingest at a full shelf", last_rate, "documents/s", first_rate, 0.8, note),
        at_most(
            "S12", "listing 50 while documents arrive, p95", percentile(listing.milliseconds, 0.95), "ms",
            few["listing 50"].clock, 20, f"{len(listing.milliseconds)} times",
        ),
    ]  # fmt: skip
    for name, cost in many.items():
        seen = f"clock {few[name].clock:.1f} → {cost.clock:.1f} ms"
        figures.append(at_most("S12", f"{name}, processor", cost.cpu, "ms", max(few[name].cpu, 0.5), 1.5, seen))
    return figures


def _disk(what: str, files: Sequence[tuple[str, bytes]], limit: float | None) -> Figure:
    """What so many documents add to a data directory that has some, beyond themselves."""
    with tempfile.TemporaryDirectory(prefix="seoga-bench-") as folder:
        data = Path(folder)

        def filled(files: Sequence[tuple[str, bytes]], count: int) -> Mapping[str, tuple[int, int]]:
            with a_server(data) as server:
                server.upload(files)
                server.wait_until_searchable(count)
            # When it has left: what it keeps beside its files is folded in.
            return disk_bytes(data)

        half = len(files) // 2
        before, after = filled(files[:half], half), filled(files[half:], len(files))
    count, originals = len(files) - half, sum(len(content) for _, content in files[half:])
    added = {
        name: tuple(now - then for now, then in zip(after[name], before.get(name, (0, 0)), strict=True))
        for name in after
    }
    places = ", ".join(
        f"{name} {length / count / 1000:.1f}/{given / count / 1000:.1f}"
        for name, (length, given) in sorted(added.items(), key=lambda item: -item[1][1])
        if given > 100 * count
    )
    beyond = sum(given for _, given in added.values()) - originals
    note = f"kB a document, of {originals / count / 1000:.1f}; in files/on disk: {places}"
    seen, baseline = beyond / count / 1000, originals / count / 1000
    if limit is None:
        return Figure("S14", what, seen, "kB", None, "", None, note)
    return at_most("S14", what, seen, "kB", baseline, limit, note)


def measure(documents: int = _DOCUMENTS) -> list[Figure]:
    """All of it; `documents` tiny ones, and some that are longer."""
    return [
        *_growth(documents),
        _disk("disk beyond the original, text of 2–20 kB", mixed_documents(_MIXED), 3),
        _disk("disk beyond the original, five words", list(tiny_documents(0, 2 * _SMALL)), None),
    ]
