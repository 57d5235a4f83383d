"""M6 to M9: what the monitor costs the others: ingest, start, memory and an idle processor, with it and without it."""

import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from benchmarks.figures import Figure, at_most, median, median_interval
from benchmarks.server import RunningServer, a_server
from benchmarks.texts import abstracts, long_documents
from benchmarks.waking import times_as_much

Files = Sequence[tuple[str, bytes]]
_ALONE: Final = ("-m", "benchmarks.chosen_modules", "ingest,process,search")
_WATCHED: Final = (*_ALONE[:-1], f"{_ALONE[-1]},monitor")
_ROUNDS: Final = 2
"""Each on both servers, in turn the one and the other first: what the machine does besides falls on both."""
_PAIRS: Final = 6
_MOST_PAIRS: Final = 12
"""Of servers, each started anew: of two that are alike one may work faster than the other for as long as they live, by
more than is looked for here."""
_NARROW: Final = 0.01
"""Pairs go on until the processor time is known to so much of itself, or there were the most of them."""
_WRITTEN_SECONDS: Final = 4
"""After the last document was searchable: what is told of it is written by then, and was work for it too."""
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

    seconds: float = 0.0
    processor: float = 0.0

    def plus(self, other: "_Cost") -> "_Cost":
        return _Cost(self.seconds + other.seconds, self.processor + other.processor)


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


def _both(stack: ExitStack, *, watched_first: bool = True) -> tuple[RunningServer, RunningServer]:
    """One with the monitor, one without it; what is loaded or compared at first is over."""
    programs = (_WATCHED, _ALONE) if watched_first else (_ALONE, _WATCHED)
    servers = [stack.enter_context(a_server(program=program)) for program in programs]
    for server in servers:
        server.upload([("first.txt", b"The first document wakes the model.")])
        server.wait_until_searchable(1)
        server.search("first document")
    watched, alone = servers if watched_first else reversed(servers)
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
    files = made(count * (_ROUNDS + 1))
    passed, used = _Pair(), _Pair()
    for number in range(_MOST_PAIRS):
        if number >= _PAIRS and used.is_known:
            break
        watched, alone = _of_one_pair(files, count, watched_first=number % 2 == 0)
        passed.add(watched.seconds, alone.seconds)
        used.add(watched.processor, alone.processor)
    note = f"median of {len(used.alone)} pairs of servers, {_ROUNDS} × {count} documents each"
    return [
        passed.figure("M6", f"ingest of {what} with the monitor, against without", "s", 1.02, note),
        used.figure("M6", f"processor time of it, {what}", "s", 1.02, note),
    ]


def _of_one_pair(files: Files, count: int, *, watched_first: bool) -> tuple[_Cost, _Cost]:
    """Of all rounds, with the monitor and without."""
    with ExitStack() as stack:
        servers = _both(stack, watched_first=watched_first)
        costs = [_Cost(), _Cost()]
        for number in range(_ROUNDS + 1):
            some, name = files[number * count : (number + 1) * count], f"round-{number}"
            for place in (0, 1) if number % 2 == watched_first else (1, 0):
                cost = _cost(servers[place], some, name)
                if number:  # the first round warms parsers and caches
                    costs[place] = costs[place].plus(cost)
    watched, alone = costs
    return watched, alone


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
