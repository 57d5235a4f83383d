"""Which events Ingest consumes, and who handles each."""

from ingest.application.ingestion import Ingestion
from ingest.application.progress import ProgressTracking
from ingest.application.remaking import Remaking
from shared.events.delivery import DeadLetterReplayed, EventDeadLettered
from shared.events.process import DocumentProcessed, ProcessingFailed, StageFinished
from shared.events.search import ArtefactsLost, DocumentIndexed, DocumentRemoved, VectorsOutdated
from shared.ports.handlers import Subscriptions


def subscriptions(progress: ProgressTracking, ingestion: Ingestion, remaking: Remaking) -> Subscriptions:
    """Handlers are short: each is one small write."""

    async def indexed(event: DocumentIndexed) -> None:
        await progress.indexed(event)
        await remaking.indexed(event)

    return {
        StageFinished: progress.stage_finished,
        DocumentProcessed: progress.processed,
        ProcessingFailed: progress.failed,
        DocumentIndexed: indexed,
        DocumentRemoved: progress.removed,
        VectorsOutdated: ingestion.renew,
        ArtefactsLost: remaking.artefacts_lost,
        EventDeadLettered: progress.dead_lettered,
        DeadLetterReplayed: progress.replayed,
    }
