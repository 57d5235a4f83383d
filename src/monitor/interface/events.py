"""Every event of a document becomes a step of a journey, a label, or a sign that it gets on within a stage."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from monitor.application.journeys import Journeys
from monitor.application.ports import DocumentLabels, ToldStep
from monitor.application.stage_progress import StageProgress
from monitor.domain.journey import Progress, Step, StepKind
from shared.events.delivery import DeadLetterReplayed, EventDeadLettered
from shared.events.envelope import Envelope, Event, current_envelope
from shared.events.ingest import DocumentChanged, DocumentEvent, DocumentReceived, DocumentWithdrawn
from shared.events.process import (
    ChunksEmbedded,
    DocumentProcessed,
    PagesProcessed,
    PagesRead,
    ProcessingFailed,
    StageFinished,
)
from shared.events.search import DocumentIndexed, DocumentRemoved, PagesIndexed
from shared.ports.handlers import Subscriptions


def subscriptions(heard: "Heard") -> Subscriptions:
    """One handler for every event."""
    return dict.fromkeys(_MEANING, heard.one)


class Heard:
    """What events tell goes to whom it is for: of many at once, all steps in one write."""

    def __init__(self, journeys: Journeys, progress: StageProgress) -> None:
        self._journeys = journeys
        self._progress = progress

    async def one(self, event: Event) -> None:
        """The event that is being handled."""
        envelope = current_envelope()
        if envelope is None:
            raise RuntimeError("Monitor's handlers run inside `shared.events.envelope.handling`.")
        await self.together([(event, envelope)])

    async def together(self, events: Sequence[tuple[Event, Envelope]]) -> None:
        """In whatever order. What is told again changes nothing."""
        steps, names = list[ToldStep](), list[DocumentLabels]()
        for event, envelope in events:
            match _MEANING[type(event)](event, envelope):
                case ToldStep() as step:
                    steps.append(step)
                case DocumentLabels() as labels:
                    names.append(labels)
                case Progress() as progress:
                    self._progress.tell(progress)
                case None:
                    pass
        if steps:
            await self._journeys.record(steps)
        for labels in names:
            await self._journeys.rename(labels)


def _received(event: DocumentReceived, envelope: Envelope) -> ToldStep:
    return _told(event, envelope, StepKind.RECEIVED, labels=_labels(event))


def _changed(event: DocumentChanged, _: Envelope) -> DocumentLabels:
    return _labels(event)


def _withdrawn(event: DocumentWithdrawn, envelope: Envelope) -> ToldStep:
    # The name goes with the document; the journey stays.
    labels = DocumentLabels(event.document_id, event.document_version, event.collection, None)
    return _told(event, envelope, StepKind.WITHDRAWN, labels=labels)


def _stage_finished(event: StageFinished, envelope: Envelope) -> ToldStep:
    detail = "reused" if event.reused else ""
    return _told(event, envelope, StepKind.STAGE, stage=event.stage, seconds=event.seconds, detail=detail)


def _processed(event: DocumentProcessed, envelope: Envelope) -> ToldStep:
    return _told(event, envelope, StepKind.PROCESSED, detail="\n".join(event.warnings))


def _failed(event: ProcessingFailed, envelope: Envelope) -> ToldStep:
    return _told(event, envelope, StepKind.FAILED, stage=event.stage, detail=event.reason)


def _indexed(event: DocumentIndexed, envelope: Envelope) -> ToldStep:
    return _told(event, envelope, StepKind.INDEXED, seconds=event.seconds)


def _pages_indexed(event: PagesIndexed, envelope: Envelope) -> ToldStep:
    # A step of the whole's way; it has a version of its own in the index alone.
    step = _step(envelope, StepKind.EARLY, detail=f"{event.pages_done:,} of {event.pages_total:,} pages")
    return ToldStep(event.document_id, event.whole_version, step)


def _removed(event: DocumentRemoved, envelope: Envelope) -> ToldStep:
    return _told(event, envelope, StepKind.REMOVED)


def _dead_lettered(event: EventDeadLettered, envelope: Envelope) -> ToldStep | None:
    return _delivery(event, envelope, StepKind.DEAD_LETTERED, f"{event.subject}: {event.reason}")


def _replayed(event: DeadLetterReplayed, envelope: Envelope) -> ToldStep | None:
    return _delivery(event, envelope, StepKind.REPLAYED, event.subject)


def _delivery(
    event: EventDeadLettered | DeadLetterReplayed, envelope: Envelope, kind: StepKind, detail: str
) -> ToldStep | None:
    # A letter that names no document shows in the list of dead letters only.
    if event.document_id is None or event.document_version is None:
        return None
    step = _step(envelope, kind, stage=event.group, detail=detail)
    return ToldStep(event.document_id, event.document_version, step)


def _within_a_stage(event: PagesRead | ChunksEmbedded, envelope: Envelope) -> Progress:
    return Progress(event.document_id, event.document_version, envelope.occurred_at)


def _first_pages(event: PagesProcessed, envelope: Envelope) -> Progress:
    return Progress(event.document_id, event.whole_version, envelope.occurred_at)


def _labels(event: DocumentReceived | DocumentChanged) -> DocumentLabels:
    return DocumentLabels(
        event.document_id, event.document_version, event.labels.collection, event.labels.document_name
    )


def _told(
    event: DocumentEvent, envelope: Envelope, kind: StepKind, *, labels: DocumentLabels | None = None, **step: Any
) -> ToldStep:
    return ToldStep(event.document_id, event.document_version, _step(envelope, kind, **step), labels)


def _step(
    envelope: Envelope, kind: StepKind, *, stage: str = "", seconds: float | None = None, detail: str = ""
) -> Step:
    return Step(kind, envelope.occurred_at, stage=stage, seconds=seconds, detail=detail, event_id=envelope.id)


_MEANING: Final[Mapping[type[Event], Callable[[Any, Envelope], ToldStep | DocumentLabels | Progress | None]]] = {
    DocumentReceived: _received,
    DocumentChanged: _changed,
    DocumentWithdrawn: _withdrawn,
    StageFinished: _stage_finished,
    PagesRead: _within_a_stage,
    ChunksEmbedded: _within_a_stage,
    PagesProcessed: _first_pages,
    DocumentProcessed: _processed,
    ProcessingFailed: _failed,
    PagesIndexed: _pages_indexed,
    DocumentIndexed: _indexed,
    DocumentRemoved: _removed,
    EventDeadLettered: _dead_lettered,
    DeadLetterReplayed: _replayed,
}
