"""Sets a document going again whose work, artefacts or record got lost; every change is told as any other."""

from collections import OrderedDict
from typing import Final

from ingest.application.facts import fact_of
from ingest.application.ingestion import Ingestion
from ingest.application.inventory import DocumentInventory, Kept
from ingest.application.originals import LOST_CODES
from ingest.application.ports import DocumentStore, Stale, Taken
from ingest.domain.document import Content, Document, Received
from ingest.domain.standing import Failure
from shared.artefacts.address import original_key
from shared.events.ingest import DocumentWithdrawn
from shared.events.search import ArtefactsLost, DocumentIndexed
from shared.kernel import DocumentId, NotFound, Unavailable
from shared.ports.served import Served, Shown
from shared.ports.storage import BlobStore
from shared.telemetry import Metrics
from shared.vocabulary import INDEX

_MOST_TRIES: Final = 3
"""In a row: what is lost again each time it is made is a fault that making it again does not mend."""
_MOST_REMEMBERED: Final = 100_000


class Remaking:
    """Remembers, while the process lives, how often a document was set going without becoming searchable."""

    def __init__(
        self,
        documents: DocumentStore,
        inventory: DocumentInventory,
        ingestion: Ingestion,
        blobs: BlobStore,
        metrics: Metrics,
    ) -> None:
        self._documents = documents
        self._inventory = inventory
        self._ingestion = ingestion
        self._blobs = blobs
        self._metrics = metrics
        self._tries: OrderedDict[DocumentId, int] = OrderedDict()

    def tries(self, document_id: DocumentId) -> int:
        """How often it was set going and did not become searchable since."""
        return self._tries.get(document_id, 0)

    async def set_going(self, kept: Kept, *, above: int) -> bool:
        """Once more what it is to become: worked on with a new version, or withdrawn. False when it has changed since.

        The new version is higher than `above`, and the higher the more often that was in vain: a module whose store is
        newer than the list passes over versions that it knows.
        """
        above = max(above, kept.version) + 2 ** min(16, self.tries(kept.document_id)) - 1
        if kept.standing.withdrawn_version is None:
            return await self._remake(kept.document_id, kept.standing.content_version, above=above)
        fact = DocumentWithdrawn(document_id=kept.document_id, document_version=above + 1, collection=kept.collection)
        if not await self._inventory.withdraw_again(kept.document_id, above + 1, fact):
            return False
        self._count(kept.document_id)
        return True

    async def artefacts_lost(self, event: ArtefactsLost) -> None:
        """Search cannot read what processing left: it is made again from the original, a few times at most."""
        if self.tries(event.document_id) >= _MOST_TRIES:
            failure = Failure(INDEX, "artefacts_lost", f"It was made again in vain: {event.reason}", retryable=True)
            await self._documents.advance(
                event.document_id, lambda standing: standing.failed(event.document_version, failure)
            )
            return
        await self._remake(event.document_id, event.document_version)

    async def indexed(self, event: DocumentIndexed) -> None:
        """It has come to its end."""
        self._tries.pop(event.document_id, None)

    async def chunks_lost(self, document: Document) -> None:
        """Somebody wants to see chunks, or the text, that cannot be read. Raises Unavailable until they are made again.

        Raises NotFound where they are not going to be.

        Those of an older revision than the present one are not made again: they go when the present one is searchable.
        """
        standing = document.standing
        if standing.chunks_revision != document.revision.number:
            raise NotFound("The chunks of this revision are not there any more.", code="chunks_not_found")
        problem = standing.problem
        if problem is not None and problem.code in LOST_CODES:  # making them again is what failed
            raise NotFound(f"The chunks cannot be read, nor made again. {problem.reason}", code="chunks_not_found")
        if standing.status in ("searchable", "failed"):
            self._metrics.count("documents_healed_total", reason="artefact_lost")
            await self._remake(document.id, document.content_version, background=False)
        raise Unavailable(
            "The chunks were damaged and are being made again from the original.",
            code="chunks_remade",
            retry_after_seconds=2.0,
        )

    async def adopt(self, shown: Shown, served: Served) -> bool:
        """A document that only searches know is in the list again, as it was when its labels were told last.

        Where its bytes are another document's by now, it is withdrawn instead. False when its original is missing, or
        others have all its names.
        """
        labels = served.labels
        if labels is None or shown.sha256 is None:
            return False
        key = original_key(shown.sha256)
        size = await self._blobs.size(key)
        if size is None:
            return False
        free: list[str] = []
        twin: Document | None = None
        for name in labels.names:
            twin, owner = await self._documents.holders(labels.collection, sha256=shown.sha256, name=name)
            if owner is None:
                free.append(name)
        if not free and twin is None:
            return False
        document = Document.adopt(
            shown.document_id,
            labels.collection,
            tuple(free) or labels.names,
            Content(shown.sha256, size, labels.media_type, key),
            labels.metadata,
            labels.received_at,
            version=served.version + 1,
        )
        decision = Received(background=True) if twin is None else document.withdraw()
        assert decision is not None
        try:
            await self._documents.save(document, fact_of(document, decision), expected_version=0)
        except (Taken, Stale):
            return False  # it is looked at again
        return True

    async def _remake(
        self, document_id: DocumentId, content_version: int, *, above: int = 0, background: bool = True
    ) -> bool:
        again = await self._ingestion.remake(document_id, content_version, above=above, background=background)
        if again is None:
            return False  # as when the same event comes twice
        self._count(document_id)
        return True

    def _count(self, document_id: DocumentId) -> None:
        self._tries[document_id] = self._tries.pop(document_id, 0) + 1
        while len(self._tries) > _MOST_REMEMBERED:
            self._tries.popitem(last=False)
