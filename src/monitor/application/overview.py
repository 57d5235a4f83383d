"""The summary: what the system is doing, in numbers, at most a second old."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Final, TypeVar

from monitor.application.dead_letters import DeadLetters
from monitor.application.health import Health, HealthReport
from monitor.application.journeys import Journeys
from monitor.application.passing import Passing
from monitor.application.ports import JourneyStore, Usage
from monitor.application.queues import Queue, Queues
from monitor.application.searches import Searches, SearchNumbers
from monitor.application.system import SystemSampler
from monitor.domain.journey import State, percentile
from shared.kernel import Clock, Unavailable, utc_now
from shared.runtime.resilience import Remotes, RemoteState

T = TypeVar("T")
_RECENT_STEPS: Final = 4_000
_RATE_WINDOW: Final = timedelta(minutes=5)
_MOST_CACHED: Final = 64


@dataclass(frozen=True, slots=True)
class Latency:
    """Of the newest samples."""

    samples: int
    p50_seconds: float | None
    p95_seconds: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What waits, what was done, what was searched: counts, for which no journey is looked at."""

    at: datetime
    degraded: Sequence[str]
    """Why some numbers are not of now, in words: they are the last ones known, or nothing before there were any."""
    documents: Mapping[State, int]
    stuck: int
    searchable_per_minute: float
    failed_per_minute: float
    passed_per_minute: Mapping[str, float]
    """Received, and done with each stage, in their order."""
    queues: Sequence[Queue]
    dead_letters: int
    searches: SearchNumbers
    system: Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary(Work):
    """Everything the dashboard's first page needs."""

    stages: Mapping[str, Latency]
    total: Latency
    remotes: Sequence[RemoteState]
    """The servers that this process calls."""
    health: HealthReport


@dataclass(frozen=True, slots=True)
class _Counts:
    """What the store of journeys tells without looking at one."""

    documents: Mapping[State, int]
    stuck: int
    searchable_per_minute: float
    failed_per_minute: float


@dataclass(frozen=True, slots=True)
class _Latencies:
    """What it tells of the newest."""

    stages: Mapping[str, Latency]
    total: Latency


_NO_COUNTS: Final = _Counts(dict.fromkeys(State, 0), 0, 0.0, 0.0)
_NO_LATENCIES: Final = _Latencies({}, Latency(0, None, None))


class Overview:
    """Puts the summary together, also while a server is away: then is when somebody looks at it."""

    def __init__(
        self,
        store: JourneyStore,
        journeys: Journeys,
        queues: Queues,
        dead_letters: DeadLetters,
        searches: Searches,
        passing: Passing,
        health: Health,
        system: SystemSampler,
        remotes: Remotes,
        clock: Clock = utc_now,
        *,
        cached_seconds: float = 1.0,
    ) -> None:
        self._store = store
        self._journeys = journeys
        self._queues = queues
        self._dead_letters = dead_letters
        self._searches = searches
        self._passing = passing
        self._health = health
        self._system = system
        self._remotes = remotes
        self._clock = clock
        self._cached_seconds = cached_seconds
        self._asking = asyncio.Lock()
        self._cached: dict[frozenset[str] | None, tuple[float, Summary]] = {}
        self._counts: dict[frozenset[str] | None, _Counts] = {}
        self._letters: dict[frozenset[str] | None, int] = {}
        self._latencies = _NO_LATENCIES

    async def summary(self, collections: frozenset[str] | None) -> Summary:
        """Documents and dead letters of these collections only (None: all); the rest is of the whole system."""
        async with self._asking:
            made_at, summary = self._cached.get(collections, (0.0, None))
            if summary is None or time.monotonic() - made_at > self._cached_seconds:
                summary = await self._make(collections)
                _keep(self._cached, collections, (time.monotonic(), summary))
            return summary

    async def work(self) -> Work:
        """Of everything; a fraction of what a summary costs, since thousands of steps need not be read for it."""
        return await self._work(None)

    async def _make(self, collections: frozenset[str] | None) -> Summary:
        # Side by side: each waits for a server that is away as long as one call may take.
        work, latencies, health = await asyncio.gather(
            self._work(collections), self._look_at_newest(), self._health.check()
        )
        degraded = work.degraded
        if isinstance(latencies, str):
            degraded = tuple(dict.fromkeys((*degraded, latencies)))
        else:
            self._latencies = latencies
        of_work = {one.name: getattr(work, one.name) for one in fields(work)}
        return Summary(
            **{**of_work, "degraded": degraded},
            stages=self._latencies.stages,
            total=self._latencies.total,
            remotes=self._remotes.states(),
            health=health,
        )

    async def _work(self, collections: frozenset[str] | None) -> Work:
        now = self._clock()
        counts, queues, letters, usage = await asyncio.gather(
            self._count(collections, now),
            self._queues.look(),
            self._count_letters(collections),
            self._system.usage(),
        )
        degraded = dict.fromkeys(one for one in (counts, letters) if isinstance(one, str))
        if not isinstance(counts, str):
            _keep(self._counts, collections, counts)
        if not isinstance(letters, str):
            _keep(self._letters, collections, letters)
        known = self._counts.get(collections, _NO_COUNTS)
        return Work(
            at=now,
            degraded=tuple(degraded),
            documents=known.documents,
            stuck=known.stuck,
            searchable_per_minute=known.searchable_per_minute,
            failed_per_minute=known.failed_per_minute,
            passed_per_minute=self._passing.per_minute(),
            queues=queues,
            dead_letters=self._letters.get(collections, 0),
            searches=self._searches.numbers(),
            system=usage,
        )

    async def _count(self, collections: frozenset[str] | None, now: datetime) -> "_Counts | str":
        minutes = _RATE_WINDOW.total_seconds() / 60
        since = now - _RATE_WINDOW
        try:
            # Asked for at once: an answer after the other wakes two threads each time.
            counts, stuck, searchable, failed = await asyncio.gather(
                self._store.count_by_state(collections),
                self._journeys.count_stuck(collections),
                self._store.count_finished(State.SEARCHABLE, since, collections),
                self._store.count_finished(State.FAILED, since, collections),
            )
        except Unavailable as error:
            return error.detail
        return _Counts(
            documents={state: counts.get(state, 0) for state in State},
            stuck=stuck,
            searchable_per_minute=searchable / minutes,
            failed_per_minute=failed / minutes,
        )

    async def _look_at_newest(self) -> "_Latencies | str":
        try:
            recent = await self._store.recent(_RECENT_STEPS)
        except Unavailable as error:
            return error.detail
        stages = {stage: _latency(samples) for stage, samples in sorted(recent.stage_seconds.items())}
        return _Latencies(stages, _latency(recent.total_seconds))

    async def _count_letters(self, collections: frozenset[str] | None) -> int | str:
        try:
            return await self._dead_letters.count(collections)
        except Unavailable as error:
            return error.detail


def _keep(kept: dict[frozenset[str] | None, T], collections: frozenset[str] | None, value: T) -> None:
    """Of a few dozen sets of collections."""
    if len(kept) >= _MOST_CACHED:
        kept.clear()
    kept[collections] = value


def _latency(samples: Sequence[float]) -> Latency:
    return Latency(len(samples), percentile(list(samples), 0.5), percentile(list(samples), 0.95))
