"""M6 to M9: what the monitor costs the others: ingest, start, memory and an idle processor, with it and without it."""

import signal
import sqlite3
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from benchmarks.figures import Figure, at_most, median, median_interval
from benchmarks.server import RunningServer, a_server
from benchmarks.switched_monitor import SWITCHED
from benchmarks.texts import abstracts, long_documents
from benchmarks.waking import times_as_much

Files = Sequence[tuple[str, bytes]]
_ALONE: Final = ("-m", "benchmarks.chosen_modules", "ingest,process,search")
_WATCHED: Final = (*_ALONE[:-1], f"{_ALONE[-1]},monitor")
_SWITCHED: Final = ("-m", "benchmarks.switched_monitor")
_PAIRS: Final = 12
_MOST_PAIRS: Final = 24
"""Of rounds, one with the monitor and one without, in turn the one and the other first: all in one server, since of two
that are alike one may work faster than the other for as long as they live, by more than is looked for here."""
_NARROW: Final = 0.01
"""Pairs go on until the processor time is known to so much of itself, or there were the most of them."""
_WRITTEN_SECONDS: Final = 4
"""After the last document was searchable: what is told of it is written by then, and was work for it too."""
_TURNED_SECONDS: Final = 1.5
"""After the switch: what begins with the monitor, or ends with it, is over."""
_ABSTRACTS: Final = 200
_LONG: Final = 15
_STARTS: Final = 9
_IDLE_ROUNDS: Final = 3
_IDLE_SECONDS: Final = 10
"""The length of the longest beat: each round has as many of every kind of look."""
_SETTLED_SECONDS: Final = 15


@dataclass(frozen=True, slots=True)
class _Cost:
    """Of an ingest."""

    seconds: float
    processor: float


@dataclass(slots=True)
class _Pair:
    """The same measured with the monitor and without it."""

    watched: list[float] = field(default_factory=list)
    alone: list[float] = field(default_factory=list)

    def add(self, watched: float, alone: float) -> None:
        """Of one round."""
        self.watched.append(watched)
        self.alone.append(alone)

    @property
    def ratio(self) -> float:
        """Of a round each, the one in the middle."""
        return median([one / other for one, other in zip(self.watched, self.alone, strict=True)])

    @property
    def interval(self) -> tuple[float, float] | None:
        """Where that ratio lies in 19 of 20 cases."""
        return median_interval([one / other for one, other in zip(self.watched, self.alone, strict=True)])

    @property
    def is_known(self) -> bool:
        """Whether a hundredth more or less would show."""
        return self.interval is not None and self.interval[1] - self.interval[0] <= 2 * _NARROW

    def figure(self, id: str, what: str, unit: str, limit: float, note: str = "") -> Figure:
        """Held against the median without."""
        alone = median(self.alone)
        if self.interval is not None:
            note = f"{note}, {self.interval[0]:.3f} to {self.interval[1]:.3f} in 19 of 20 cases"
        return at_most(id, what, self.ratio * alone, unit, alone, limit, note)


def _both(stack: ExitStack) -> tuple[RunningServer, RunningServer]:
    """One with the monitor, one without it; what is loaded or compared at first is over."""
    watched, alone = [stack.enter_context(a_server(program=program)) for program in (_WATCHED, _ALONE)]
    for server in (watched, alone):
        server.upload([("first.txt", b"The first document wakes the model.")])
        server.wait_until_searchable(1)
        server.search("first document")
    return watched, alone


def _cost(server: RunningServer, files: Files, collection: str) -> _Cost:
    """From the first upload until the last is searchable, by the server's own clock; and processor time."""
    used, began = server.cpu_seconds(), time.time()
    server.upload(files, collection=collection)
    server.wait_until_searchable(len(files), collection=collection)
    time.sleep(_WRITTEN_SECONDS)
    used = server.cpu_seconds() - used
    last, cursor = began, None
    while True:
        parameters: dict[str, Any] = {"collection": collection, "limit": 100, **({"cursor": cursor} if cursor else {})}
        listed = server.client.get("/api/v1/documents", params=parameters).raise_for_status().json()
        last = max(last, *(datetime.fromisoformat(one["searchable_at"]).timestamp() for one in listed["items"]))
        cursor = listed["next_cursor"]
        if not cursor:
            return _Cost(last - began, used)


