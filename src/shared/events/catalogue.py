"""Every event there is, by name and version, and how an envelope becomes one again."""

from typing import Final

from pydantic import ValidationError

from shared.events.chat import MessageAnswered
from shared.events.delivery import DeadLetterReplayed, EventDeadLettered
from shared.events.envelope import Envelope, Event
from shared.events.ingest import DocumentChanged, DocumentReceived, DocumentWithdrawn
from shared.events.process import (
    ChunksEmbedded,
    DocumentProcessed,
    PagesProcessed,
    PagesRead,
    ProcessingFailed,
    StageFinished,
)
from shared.events.search import (
    ArtefactsLost,
    DocumentIndexed,
    DocumentRemoved,
    PagesIndexed,
    SearchPerformed,
    VectorsOutdated,
)
from shared.kernel import Refused

EVENTS: Final[tuple[type[Event], ...]] = (
    DocumentReceived,
    DocumentChanged,
    DocumentWithdrawn,
    StageFinished,
    ChunksEmbedded,
    PagesRead,
    PagesProcessed,
    DocumentProcessed,
    ProcessingFailed,
    PagesIndexed,
    DocumentIndexed,
    DocumentRemoved,
    VectorsOutdated,
    ArtefactsLost,
    SearchPerformed,
    MessageAnswered,
    EventDeadLettered,
    DeadLetterReplayed,
)
_BY_NAME: Final = {(event.name, event.version): event for event in EVENTS}
TOPICS: Final = tuple(sorted({event.topic for event in EVENTS}))


def decode(envelope: Envelope) -> Event:
    """The event inside. Raises Refused for an unknown version or a payload that does not fit."""
    event = _BY_NAME.get((envelope.name, envelope.version))
    if event is None:
        raise Refused(
            f"{envelope.name} version {envelope.version} is not known here; a newer Seoga may have written it.",
            code="unknown_event",
        )
    try:
        return event.model_validate(envelope.payload)
    except ValidationError as error:
        raise Refused(f"{envelope.name} has a payload that does not fit: {error}", code="bad_payload") from error
