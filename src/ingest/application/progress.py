"""Keeps each document's standing up to date with what Process, Search and delivery tell."""

from collections.abc import Callable
from typing import Final

from ingest.application.feed import DocumentFeed
from ingest.application.ports import DocumentStore
from ingest.domain.standing import Failure, Letter, Standing
from shared.artefacts.signature import Signature
from shared.events.delivery import DeadLetterReplayed, EventDeadLettered
from shared.events.process import ChunksEmbedded, DocumentProcessed, PagesRead, ProcessingFailed, StageFinished
from shared.events.search import DocumentIndexed, DocumentRemoved, PagesIndexed
from shared.kernel import Clock, DocumentId, utc_now
from shared.telemetry import get_log
from shared.vocabulary import INGEST, PROCESS, SEARCH

_log = get_log("ingest")
# A dead letter of any other group (the monitor's) says nothing about the document.
_GROUPS_THAT_WORK: Final = frozenset((PROCESS, SEARCH, INGEST))


class ProgressTracking:
    """One handler per event. Each may come twice or late; the standing's rules see to that."""

    def __init__(self, documents: DocumentStore, feed: DocumentFeed, clock: Clock = utc_now) -> None:
        self._documents = documents
        self._feed = feed
        self._clock = clock

    async def stage_finished(self, event: StageFinished) -> None:
        """One stage more."""
        version, done, total = event.document_version, event.done, event.total
        await self._advance(event.document_id, lambda it: it.stage_finished(version, done=done, total=total))

    async def chunks_embedded(self, event: ChunksEmbedded) -> None:
        """A stage that takes long has come further."""
        version, done, total = event.document_version, event.done, event.total
        await self._advance(event.document_id, lambda it: it.chunks_embedded(version, done=done, total=total))

    async def pages_read(self, event: PagesRead) -> None:
        """Reading has come further."""
        version, stage, done, total = event.document_version, event.stage, event.done, event.total
        await self._advance(event.document_id, lambda it: it.pages_read(version, stage=stage, done=done, total=total))

    async def processed(self, event: DocumentProcessed) -> None:
        """Everything but the index."""
        await self._advance(
            event.document_id,
            lambda it: it.processed(
                event.document_version,
                revision=event.revision,
                language=event.language,
                warnings=event.warnings,
                chunks_artefact=event.chunks_artefact,
                text_artefact=event.text_artefact,
                signature=Signature.read(event.signature),
            ),
        )

    async def failed(self, event: ProcessingFailed) -> None:
        """It cannot be read, and why."""
        failure = Failure(event.stage, event.code, event.reason, event.retryable)
        await self._advance(event.document_id, lambda it: it.failed(event.document_version, failure))

    async def indexed(self, event: DocumentIndexed) -> None:
        """Search serves it."""
        now = self._clock()
        await self._advance(
            event.document_id, lambda it: it.indexed(event.document_version, revision=event.revision, at=now)
        )

    async def pages_indexed(self, event: PagesIndexed) -> None:
        """Search serves its first pages."""
        await self._advance(
            event.document_id,
            lambda it: it.pages_indexed(
                event.document_version,
                revision=event.revision,
                done=event.pages_done,
                total=event.pages_total,
                language=event.language,
                chunks_artefact=event.chunks_artefact,
                text_artefact=event.text_artefact,
            ),
        )

    async def removed(self, event: DocumentRemoved) -> None:
        """Search has nothing of it any more."""
        document_id, version = event.document_id, event.document_version
        if await self._advance(document_id, lambda it: it.gone(version)):
            _log.info("document removed", action="document.removed", document_id=document_id, version=version)

    async def dead_lettered(self, event: EventDeadLettered) -> None:
        """Work on it was put aside: the document shows as failed until a replay."""
        await self._with_letter(event, event.reason, buried=True)

    async def replayed(self, event: DeadLetterReplayed) -> None:
        """It is being tried again."""
        await self._with_letter(event, "", buried=False)

    async def _with_letter(self, event: EventDeadLettered | DeadLetterReplayed, reason: str, *, buried: bool) -> None:
        version = event.document_version
        if event.document_id is None or version is None or event.group not in _GROUPS_THAT_WORK:
            return
        letter = Letter(id=event.dead_letter_id, group=event.group, reason=reason, buried=buried)
        await self._advance(event.document_id, lambda it: it.with_letter(version, letter))

    async def _advance(self, document_id: DocumentId, change: Callable[[Standing], Standing]) -> bool:
        has_changed = await self._documents.advance(document_id, change)
        if has_changed:
            self._feed.tell(document_id)
        return has_changed
