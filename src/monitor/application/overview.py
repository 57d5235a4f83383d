"""The summary: what the system is doing, in numbers, at most a second old."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from monitor.application.dead_letters import DeadLetters
from monitor.application.health import Health, HealthReport
from monitor.application.journeys import Journeys
from monitor.application.ports import JourneyStore, Usage
from monitor.application.queues import Queue, Queues
from monitor.application.searches import Searches, SearchNumbers
from monitor.application.system import SystemSampler
from monitor.domain.journey import State, percentile
from shared.kernel import Clock, utc_now
from shared.runtime.resilience import Remotes, RemoteState

_CACHED_SECONDS: Final = 1.0
_RECENT_STEPS: Final = 4_000
_RATE_WINDOW: Final = timedelta(minutes=5)
_MOST_CACHED: Final = 64


@dataclass(frozen=True, slots=True)
class Latency:
    """Of the newest samples."""

    samples: int
    p50_seconds: float | None
    p95_seconds: float | None


@dataclass(frozen=True, slots=True)
class Summary:
    """Everything the dashboard's first page needs."""

    at: datetime
    documents: Mapping[State, int]
    stuck: int
    searchable_per_minute: float
    failed_per_minute: float
    stages: Mapping[str, Latency]
    total: Latency
    queues: Sequence[Queue]
    dead_letters: int
    searches: SearchNumbers
    system: Usage
    remotes: Sequence[RemoteState]
    """The servers that this process calls."""
    health: HealthReport


class Overview:
    """Puts the summary together."""

    def __init__(
        self,
        store: JourneyStore,
        journeys: Journeys,
        queues: Queues,
        dead_letters: DeadLetters,
        searches: Searches,
        health: Health,
        system: SystemSampler,
        remotes: Remotes,
        clock: Clock = utc_now,
    ) -> None:
        self._store = store
        self._journeys = journeys
        self._queues = queues
        self._dead_letters = dead_letters
        self._searches = searches
        self._health = health
        self._system = system
        self._remotes = remotes
        self._clock = clock
        self._asking = asyncio.Lock()
        self._cached: dict[frozenset[str] | None, tuple[float, Summary]] = {}

    async def summary(self, collections: frozenset[str] | None) -> Summary:
        """Documents are counted in these collections only (None: all); the rest is of the whole system."""
        async with self._asking:
            made_at, summary = self._cached.get(collections, (0.0, None))
            if summary is None or time.monotonic() - made_at > _CACHED_SECONDS:
                summary = await self._make(collections)
                if len(self._cached) >= _MOST_CACHED:
                    self._cached.clear()
                self._cached[collections] = (time.monotonic(), summary)
            return summary

    async def _make(self, collections: frozenset[str] | None) -> Summary:
        now = self._clock()
        minutes = _RATE_WINDOW.total_seconds() / 60
        since = now - _RATE_WINDOW
        recent = await self._store.recent(_RECENT_STEPS)
        counts = await self._store.count_by_state(collections)
        return Summary(
            at=now,
            documents={state: counts.get(state, 0) for state in State},
            stuck=await self._journeys.count_stuck(collections),
            searchable_per_minute=await self._store.count_finished(State.SEARCHABLE, since, collections) / minutes,
            failed_per_minute=await self._store.count_finished(State.FAILED, since, collections) / minutes,
            stages={stage: _latency(samples) for stage, samples in sorted(recent.stage_seconds.items())},
            total=_latency(recent.total_seconds),
            queues=await self._queues.look(),
            dead_letters=await self._dead_letters.count(),
            searches=self._searches.numbers(),
            system=await self._system.usage(),
            remotes=self._remotes.states(),
            health=await self._health.check(),
        )


def _latency(samples: Sequence[float]) -> Latency:
    return Latency(len(samples), percentile(list(samples), 0.5), percentile(list(samples), 0.95))
