"""R17: an hour of uploads, revisions, deletions and searches; memory, descriptors, threads and disk must stay flat.

`SOAK_MINUTES` shortens or lengthens it. What is alive is bounded, so that what grows is what was left behind.
"""

import os
import random
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx
import psutil

from benchmarks.figures import Figure, median
from benchmarks.server import RunningServer, a_server
from benchmarks.texts import abstracts, korean_passages, queries

_SHELF: Final = 400
"""Living documents: one more, and the oldest goes."""
_CHANGES_A_SECOND: Final = 6.0
_SEARCHES_A_SECOND: Final = 10.0
_SAMPLE_SECONDS: Final = 5.0
_FORGETFUL: Final = {
    "SEOGA_EVENTS_RETENTION_SECONDS": "60",
    "SEOGA_JOURNEYS_RETENTION_SECONDS": "60",
    "SEOGA_AUDIT_RETENTION_SECONDS": "60",
    "SEOGA_COLLECT_EVERY_SECONDS": "30",
    "SEOGA_COLLECT_AFTER_SECONDS": "60",
    "SEOGA_TRASH_DAYS": "0",
}
"""What is kept for a week or longer is kept for a minute: it would grow for as long as any soak lasts."""
_SETTLED: Final = 0.2
"""The share of the time in which caches fill and engines are compared."""


