"""Which facts Search listens to."""

from search.application.consumption import Consumption
from shared.events.delivery import DeadLetterReplayed, EventDeadLettered
from shared.events.ingest import DocumentChanged, DocumentReceived, DocumentWithdrawn
from shared.events.process import DocumentProcessed, PagesProcessed, ProcessingFailed
from shared.ports.handlers import Subscriptions


def subscriptions(consumption: Consumption) -> Subscriptions:
    """Each fact and the verb it leads to."""
    return {
        DocumentReceived: consumption.received,
        DocumentChanged: consumption.changed,
        DocumentWithdrawn: consumption.withdrawn,
        PagesProcessed: consumption.processed,
        DocumentProcessed: consumption.processed,
        ProcessingFailed: consumption.failed,
        EventDeadLettered: consumption.dead_lettered,
        DeadLetterReplayed: consumption.replayed,
    }
