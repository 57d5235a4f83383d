"""Which events Ingest consumes, and who handles each."""

from ingest.application.ingestion import Ingestion
from ingest.application.parts import PartsTaking
from ingest.application.progress import ProgressTracking
from ingest.application.remaking import Remaking
from shared.events.delivery import DeadLetterReplayed, EventDeadLettered
from shared.events.process import ChunksEmbedded, DocumentProcessed, PagesRead, ProcessingFailed, StageFinished
from shared.events.search import ArtefactsLost, DocumentIndexed, DocumentRemoved, PagesIndexed, VectorsOutdated
from shared.ports.handlers import Subscriptions


def subscriptions(
    progress: ProgressTracking, ingestion: Ingestion, remaking: Remaking, parts: PartsTaking
) -> Subscriptions:
    """Handlers are short: each is one small write; only what has files in it takes a write for each of them."""

    async def processed(event: DocumentProcessed) -> None:
        # The parts first: who waits for the document then finds them.
        await parts.processed(event)
        await progress.processed(event)

    async def removed(event: DocumentRemoved) -> None:
        await progress.removed(event)
        await parts.removed(event)

    async def indexed(event: DocumentIndexed) -> None:
        await progress.indexed(event)
        await remaking.indexed(event)

    return {
        StageFinished: progress.stage_finished,
        ChunksEmbedded: progress.chunks_embedded,
        PagesRead: progress.pages_read,
        DocumentProcessed: processed,
        ProcessingFailed: progress.failed,
        PagesIndexed: progress.pages_indexed,
        DocumentIndexed: indexed,
        DocumentRemoved: removed,
        VectorsOutdated: ingestion.renew,
        ArtefactsLost: remaking.artefacts_lost,
        EventDeadLettered: progress.dead_lettered,
        DeadLetterReplayed: progress.replayed,
    }