@dataclass
class _Shelf:
    """What should be there: the writer's alone, but for `found`."""

    texts: Sequence[str]
    choice: random.Random = field(default_factory=lambda: random.Random(17))
    living: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Document id by name, with the marker that its newest bytes hold."""
    gone: list[str] = field(default_factory=list)
    """Markers that must not be found any more: the latest."""
    changes: int = 0

    def change(self, client: httpx.Client) -> None:
        """One upload, revision, new metadata or deletion."""
        kind = self.choice.random()
        if len(self.living) > _SHELF:
            name = next(iter(self.living))
            client.delete(f"/api/v1/documents/{self.living[name][0]}").raise_for_status()
            self.gone = [*self.gone[-50:], self.living.pop(name)[1]]
        elif kind < 0.2 and self.living:
            name = self.choice.choice(list(self.living))
            client.patch(
                f"/api/v1/documents/{self.living[name][0]}", json={"metadata": {"round": self.changes}}
            ).raise_for_status()
        elif kind < 0.4 and self.living:
            self._put(client, self.choice.choice(list(self.living)))
        else:
            self._put(client, f"{self.changes:07}.txt")
        self.changes += 1

    def _put(self, client: httpx.Client, name: str) -> None:
        marker = f"marker{self.changes:07}x"
        text = f"{self.choice.choice(self.texts)}\n\n{marker}\n"
        answer = client.put(f"/api/v1/documents/default/{name}", content=text.encode()).raise_for_status()
        self.living[name] = (answer.json()["id"], marker)


@dataclass(frozen=True, slots=True)
class _Sample:
    """What the server and its children hold at one moment."""

    memory_mib: float
    descriptors: int
    threads: int
    disk_mib: float


def _disk_mib(folder: Path) -> float:
    total = 0
    for parent, folders, files in os.walk(folder):  # unlike `rglob`, it goes on where a folder is gone meanwhile
        for name in (*folders, *files):
            with suppress(FileNotFoundError):
                total += 512 * Path(parent, name).lstat().st_blocks
    return total / (1 << 20)


def _sample(server: RunningServer, folder: Path) -> _Sample:
    memory = descriptors = threads = 0
    for process in server.processes():
        try:
            memory += process.memory_full_info().pss
            descriptors += process.num_fds()
            threads += process.num_threads()
        except psutil.NoSuchProcess:  # a parser that ended meanwhile
            continue
    return _Sample(memory / (1 << 20), descriptors, threads, _disk_mib(folder))


def _parts(server: RunningServer, folder: Path) -> str:
    """Where it is, in MiB: the disk by part, the memory by process, what is mapped from files apart."""
    disk = {part.name: _disk_mib(part) or part.lstat().st_size / (1 << 20) for part in sorted(folder.iterdir())}
    memory: list[str] = []
    for process in server.processes():
        with suppress(OSError, psutil.Error):
            rollup = Path(f"/proc/{process.pid}/smaps_rollup").read_text().splitlines()
            held = {line.split(":")[0]: int(line.split()[1]) / 1024 for line in rollup if line.startswith("Pss")}
            memory.append(f"{held['Pss_Anon']:.0f}+{held['Pss_File']:.0f}")
    return f"disk {' '.join(f'{name} {mib:.0f}' for name, mib in disk.items() if mib >= 1)}; memory {' '.join(memory)}"


@contextmanager
def _paced(url: str, a_second: float, work: Callable[[httpx.Client], Any]) -> Iterator[list[BaseException]]:
    """Does the work again and again in a thread, at most so often; what it raised comes out at the end."""
    failures: list[BaseException] = []
    ended = threading.Event()

    def run() -> None:
        with httpx.Client(base_url=url, timeout=30) as client:
            while not ended.wait(1 / a_second):
                try:
                    work(client)
                except Exception as error:
                    failures.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield failures
    finally:
        ended.set()
        thread.join()


def _check(server: RunningServer, shelf: _Shelf) -> int:
    """How many documents are not as they should be."""
    server.wait_until_searchable(len(shelf.living), timeout_seconds=120)
    wrong = 0
    for document_id, marker in shelf.living.values():
        hits = server.search(marker, mode="keyword", limit=5)["hits"]
        wrong += [hit["document"]["id"] for hit in hits if marker in hit["chunk"]["text"]] != [document_id]
    for marker in shelf.gone:
        hits = server.search(marker, mode="keyword", limit=5)["hits"]
        wrong += any(marker in hit["chunk"]["text"] for hit in hits)
    return wrong


def _growth(what: str, unit: str, values: Sequence[float], allowed: float) -> Figure:
    """The middle of the last tenth of the settled time against the middle of its first tenth."""
    settled = values[int(_SETTLED * len(values)) :]
    tenth = max(1, len(settled) // 10)
    first, last = median(settled[:tenth]), median(settled[-tenth:])
    return Figure("R17", what, last, unit, first, f"≤ {1 + allowed:g} × its start", last <= (1 + allowed) * first)


def measure() -> list[Figure]:
    """Each thing's last value against its value once all had settled; what went wrong on the way."""
    minutes = float(os.environ.get("SOAK_MINUTES", "60"))
    shelf = _Shelf([content.decode() for _, content in abstracts(500)] + korean_passages(500))
    questions = queries()
    asking = random.Random(5)

    def ask(client: httpx.Client) -> None:
        mode = asking.choice(("hybrid", "hybrid", "keyword", "vector"))
        query = f"{asking.choice(questions)} {asking.randrange(10_000)}"
        body = {"query": query, "mode": mode, "group_by": asking.choice((None, "document"))}
        client.post("/api/v1/search", json={key: value for key, value in body.items() if value}).raise_for_status()

    samples: list[_Sample] = []
    with tempfile.TemporaryDirectory(prefix="seoga-soak-") as name:
        folder = Path(name)
        with a_server(folder, nothing_built=False, **_FORGETFUL) as server:
            with (
                _paced(server.url, _CHANGES_A_SECOND, shelf.change) as changing,
                _paced(server.url, _SEARCHES_A_SECOND, ask) as searching,
            ):
                until = time.monotonic() + 60 * minutes
                while time.monotonic() < until:
                    time.sleep(_SAMPLE_SECONDS)
                    samples.append(_sample(server, folder))
                    if len(samples) % 12 == 0:
                        print(f"soak: {len(samples) * _SAMPLE_SECONDS / 60:.0f} min, {samples[-1]}", flush=True)
                        print(f"soak: {_parts(server, folder)}", flush=True)
            failures = [*changing, *searching]
            for failure in failures[:5]:
                print(f"soak: {failure!r}", flush=True)
            wrong = _check(server, shelf)
    note = f"{minutes:g} min, {shelf.changes} changes"
    return [
        Figure("R17", "requests refused or broken", len(failures), "", None, "0", not failures, note),
        Figure("R17", "documents not as they should be", wrong, "", None, "0", not wrong, note),
        _growth("memory (PSS, all processes)", "MiB", [one.memory_mib for one in samples], 0.05),
        _growth("file descriptors", "", [one.descriptors for one in samples], 0.05),
        _growth("threads", "", [one.threads for one in samples], 0.05),
        _growth("disk of the data directory", "MiB", [one.disk_mib for one in samples], 0.1),
    ]
