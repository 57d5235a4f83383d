"""What other modules' facts mean to Search: labels, work, failures, withdrawals. Versions decide."""

from search.application.cleaning import Cleaning
from search.application.labelling import Labelling
from search.application.ports.live_store import LiveRecord
from shared.events.delivery import DeadLetterReplayed, EventDeadLettered
from shared.events.ingest import DocumentChanged, DocumentReceived, DocumentWithdrawn
from shared.events.process import DocumentProcessed, ProcessingFailed
from shared.events.search import DocumentRemoved
from shared.ports.jobs import JobStore, NewJob
from shared.vocabulary import INDEX_JOB


class Consumption:
    """Short handlers: each writes once or twice; the work itself is a job."""

    def __init__(self, *, store: LiveRecord, jobs: JobStore, labelling: Labelling, cleaning: Cleaning) -> None:
        self._store = store
        self._jobs = jobs
        self._labelling = labelling
        self._cleaning = cleaning

    async def received(self, event: DocumentReceived) -> None:
        """The collection exists and the document's labels are known before it can be found."""
        await self._label(event)

    async def changed(self, event: DocumentChanged) -> None:
        """New labels, in place."""
        await self._label(event)

    async def withdrawn(self, event: DocumentWithdrawn) -> None:
        """Gone from every search that begins from now on; late events below this version change nothing."""
        await self._jobs.cancel(event.document_id, event.document_version)
        fact = DocumentRemoved(document_id=event.document_id, document_version=event.document_version)
        if await self._store.withdraw(event.document_id, event.document_version, fact):
            self._cleaning.wake()

    async def processed(self, event: DocumentProcessed) -> None:
        """A job to index it, the shortest documents first; the job sees for itself whether there is anything to do.

        Of first pages too: more of them, and the whole, take the place of a job that waits.
        """
        await self._jobs.add(
            NewJob(
                kind=INDEX_JOB,
                document_id=event.document_id,
                document_version=event.document_version,
                payload=event.model_dump(mode="json"),
                priority=event.chunk_count,
            )
        )

    async def failed(self, event: ProcessingFailed) -> None:
        """Who waits for this version need not wait any longer."""
        await self._store.fail(event.document_id, event.document_version)

    async def dead_lettered(self, event: EventDeadLettered) -> None:
        """The same, for what was put aside anywhere on the way."""
        if event.document_id is not None and event.document_version is not None:
            await self._store.fail(event.document_id, event.document_version)

    async def replayed(self, event: DeadLetterReplayed) -> None:
        """It is worth waiting for again."""
        if event.document_id is not None and event.document_version is not None:
            await self._store.unfail(event.document_id, event.document_version)

    async def _label(self, event: DocumentReceived | DocumentChanged) -> None:
        if await self._store.label(event.document_id, event.document_version, event.labels):
            await self._labelling.apply(event.document_id)
