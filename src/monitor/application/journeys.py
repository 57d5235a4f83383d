"""Journeys: keeps what happened to each document, and tells where it is and whether it is stuck."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from monitor.application.ports import DocumentLabels, JourneyQuery, JourneyStore, KnownJourney, ToldStep, folded
from monitor.application.queues import Queues
from monitor.domain.journey import UNFINISHED, State, Step, StepKind, is_stuck, slow_after_seconds
from shared.kernel import Clock, DocumentId, NotFound, is_document_id, utc_now
from shared.telemetry import Metrics
from shared.vocabulary import INDEX

_BATCH: Final = 500
_MOST_LOOKED_AT: Final = 10_000
"""A request reads no more journeys than this, which takes about a second."""
_RECENT_STEPS: Final = 4_000
_SLOW_KEPT_SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True)
class JourneyView:
    """A journey as it is shown at one instant."""

    known: KnownJourney
    stuck: bool
    slow: bool
    """Under way for twice as long as nearly all take."""
    at: datetime


@dataclass(frozen=True, slots=True)
class JourneyPlace:
    """Where a page ended: in which of the lists that it goes through, and where in that."""

    list_number: int
    started: str
    document_id: str


@dataclass(frozen=True, slots=True)
class JourneyPage:
    """Some journeys, the place to go on from, and how many there are in all."""

    items: Sequence[JourneyView]
    next_place: JourneyPlace | None
    total: int | None
    """None where only looking at every one could tell."""


@dataclass(frozen=True, slots=True)
class _List:
    """Journeys as the store gives them, from a place on, without some."""

    query: JourneyQuery
    begins: tuple[str, str] | None = None
    leaves_out: Callable[[JourneyView], bool] | None = None


def _is_stuck_view(view: JourneyView) -> bool:
    return view.stuck


def _is_troubled(view: JourneyView) -> bool:
    return view.stuck or view.slow


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
        self._slow: tuple[float, float] | None = None
        for kind in StepKind:
            metrics.count("journey_steps", 0, kind=str(kind))

    async def record(self, told: Sequence[ToldStep]) -> None:
        """Keeps the steps. The same again, or out of order, leave the same journeys. When it raises, some are kept."""
        news = await self._store.add_all(told)
        self._count([one.step for one, is_new in zip(told, news, strict=True) if is_new])

    def _count(self, steps: Sequence[Step]) -> None:
        for kind, number in Counter(step.kind for step in steps).items():
            self._metrics.count("journey_steps", number, kind=str(kind))
        for step in steps:
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
        state: State | None = None,
        stuck_only: bool = False,
        words: str = "",
        troubled_first: bool = False,
        collections: frozenset[str] | None,
        after: JourneyPlace | None,
        limit: int,
    ) -> JourneyPage:
        """The newest journey of each document, last started first; or first those that are stuck, then the slow ones.

        `words` must all be in the name, in whatever case and order, or begin the document's id; then there is no total.
        Of 10,000 journeys and more that are passed over the page ends, shorter than `limit`, though another follows.
        """
        if is_document_id(words.strip()):
            return await self._page_of_one(DocumentId(words.strip().lower()), state, stuck_only, collections)
        wanted = tuple(folded(words).split())
        lists = await self._lists(state, stuck_only, troubled_first, collections, wanted)
        items, following = await self._walk(lists, after, limit)
        total = None if wanted else await self._store.count(lists[-1].query)
        return JourneyPage(items=items, next_place=following, total=total)

    async def _lists(
        self,
        state: State | None,
        stuck_only: bool,
        troubled_first: bool,
        collections: frozenset[str] | None,
        words: tuple[str, ...],
    ) -> list[_List]:
        """What a page goes through, one after the other."""
        states = None if state is None else frozenset((state,))
        stuck = replace(await self._stuck_query(collections), words=words)
        if states is not None:
            stuck = replace(stuck, states=states & UNFINISHED)
        if stuck_only:
            return [_List(stuck)]
        everything = JourneyQuery(states=states, collections=collections, words=words)
        if not troubled_first:
            return [_List(everything)]
        begins = self._store.place_of(self._clock() - timedelta(seconds=await self._slow_after()))
        under_way = replace(everything, states=stuck.states)
        return [
            _List(stuck),
            _List(under_way, begins=begins, leaves_out=_is_stuck_view),
            _List(everything, leaves_out=_is_troubled),
        ]

    async def _walk(
        self, lists: Sequence[_List], after: JourneyPlace | None, limit: int
    ) -> tuple[list[JourneyView], JourneyPlace | None]:
        """Up to `limit` journeys, and the place to go on from where there may be more."""
        number, place = (0, None) if after is None else (after.list_number, (after.started, after.document_id))
        items: list[JourneyView] = []
        last: JourneyPlace | None = None
        looked_at = 0
        while number < len(lists):
            one = lists[number]
            batch = _BATCH if one.leaves_out else limit + 1 - len(items)
            rows = await self._store.newest(one.query, after=place or one.begins, limit=batch)
            for at, view in zip([at for at, _ in rows], await self._view([known for _, known in rows]), strict=True):
                if one.leaves_out is None or not one.leaves_out(view):
                    if len(items) == limit:
                        return items, last
                    items.append(view)
                last, place = JourneyPlace(number, *at), at
            looked_at += len(rows)
            if len(rows) < batch:
                number, place = number + 1, None
            elif looked_at >= _MOST_LOOKED_AT:
                return items, last
        return items, None

    async def _page_of_one(
        self, document_id: DocumentId, state: State | None, stuck_only: bool, collections: frozenset[str] | None
    ) -> JourneyPage:
        known = [one for one in await self._store.of_document(document_id) if one.is_newest]
        items = [
            view
            for view in await self._view(known)
            if (collections is None or view.known.collection in collections)
            and (state is None or view.known.journey.state is state)
            and (view.stuck or not stuck_only)
        ]
        return JourneyPage(items=items, next_place=None, total=len(items))

    async def count_stuck(self, collections: frozenset[str] | None) -> int:
        """Documents on their way of which nothing was heard for too long."""
        return await self._store.count(await self._stuck_query(collections))

    async def _view(self, known: Sequence[KnownJourney]) -> list[JourneyView]:
        if not known:
            return []
        now, busy, slow_after = self._clock(), await self._busy(), await self._slow_after()
        return [
            JourneyView(
                item,
                stuck=item.is_newest
                and is_stuck(item.journey, now=now, after_seconds=self._stuck_after_seconds, busy=busy),
                slow=item.is_newest
                and not item.journey.is_finished
                and (now - item.journey.started_at).total_seconds() > slow_after,
                at=now,
            )
            for item in known
        ]

    async def _slow_after(self) -> float:
        """At most ten seconds old."""
        if self._slow is None or time.monotonic() - self._slow[0] > _SLOW_KEPT_SECONDS:
            totals = list((await self._store.recent(_RECENT_STEPS)).total_seconds)
            self._slow = (time.monotonic(), slow_after_seconds(totals, otherwise=self._stuck_after_seconds))
        return self._slow[1]

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
