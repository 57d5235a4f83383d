"""Journeys: keeps what happened to each document, and tells where it is and whether it is stuck."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from monitor.application.ports import DocumentLabels, JourneyQuery, JourneyStore, KnownJourney
from monitor.application.queues import Queues
from monitor.domain.journey import UNFINISHED, State, Step, StepKind, is_stuck
from shared.kernel import Clock, DocumentId, NotFound, utc_now
from shared.telemetry import Metrics
from shared.vocabulary import INDEX


@dataclass(frozen=True, slots=True)
class JourneyView:
    """A journey as it is shown at one instant."""

    known: KnownJourney
    stuck: bool
    at: datetime


@dataclass(frozen=True, slots=True)
class JourneyPage:
    """Some journeys, the place to go on from, and how many there are in all."""

    items: Sequence[JourneyView]
    next_place: tuple[str, str] | None
    total: int


class Journeys:
    """`collections` everywhere: what the asking principal may see, None for everything."""

    def __init__(
        self,
        store: JourneyStore,
        queues: Queues,
        metrics: Metrics,
        *,
        stuck_after_seconds: float,
        clock: Clock = utc_now,
    ) -> None:
        self._store = store
        self._queues = queues
        self._metrics = metrics
        self._stuck_after_seconds = stuck_after_seconds
        self._clock = clock
        self._last_word_of: dict[str, datetime] = {}
        self._listens_since: datetime | None = None

    async def record(
        self, document_id: DocumentId, version: int, step: Step, labels: DocumentLabels | None = None
    ) -> None:
        """Keeps one step. The same step again, or out of order, leaves the same journey."""
        if not await self._store.add(document_id, version, step, labels):
            return
        self._metrics.count("journey_steps", kind=str(step.kind))
        if step.seconds is not None and step.detail != "reused":
            stage = INDEX if step.kind is StepKind.INDEXED else step.stage
            self._metrics.observe("journey_stage_seconds", step.seconds, stage=stage)

    def heard_of(self, module: str, at: datetime) -> None:
        """The module did something then, in whichever process."""
        self._last_word_of[module] = max(at, self._last_word_of.get(module, at))

    def listen_anew(self) -> None:
        """Until now modules may have spoken unheard: none counts as silent from before."""
        self._listens_since = self._clock()

    async def rename(self, labels: DocumentLabels) -> None:
        """The document is called otherwise now (or, withdrawn, has no name any more)."""
        await self._store.label(labels)

    async def of_document(self, document_id: DocumentId, collections: frozenset[str] | None) -> Sequence[JourneyView]:
        """Every version, newest first. Raises NotFound, also for a document of others."""
        known = await self._store.of_document(document_id)
        if not known or (collections is not None and known[0].collection not in collections):
            raise NotFound(f"No journey of a document {document_id} is known.", code="journey_not_found")
        return await self._view(list(reversed(known)))

    async def page(
        self,
        *,
        state: State | None,
        stuck_only: bool,
        collections: frozenset[str] | None,
        after: tuple[str, str] | None,
        limit: int,
    ) -> JourneyPage:
        """The newest journey of each document, last started first."""
        states = None if state is None else frozenset((state,))
        if stuck_only:
            query = await self._stuck_query(collections)
            states = query.states if states is None else states & UNFINISHED
            query = JourneyQuery(states, query.silent_since, query.not_waiting_for, collections)
        else:
            query = JourneyQuery(states=states, collections=collections)
        rows = await self._store.newest(query, after=after, limit=limit + 1)
        shown = rows[:limit]
        return JourneyPage(
            items=await self._view([known for _, known in shown]),
            next_place=shown[-1][0] if len(rows) > limit else None,
            total=await self._store.count(query),
        )

    async def count_stuck(self, collections: frozenset[str] | None) -> int:
        """Documents on their way of which nothing was heard for too long."""
        return await self._store.count(await self._stuck_query(collections))

    async def _view(self, known: Sequence[KnownJourney]) -> list[JourneyView]:
        now, busy = self._clock(), await self._busy()
        return [
            JourneyView(
                item,
                stuck=item.is_newest
                and is_stuck(item.journey, now=now, after_seconds=self._stuck_after_seconds, busy=busy),
                at=now,
            )
            for item in known
        ]

    async def _stuck_query(self, collections: frozenset[str] | None) -> JourneyQuery:
        return JourneyQuery(
            states=UNFINISHED,
            silent_since=self._clock() - timedelta(seconds=self._stuck_after_seconds),
            not_waiting_for=await self._busy(),
            collections=collections,
        )

    async def _busy(self) -> frozenset[str]:
        """Modules with work queued that said something lately: whoever waits for them waits its turn."""
        recently = self._clock() - timedelta(seconds=self._stuck_after_seconds)
        return frozenset(
            queue.module
            for queue in await self._queues.look()
            if queue.waiting and any(word >= recently for word in self._last_words(queue.module))
        )

    def _last_words(self, module: str) -> list[datetime]:
        words = (self._last_word_of.get(module), self._listens_since)
        return [word for word in words if word is not None]
