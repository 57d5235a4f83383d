"""What this process hears of the whole installation, whichever process handles the events: searches, who works,
and how many documents pass each step.
"""

from typing import Final

from typing_extensions import override

from monitor.application.journeys import Journeys
from monitor.application.passing import RECEIVED, Passing
from monitor.application.searches import Searches
from shared.events.catalogue import decode
from shared.events.envelope import Envelope
from shared.events.ingest import DocumentReceived
from shared.events.process import (
    ChunksEmbedded,
    DocumentProcessed,
    PagesProcessed,
    PagesRead,
    ProcessingFailed,
    StageFinished,
)
from shared.events.search import DocumentIndexed, DocumentRemoved, PagesIndexed, SearchPerformed
from shared.kernel import Refused
from shared.ports.event_bus import EventBus
from shared.runtime.tailing import Tailing
from shared.vocabulary import INDEX, PROCESS, SEARCH

_TOLD_BY: Final = {
    StageFinished.name: PROCESS,
    PagesRead.name: PROCESS,
    ChunksEmbedded.name: PROCESS,
    PagesProcessed.name: PROCESS,
    DocumentProcessed.name: PROCESS,
    ProcessingFailed.name: PROCESS,
    PagesIndexed.name: SEARCH,
    DocumentIndexed.name: SEARCH,
    DocumentRemoved.name: SEARCH,
}


class Listening(Tailing):
    """An async context manager; while entered, it follows the bus. Telemetry: begun anew with the process."""

    def __init__(self, bus: EventBus, journeys: Journeys, searches: Searches, passing: Passing) -> None:
        super().__init__(bus, DocumentReceived.topic, StageFinished.topic, DocumentIndexed.topic, SearchPerformed.topic)
        self._others_work = bus.lanes_move
        self._journeys = journeys
        self._searches = searches
        self._passing = passing

    @override
    def begin(self) -> None:
        # Where other processes are at work, they were while this one did not listen; otherwise nobody was.
        if self._others_work:
            self._journeys.listen_anew()

    @override
    def hear(self, envelope: Envelope) -> None:
        module = _TOLD_BY.get(envelope.name)
        if module is not None:
            self._journeys.heard_of(module, envelope.occurred_at)
        if envelope.name == StageFinished.name:
            # Not decoded: there are several of every document.
            self._passing.passed(str(envelope.payload.get("stage")))
        elif envelope.name == DocumentReceived.name:
            self._passing.passed(RECEIVED)
        elif envelope.name == DocumentIndexed.name:
            self._passing.passed(INDEX)
        elif envelope.name == SearchPerformed.name:
            self._hear_search(envelope)

    def _hear_search(self, envelope: Envelope) -> None:
        try:
            event = decode(envelope)
        except Refused:  # of a newer Seoga
            return
        assert isinstance(event, SearchPerformed)
        self._searches.record(
            event.search_id,
            envelope.occurred_at,
            seconds=event.seconds,
            cached=event.cached,
            degraded=bool(event.degraded),
            empty=event.hits == 0,
        )
