"""Tells waiters in this process that something happened to a document, whichever process did the work."""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Final

from typing_extensions import override

from shared.events.delivery import EventDeadLettered
from shared.events.envelope import Envelope
from shared.events.ingest import DocumentReceived
from shared.events.process import ProcessingFailed, StageFinished
from shared.events.search import DocumentIndexed
from shared.kernel import DocumentId
from shared.ports.event_bus import EventBus
from shared.runtime.tailing import Tailing

_TOPICS: Final = (DocumentReceived.topic, StageFinished.topic, DocumentIndexed.topic, EventDeadLettered.topic)
_FINISHING: Final = frozenset((DocumentIndexed.name, ProcessingFailed.name))
_MOST_SAMPLES: Final = 1000
_MOST_CHANGED: Final = 1000


class Watch:
    """One waiter's view of one document."""

    def __init__(self) -> None:
        self._happened = asyncio.Event()

    def tell(self) -> None:
        """Wakes the waiter."""
        self._happened.set()

    async def wait(self, timeout_seconds: float) -> None:
        """Returns when something was told since the last call, or after the timeout."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._happened.wait(), timeout_seconds)
        self._happened.clear()


class WatchOfAll:
    """One waiter's view of every document: which of them changed since it last looked."""

    def __init__(self) -> None:
        self._happened = asyncio.Event()
        self._changed: dict[DocumentId, None] = {}
        self._missed = False

    def tell(self, document_id: DocumentId) -> None:
        """Remembers it; of more than a thousand only that they were so many."""
        if len(self._changed) < _MOST_CHANGED:
            self._changed[document_id] = None
        elif document_id not in self._changed:
            self._missed = True
        self._happened.set()

    async def wait(self, timeout_seconds: float) -> tuple[list[DocumentId], bool]:
        """What changed since the last call, after the timeout nothing, and whether more did than it names."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._happened.wait(), timeout_seconds)
        changed, missed = list(self._changed), self._missed
        self._changed, self._missed = {}, False
        self._happened.clear()
        return changed, missed


class DocumentFeed(Tailing):
    """An async context manager; while entered, it follows the bus.

    What it tells is only that the store is worth reading again: the event may be there before its effect.
    """

    def __init__(
        self, bus: EventBus, clock: Callable[[], float] = time.monotonic, *, rate_window_seconds: float = 60.0
    ) -> None:
        """`rate_window_seconds`: how far back the rate of finishing looks."""
        super().__init__(bus, *_TOPICS)
        self._clock = clock
        self._rate_window_seconds = rate_window_seconds
        self._watches: dict[DocumentId, set[Watch]] = {}
        self._watches_of_all: set[WatchOfAll] = set()
        self._finished: deque[float] = deque(maxlen=_MOST_SAMPLES)

    @contextlib.contextmanager
    def watch(self, document_id: DocumentId) -> Iterator[Watch]:
        """Enter it before reading the state that is waited on, so that no change falls between."""
        watch = Watch()
        self._watches.setdefault(document_id, set()).add(watch)
        try:
            yield watch
        finally:
            others = self._watches[document_id]
            others.discard(watch)
            if not others:
                del self._watches[document_id]

    @contextlib.contextmanager
    def watch_all(self) -> Iterator[WatchOfAll]:
        """Every document, as `watch` does one."""
        watch = WatchOfAll()
        self._watches_of_all.add(watch)
        try:
            yield watch
        finally:
            self._watches_of_all.discard(watch)

    def tell(self, document_id: DocumentId) -> None:
        """Something about this document changed in the store."""
        for watch in self._watches.get(document_id, ()):
            watch.tell()
        for one in self._watches_of_all:
            one.tell(document_id)

    def finished_per_second(self) -> float | None:
        """How fast documents were finished lately; None when fewer than two were."""
        now = self._clock()
        while self._finished and self._finished[0] < now - self._rate_window_seconds:
            self._finished.popleft()
        if len(self._finished) < 2:
            return None
        return len(self._finished) / max(now - self._finished[0], 0.001)

    @override
    def hear(self, envelope: Envelope) -> None:
        """Waiters also look by themselves now and then."""
        if envelope.name in _FINISHING:
            self._finished.append(self._clock())
        self.tell(DocumentId(envelope.key))
