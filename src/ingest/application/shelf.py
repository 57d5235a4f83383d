"""Looking at documents: one, many, their progress as it happens, their chunks, their collections."""

import asyncio
import time
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from ingest.application.feed import DocumentFeed
from ingest.application.listing_order import DocumentSort, Place
from ingest.application.ports import CollectionCounts, DocumentFilter, DocumentStore, Page, Similar
from ingest.application.remaking import Remaking
from ingest.domain.document import Document, Revision
from ingest.domain.standing import FINAL
from shared.artefacts.chunks import ChunkedDocument
from shared.artefacts.parsed import ParsedDocument
from shared.kernel import Damaged, DocumentId, NotFound, Unavailable
from shared.ports.storage import BlobStore
from shared.vocabulary import DEFAULT_COLLECTION


@dataclass(frozen=True, slots=True)
class Seen:
    """A document, and where it stands among those that wait."""

    document: Document
    queue_position: int | None = None
    """How many unfinished documents were received before it; None once it is finished."""
    remaining_seconds: float | None = None
    """From the recent rate of finishing; None when finished or when there is no rate yet."""
    children: int = 0
    """How many documents were found in it."""


class Shelf:
    """Reads; what cannot be read any more it has made again."""

    def __init__(
        self,
        documents: DocumentStore,
        blobs: BlobStore,
        feed: DocumentFeed,
        remaking: Remaking,
        *,
        look_again_seconds: float = 1.0,
        gone_look_seconds: float = 0.5,
    ) -> None:
        """How often a document is looked at though no event told of it.

        `look_again_seconds`: while it is followed, for its place in the queue changes without such an event.
        `gone_look_seconds`: while its end is waited for.
        """
        self._documents = documents
        self._blobs = blobs
        self._feed = feed
        self._remaking = remaking
        self._look_again_seconds = look_again_seconds
        self._gone_look_seconds = gone_look_seconds

    async def document(self, document_id: DocumentId) -> Document:
        """Raises NotFound."""
        return await self._documents.load(document_id)

    async def see(self, *documents: Document, within_seconds: float | None = None) -> list[Seen]:
        """Adds what depends on the other documents; nothing where that cannot be had (in time)."""
        waiting = [document.queue_number for document in documents if document.status not in FINAL]
        parents = [document.id for document in documents if document.standing.parts_version]
        positions: Mapping[int, int] = {}
        children: Mapping[DocumentId, int] = {}
        with suppress(Unavailable, TimeoutError):
            async with asyncio.timeout(within_seconds):
                positions = await self._documents.queue_positions(waiting)
                children = await self._documents.count_parts(parents)
        rate = self._feed.finished_per_second()
        seen = []
        for document in documents:
            position = None if document.status in FINAL else positions.get(document.queue_number)
            remaining = None if position is None or rate is None else round((position + 1) / rate, 1)
            seen.append(Seen(document, position, remaining, children.get(document.id, 0)))
        return seen

    async def similar(self, document: Document, visible: Collection[str] | None) -> Sequence[Similar] | None:
        """Near-duplicates of its text in these collections (None: in all); None where that cannot be had now."""
        try:
            return await self._documents.similar(document, collections=visible)
        except Unavailable:
            return None

    async def find(self, which: DocumentFilter, *, sort: DocumentSort, after: Place | None, limit: int) -> Page:
        """A page of a list."""
        return await self._documents.find(which, sort=sort, after=after, limit=limit)

    async def revisions(self, document_id: DocumentId) -> Sequence[Revision]:
        """Newest first. Raises NotFound."""
        return await self._documents.revisions(document_id)

    async def revision(self, document_id: DocumentId, number: int | None) -> Revision:
        """The newest when no number is given. Raises NotFound, also when its bytes are gone."""
        revisions = await self.revisions(document_id)
        found = next((each for each in revisions if number in (None, each.number)), None)
        if found is None:
            raise NotFound(f"The document has no revision {number}.", code="revision_not_found")
        if not await self._blobs.exists(found.content.blob_key):
            raise NotFound(f"The bytes of revision {found.number} are not there any more.", code="content_not_found")
        return found

    async def chunks(self, document: Document) -> ChunkedDocument:
        """Of the newest version that was processed. Raises NotFound while none was.

        Where they cannot be read, they are made again from the original: raises Unavailable until they are.
        """
        artefact = document.standing.chunks_artefact
        if artefact is None:
            raise NotFound("The document was not processed yet: it has no chunks.", code="chunks_not_found")
        try:
            raw = await self._blobs.read(artefact)
            return await asyncio.to_thread(ChunkedDocument.from_bytes, raw)
        except (NotFound, Damaged, ValueError):
            # Damaged only now, or in a store that was copied apart from its blobs.
            await self._remaking.chunks_lost(document)
            raise

    async def text(self, document: Document) -> ParsedDocument:
        """Text and tables that its chunks are of. Raises NotFound, and Unavailable as `chunks` does.

        What an earlier Seoga processed, which kept no tables, is made again too.
        """
        standing = document.standing
        if standing.chunks_artefact is None:
            raise NotFound("The document was not processed yet: it has no text.", code="text_not_found")
        try:
            if standing.text_artefact is not None:
                raw = await self._blobs.read(standing.text_artefact)
                return await asyncio.to_thread(ParsedDocument.from_bytes, raw)
        except (NotFound, Damaged, ValueError):
            await self._remaking.chunks_lost(document)
            raise
        await self._remaking.chunks_lost(document)
        raise NotFound("The text of this revision is not there any more.", code="text_not_found")

    async def collections(self, visible: Collection[str] | None) -> list[CollectionCounts]:
        """In order of their names; `default` is always there. `visible` None is all."""
        counts = {each.name: each for each in await self._documents.counts()}
        counts.setdefault(DEFAULT_COLLECTION, CollectionCounts(DEFAULT_COLLECTION))
        return [counts[name] for name in sorted(counts) if visible is None or name in visible]

    async def follow(self, document_id: DocumentId) -> AsyncIterator[Seen]:
        """The present state first, then every other one, until it is searchable, failed or withdrawn.

        A document that vanishes meanwhile ends as withdrawn. Raises Unavailable.
        """
        with self._feed.watch(document_id) as changes:
            last: Seen | None = None
            while True:
                try:
                    seen = (await self.see(await self._documents.load(document_id)))[0]
                except NotFound:
                    if last is not None:
                        document = last.document
                        document.standing = document.standing.withdrawn(document.version + 1)
                        yield Seen(document)
                    return
                if seen != last:
                    yield seen
                if seen.document.status in FINAL:
                    return
                last = seen
                await changes.wait(self._look_again_seconds)

    async def changes(
        self, visible: Collection[str] | None, *, every_seconds: float = 0.3, quiet_seconds: float = 5.0
    ) -> AsyncIterator[tuple[list[Seen], bool]]:
        """Which documents changed, each as it is now, and whether more did than are told: read the list again then.

        At most one a document in `every_seconds`; after `quiet_seconds` without a change it yields none. Endless.
        """
        with self._feed.watch_all() as watch:
            while True:
                changed, missed = await watch.wait(quiet_seconds)
                documents = []
                for document_id in changed:
                    # What is gone for good was told as withdrawn before, and whose it was nobody knows any more.
                    with suppress(NotFound):
                        documents.append(await self._documents.load(document_id))
                shown = [one for one in documents if visible is None or one.collection in visible]
                yield await self.see(*shown), missed
                if changed:
                    await asyncio.sleep(every_seconds)

    async def wait_until_gone(self, document_id: DocumentId, timeout_seconds: float) -> bool:
        """Whether a withdrawn document is gone from search within that time."""
        deadline = time.monotonic() + timeout_seconds
        with self._feed.watch(document_id) as changes:
            while True:
                try:
                    await self._documents.load(document_id)
                except NotFound:
                    return True
                remaining = deadline - time.monotonic()
                if remaining <= 0:
                    return False
                await changes.wait(min(remaining, self._gone_look_seconds))