def _ingest(what: str, made: Callable[[int], Files], count: int) -> list[Figure]:
    files = made(2 * count * (_MOST_PAIRS + 1))
    passed, used = _Pair(), _Pair()
    with tempfile.TemporaryDirectory(prefix="seoga-bench-") as name, a_server(Path(name), program=_SWITCHED) as server:
        monitor = _Switch(server, Path(name))
        for number in range(_MOST_PAIRS + 1):
            if number > _PAIRS and used.is_known:
                break
            costs = dict[bool, _Cost]()
            for watched in (True, False) if number % 2 else (False, True):
                monitor.turn(on=watched)
                collection = f"round-{number}-{'watched' if watched else 'alone'}"
                some, files = files[:count], files[count:]
                costs[watched] = _cost(server, some, collection)
                monitor.seen += count
            if number:  # the first pair warms parsers and caches
                passed.add(costs[True].seconds, costs[False].seconds)
                used.add(costs[True].processor, costs[False].processor)
    note = f"median of {len(used.alone)} pairs of rounds in one server, {count} documents each"
    return [
        passed.figure("M6", f"ingest of {what} with the monitor, against without", "s", 1.02, note),
        used.figure("M6", f"processor time of it, {what}", "s", 1.02, note),
    ]


class _Switch:
    """Of the monitor in a server that has one."""

    def __init__(self, server: RunningServer, folder: Path) -> None:
        self._server = server
        self._folder = folder
        self._is_on = False
        self.seen = 0
        """Documents that the monitor is to know of."""

    def turn(self, *, on: bool) -> None:
        """Returns when it is so, and when what came while it was off is written."""
        told = self._folder / SWITCHED
        if on is not self._is_on:
            told.unlink(missing_ok=True)
            self._server.process.send_signal(signal.SIGUSR1 if on else signal.SIGUSR2)
            self._is_on = on
            while not told.exists():
                time.sleep(0.1)
        while on and self._finished() < self.seen:
            time.sleep(0.1)
        time.sleep(_TURNED_SECONDS)

    def _finished(self) -> int:
        with closing(sqlite3.connect(f"file:{self._folder / 'monitor.sqlite'}?mode=ro", uri=True)) as database:
            (count,) = database.execute("SELECT count(*) FROM journeys WHERE finished_at IS NOT NULL").fetchone()
            return int(count)


def _starts() -> Figure:
    pair = _Pair()
    with tempfile.TemporaryDirectory(prefix="seoga-bench-") as one, tempfile.TemporaryDirectory() as other:
        for number in range(_STARTS + 1):
            kinds = [(pair.watched, one, _WATCHED), (pair.alone, other, _ALONE)]
            for seen, folder, program in kinds if number % 2 else reversed(kinds):
                with a_server(Path(folder), program=program) as server:
                    if number:  # the first makes the data directory
                        seen.append(server.start_seconds)
    return pair.figure("M7", "cold start with the monitor, against without", "s", 1.05, f"median of {_STARTS} pairs")


def _at_rest() -> list[Figure]:
    idle = _Pair()
    with ExitStack() as stack:
        watched, alone = _both(stack)
        memory = _Pair([watched.pss_bytes() / 2**20], [alone.pss_bytes() / 2**20])
        time.sleep(_SETTLED_SECONDS)
        times = list[float]()
        for _ in range(_IDLE_ROUNDS):
            before, began = (watched.cpu_seconds(), alone.cpu_seconds()), time.monotonic()
            times.append(times_as_much(_IDLE_SECONDS))
            passed = time.monotonic() - began
            for server, seen, used in ((watched, idle.watched, before[0]), (alone, idle.alone, before[1])):
                seen.append(100 * (server.cpu_seconds() - used) / passed)
    share = median(idle.watched) - median(idle.alone)
    note = f"{median(idle.watched):.2f} % with, {median(idle.alone):.2f} % without; "
    note += f"work took {median(times):.1f} × its processor time once a second here"
    return [
        memory.figure("M8", "memory after the first search with the monitor, against without", "MiB", 1.05),
        Figure("M9", "the monitor's share of idle CPU", share, "% of a core", None, "≤ 0.1 %", share <= 0.1, note),
    ]


def measure() -> list[Figure]:
    """All of them; each pair in one run."""
    return [
        *_ingest("one-chunk abstracts", abstracts, _ABSTRACTS),
        *_ingest("documents of 10 chunks and more", long_documents, _LONG),
        _starts(),
        *_at_rest(),
    ]
