"""From events to jobs: a document that arrives is queued, one that is withdrawn is forgotten."""

from typing import Final

from shared.events.ingest import DocumentReceived, DocumentWithdrawn
from shared.ports.jobs import JobStore, NewJob
from shared.vocabulary import PROCESS_JOB

_BEHIND: Final = 1 << 50
"""More bytes than any upload has: what is in the background goes behind every upload, small ones first."""


class Intake:
    """Keeps the job store as the newest events want it."""

    def __init__(self, jobs: JobStore) -> None:
        self._jobs = jobs

    async def receive(self, event: DocumentReceived) -> None:
        """A job for this version, unless a newer one is known; small documents go first, the background last."""
        await self._jobs.add(
            NewJob(
                kind=PROCESS_JOB,
                document_id=event.document_id,
                document_version=event.document_version,
                payload=event.model_dump(mode="json"),
                priority=event.size + (_BEHIND if event.background else 0),
            )
        )

    async def withdraw(self, event: DocumentWithdrawn) -> None:
        """No work on this version or an older one any more."""
        await self._jobs.cancel(event.document_id, event.document_version)
