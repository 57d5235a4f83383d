"""Which events Ingest consumes, and who handles each."""

from ingest.application.ingestion import Ingestion
from ingest.application.progress import ProgressTracking
from shared.events.delivery import DeadLetterReplayed, EventDeadLettered
from shared.events.process import DocumentProcessed, ProcessingFailed, StageFinished
from shared.events.search import DocumentIndexed, DocumentRemoved, VectorsOutdated
from shared.ports.handlers import Subscriptions


def subscriptions(progress: ProgressTracking, ingestion: Ingestion) -> Subscriptions:
    """Handlers are short: each is one small write."""
    return {
        StageFinished: progress.stage_finished,
        DocumentProcessed: progress.processed,
        ProcessingFailed: progress.failed,
        DocumentIndexed: progress.indexed,
        DocumentRemoved: progress.removed,
        VectorsOutdated: ingestion.renew,
        EventDeadLettered: progress.dead_lettered,
        DeadLetterReplayed: progress.replayed,
    }
