"""Every event of a document becomes a step of a journey or a label."""

from monitor.application.journeys import Journeys
from monitor.application.ports import DocumentLabels
from monitor.domain.journey import Step, StepKind
from shared.events.delivery import DeadLetterReplayed, EventDeadLettered
from shared.events.envelope import Envelope, current_envelope
from shared.events.ingest import DocumentChanged, DocumentReceived, DocumentWithdrawn
from shared.events.process import DocumentProcessed, ProcessingFailed, StageFinished
from shared.events.search import DocumentIndexed, DocumentRemoved
from shared.kernel import DocumentId
from shared.ports.handlers import Subscriptions


def subscriptions(journeys: Journeys) -> Subscriptions:
    """One handler per event; each is one small write, or none."""
    steps = _Steps(journeys)
    return {
        DocumentReceived: steps.received,
        DocumentChanged: steps.changed,
        DocumentWithdrawn: steps.withdrawn,
        StageFinished: steps.stage_finished,
        DocumentProcessed: steps.processed,
        ProcessingFailed: steps.failed,
        DocumentIndexed: steps.indexed,
        DocumentRemoved: steps.removed,
        EventDeadLettered: steps.dead_lettered,
        DeadLetterReplayed: steps.replayed,
    }


class _Steps:
    def __init__(self, journeys: Journeys) -> None:
        self._journeys = journeys

    async def received(self, event: DocumentReceived) -> None:
        labels = DocumentLabels(
            event.document_id, event.document_version, event.labels.collection, event.labels.document_name
        )
        await self._journeys.record(event.document_id, event.document_version, _step(StepKind.RECEIVED), labels)

    async def changed(self, event: DocumentChanged) -> None:
        await self._journeys.rename(
            DocumentLabels(
                event.document_id, event.document_version, event.labels.collection, event.labels.document_name
            )
        )

    async def withdrawn(self, event: DocumentWithdrawn) -> None:
        # The name goes with the document; the journey stays.
        labels = DocumentLabels(event.document_id, event.document_version, event.collection, None)
        await self._journeys.record(event.document_id, event.document_version, _step(StepKind.WITHDRAWN), labels)

    async def stage_finished(self, event: StageFinished) -> None:
        step = _step(StepKind.STAGE, stage=event.stage, seconds=event.seconds, detail="reused" if event.reused else "")
        await self._journeys.record(event.document_id, event.document_version, step)

    async def processed(self, event: DocumentProcessed) -> None:
        await self._journeys.record(event.document_id, event.document_version, _step(StepKind.PROCESSED))

    async def failed(self, event: ProcessingFailed) -> None:
        step = _step(StepKind.FAILED, stage=event.stage, detail=event.reason)
        await self._journeys.record(event.document_id, event.document_version, step)

    async def indexed(self, event: DocumentIndexed) -> None:
        await self._journeys.record(
            event.document_id, event.document_version, _step(StepKind.INDEXED, seconds=event.seconds)
        )

    async def removed(self, event: DocumentRemoved) -> None:
        await self._journeys.record(event.document_id, event.document_version, _step(StepKind.REMOVED))

    async def dead_lettered(self, event: EventDeadLettered) -> None:
        await self._delivery(
            event.document_id,
            event.document_version,
            _step(StepKind.DEAD_LETTERED, stage=event.group, detail=f"{event.subject}: {event.reason}"),
        )

    async def replayed(self, event: DeadLetterReplayed) -> None:
        await self._delivery(
            event.document_id,
            event.document_version,
            _step(StepKind.REPLAYED, stage=event.group, detail=event.subject),
        )

    async def _delivery(self, document_id: DocumentId | None, version: int | None, step: Step) -> None:
        # A letter that names no document shows in the list of dead letters only.
        if document_id is not None and version is not None:
            await self._journeys.record(document_id, version, step)


def _step(kind: StepKind, *, stage: str = "", seconds: float | None = None, detail: str = "") -> Step:
    envelope = _envelope()
    return Step(kind, envelope.occurred_at, stage=stage, seconds=seconds, detail=detail, event_id=envelope.id)


def _envelope() -> Envelope:
    envelope = current_envelope()
    if envelope is None:
        raise RuntimeError("Monitor's handlers run inside `shared.events.envelope.handling`.")
    return envelope
