"""What this process hears of the whole installation, whichever process handles the events: searches, and who works."""

from typing import Final

from typing_extensions import override

from monitor.application.journeys import Journeys
from monitor.application.searches import Searches
from shared.events.catalogue import decode
from shared.events.envelope import Envelope
from shared.events.process import DocumentProcessed, ProcessingFailed, StageFinished
from shared.events.search import DocumentIndexed, DocumentRemoved, SearchPerformed
from shared.kernel import Refused
from shared.ports.event_bus import EventBus
from shared.runtime.tailing import Tailing
from shared.vocabulary import PROCESS, SEARCH

_TOLD_BY: Final = {
    StageFinished.name: PROCESS,
    DocumentProcessed.name: PROCESS,
    ProcessingFailed.name: PROCESS,
    DocumentIndexed.name: SEARCH,
    DocumentRemoved.name: SEARCH,
}


class Listening(Tailing):
    """An async context manager; while entered, it follows the bus. Telemetry: begun anew with the process."""

    def __init__(self, bus: EventBus, journeys: Journeys, searches: Searches) -> None:
        super().__init__(bus, StageFinished.topic, DocumentIndexed.topic, SearchPerformed.topic)
        self._others_work = bus.lanes_move
        self._journeys = journeys
        self._searches = searches

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
        )
