"""Taking documents in and changing them: every accepted change is saved together with its fact."""

import asyncio
import contextlib
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

from ingest.application.facts import fact_of
from ingest.application.ports import DocumentStore, RemovalStore, Stale, Taken
from ingest.application.turns import Turns
from ingest.application.type_detection import media_type_of
from ingest.domain.conditions import Condition
from ingest.domain.document import Content, Decision, Document
from ingest.domain.identity import Upload, place
from ingest.domain.labels import checked_metadata, collection_name, document_name
from shared.events.ingest import DocumentReceived
from shared.events.search import VectorsOutdated
from shared.kernel import (
    Clock,
    Conflict,
    DocumentId,
    NotFound,
    StorageFull,
    TooLarge,
    Unavailable,
    new_document_id,
    utc_now,
)
from shared.ports.passwords import Opener, Passwords
from shared.ports.storage import BlobStore, StoredBlob
from shared.settings import Settings
from shared.telemetry import Metrics, timed

# Each lost race means that another upload won, so this many in a row do not happen by chance.
_MOST_TRIES: Final = 200
_PARTS_AT_ONCE: Final = 64
"""The store commits in groups: so many cost about as much as one."""


@dataclass(frozen=True, slots=True)
class Submission:
    """What became of an upload."""

    document: Document
    duplicate: bool
    """The bytes were there already and are not worked on again."""


class Ingestion:
    """Uploads and changes. What it has answered for is on disk."""

    def __init__(
        self,
        documents: DocumentStore,
        removals: RemovalStore,
        blobs: BlobStore,
        settings: Settings,
        metrics: Metrics,
        clock: Clock = utc_now,
        *,
        passwords: Passwords,
        opener: Opener | None = None,
        answering_seconds: float = 0.1,
        longest_wait_seconds: float = 1.5,
        parts_seconds: float = 2.0,
    ) -> None:
        """`answering_seconds` is what an upload may take on top of one call to a server.

        For it makes several, and its answer is promised sooner. `longest_wait_seconds`: for others with the same name
        or bytes. `parts_seconds` is what a deletion may spend on what was found in the document. `opener`: where the
        work on documents is done in other processes, which no password reaches.
        """
        self._documents = documents
        self._removals = removals
        self._blobs = blobs
        self._settings = settings
        self._metrics, self._clock = metrics, clock
        self._answering_seconds = answering_seconds
        self._turns = Turns(longest_wait_seconds)
        self._parts_seconds = parts_seconds
        self._passwords = passwords
        self._opener = opener
        for outcome in ("accepted", "duplicate"):
            metrics.count("uploads", 0, outcome=outcome)

    async def submit(
        self,
        collection: str,
        name: str,
        stream: AsyncIterator[bytes],
        metadata: Mapping[str, Any] | None = None,
        *,
        declared_size: int | None = None,
        condition: Condition | None = None,
        early: bool = False,
    ) -> Submission:
        """Stores the bytes, then the document and its fact, then answers.

        `early`: first pages are searchable before the whole. `condition`: raises PreconditionFailed when the name
        holds something else. Raises InvalidInput, Unsupported, TooLarge, Conflict (a name that is taken), StorageFull,
        Unavailable, and whatever the stream raises; no document is left behind then.
        """
        collection, name = collection_name(collection), document_name(name)
        metadata = None if metadata is None else checked_metadata(metadata)
        if condition is not None:
            # Before the bytes come; who is faster meanwhile is noticed in the end.
            _, same_name = await self._documents.holders(collection, sha256="", name=name)
            condition.check(same_name, name)
        async with self._in_time() as begin:
            blob = await self.store(_followed_by(begin, stream), declared_size=declared_size)
            return await self.accept(collection, name, blob, metadata, condition=condition, early=early)

    async def store(self, stream: AsyncIterator[bytes], *, declared_size: int | None = None) -> StoredBlob:
        """Only the bytes; without a document that refers to them the collector deletes them after an hour."""
        limit = self._settings.max_upload_bytes
        if declared_size is not None and declared_size > limit:
            raise too_large(limit)
        if declared_size is not None:
            await self._need_room(declared_size)
        with timed(self._metrics, "upload_store_seconds"):
            blob = await self._blobs.store(stream, max_bytes=limit)
        self._metrics.count("uploaded_bytes", blob.size)
        return blob

    async def accept(
        self,
        collection: str,
        name: str,
        blob: StoredBlob,
        metadata: Mapping[str, Any] | None = None,
        *,
        condition: Condition | None = None,
        early: bool = False,
    ) -> Submission:
        """Makes stored bytes a document, by the identity table; for the rest see `submit`."""
        collection, name = collection_name(collection), document_name(name)
        metadata = None if metadata is None else checked_metadata(metadata)
        media_type = await media_type_of(self._blobs, blob, name)
        upload = Upload(collection, name, Content(blob.sha256, blob.size, media_type, blob.key), metadata, early)
        # Of many at once each would lose to all that are faster, and do its work as many times.
        async with self._turns.turn((collection, "name", name), (collection, "bytes", blob.sha256)):
            return await self._place(upload, condition)

    async def _place(self, upload: Upload, condition: Condition | None = None) -> Submission:
        sha256 = upload.content.sha256
        for _ in range(_MOST_TRIES):
            (same_bytes, same_name), is_withdrawing = await asyncio.gather(
                self._documents.holders(upload.collection, sha256=sha256, name=upload.name),
                self._removals.is_withdrawing(upload.collection),
            )
            if is_withdrawing:
                raise Conflict(
                    f"The collection {upload.collection!r} is being deleted; send this again when that is done.",
                    code="collection_being_deleted",
                )
            if condition is not None:
                condition.check(same_name, upload.name)
            placement = place(
                upload, same_bytes=same_bytes, same_name=same_name, new_id=new_document_id(), now=self._clock()
            )
            document = placement.document
            try:
                for changed, decision in placement.saves:
                    saved = await self._save(changed, decision)
                    document = saved if changed is placement.document else document
            except (Taken, Stale):
                continue  # someone was faster: the winner is there to be read now
            if placement.duplicate and placement.saves:
                await self._bring_parts(document)
            self._metrics.count("uploads", outcome="duplicate" if placement.duplicate else "accepted")
            return Submission(document, placement.duplicate)
        raise Unavailable(f"The document {upload.name!r} is being changed by too many others; try again.")

    async def relabel(
        self, document_id: DocumentId, *, name: str | None = None, metadata: Mapping[str, Any] | None = None
    ) -> Document:
        """Another name or other metadata; nothing is embedded. Raises NotFound, InvalidInput, Conflict."""
        name = None if name is None else document_name(name)
        metadata = None if metadata is None else checked_metadata(metadata)

        def change(document: Document) -> Decision | None:
            _must_not_be_withdrawn(document)
            return document.relabel(name=name, metadata=metadata)

        try:
            changed = await self._change(document_id, change)
        except Taken as error:
            raise Conflict(f"The name {name!r} belongs to another document.", code="name_taken") from error
        await self._bring_parts(changed)
        return changed

    async def move(self, document_id: DocumentId, collection: str) -> Document:
        """Its newest revision becomes a document of that collection, and it is withdrawn here; nothing is read again.

        Broken off between the two it is in both, and the same again ends it. Raises NotFound, Conflict where it is a
        part of another, withdrawn, there already, or where another document of that collection has its name.
        """
        collection = collection_name(collection)
        document = await self._documents.load(document_id)
        _must_not_be_withdrawn(document)
        if document.parent is not None:
            raise Conflict("It was found in another document: move that one.", code="part_of_another")
        if document.collection == collection:
            raise Conflict(f"The document is in {collection!r} already.", code="same_collection")
        content = document.content
        _, same_name = await self._documents.holders(collection, sha256=content.sha256, name=document.name)
        if same_name is not None and same_name.content.sha256 != content.sha256:
            raise Conflict(f"The name {document.name!r} belongs to another document there.", code="name_taken")
        upload = Upload(collection, document.name, content, document.metadata)
        async with self._turns.turn((collection, "name", document.name), (collection, "bytes", content.sha256)):
            moved = await self._place(upload)
        await self.withdraw(document.id)
        return moved.document

    async def reprocess(self, document_id: DocumentId, *, password: str | None = None) -> Document:
        """The same content once more, without the artefacts that exist. Raises NotFound, Conflict.

        `password` opens its file; it is in memory until that is done, and nowhere else. Where others do the work the
        file is opened first: raises Refused where that fails (another password, for one), and Unavailable.
        """
        if password is not None and self._opener is not None:
            document = await self._documents.load(document_id)
            _must_not_be_withdrawn(document)
            asked = fact_of(document, document.reprocess())
            assert isinstance(asked, DocumentReceived)
            await self._opener.open(asked, password)
            password = None

        def change(document: Document) -> Decision | None:
            _must_not_be_withdrawn(document)
            if password is not None:  # before anybody can hear of the work
                self._passwords.keep(document.id, password)
            return document.reprocess()

        return await self._change(document_id, change)

    async def renew(self, event: VectorsOutdated) -> None:
        """What search serves was made for another model: the same content once more, behind all that is waited for.

        Nothing happens to a document that was changed, reprocessed, renewed or withdrawn since.
        """
        # Gone for good meanwhile: there is nothing to renew.
        with contextlib.suppress(NotFound):
            await self._change(event.document_id, lambda document: document.renew(event.document_version))

    async def remake(
        self, document_id: DocumentId, content_version: int, *, above: int = 0, background: bool = True
    ) -> Document | None:
        """The same content once more under a version higher than `above`, with the artefacts that can be read.

        None when the document is gone for good or was changed, reprocessed, renewed or withdrawn since.
        """
        before = 0

        def change(document: Document) -> Decision | None:
            nonlocal before
            before = document.version
            return document.remake(content_version, above=above, background=background)

        try:
            document = await self._change(document_id, change)
        except NotFound:
            return None
        return document if document.version > before else None

    async def withdraw(self, document_id: DocumentId) -> Document:
        """The withdrawal is durable on return; search removes the document soon after. Raises NotFound."""
        document = await self._change(document_id, Document.withdraw)
        if document.standing.parts_version:
            # What is left goes when search tells that the document is gone.
            await self.withdraw_parts(document.id, within_seconds=self._parts_seconds)
        return document

    async def withdraw_parts(self, document_id: DocumentId, *, within_seconds: float = math.inf) -> None:
        """Everything that was found in a document, and in that; nothing more is begun after so many seconds."""
        deadline = time.monotonic() + within_seconds

        async def one(part: Document) -> None:
            if time.monotonic() < deadline:
                with contextlib.suppress(NotFound):
                    await self.withdraw(part.id)

        await _each(await self._documents.parts_of(document_id), one)

    async def try_again(self, document_id: DocumentId) -> None:
        """The same content once more, if it had failed."""
        with contextlib.suppress(NotFound):
            await self._change(document_id, Document.try_again)

    async def _bring_parts(self, document: Document) -> None:
        """What was found in it is called and described as it is now."""
        if not document.standing.parts_version:
            return

        async def one(part: Document) -> None:
            with contextlib.suppress(NotFound):
                followed = await self._change(part.id, lambda it: it.follow(document))
                await self._bring_parts(followed)

        await _each(await self._documents.parts_of(document.id), one)

    async def _change(self, document_id: DocumentId, change: Callable[[Document], Decision | None]) -> Document:
        for _ in range(_MOST_TRIES):
            document = await self._documents.load(document_id)
            decision: Decision | None = change(document)
            if decision is None:
                return document
            try:
                return await self._save(document, decision)
            except Stale:
                continue
        raise Unavailable(f"The document {document_id} is being changed by too many others; try again.")

    async def _save(self, document: Document, decision: Decision) -> Document:
        fact = fact_of(document, decision)
        return await self._documents.save(document, fact, expected_version=document.saved_version)

    @asynccontextmanager
    async def _in_time(self) -> AsyncIterator[Callable[[], None]]:
        """What is given is called when the last byte is here: from then on, slow servers end the block.

        Raises Unavailable then. What was stored by that time makes the next try shorter.
        """
        seconds = self._settings.server_timeout_seconds + self._answering_seconds

        def begin() -> None:
            if self._settings.store_is_remote:
                limit.reschedule(asyncio.get_running_loop().time() + seconds)

        try:
            async with asyncio.timeout(None) as limit:
                yield begin
        except TimeoutError as error:
            if not limit.expired():
                raise
            raise Unavailable(
                f"SEOGA_STORE_URL: the store is too slow, the document was not stored within {seconds:.3g} s. "
                "Send it again.",
                code="timeout",
            ) from error

    async def _need_room(self, size: int) -> None:
        free = await self._blobs.free_bytes()
        if free is not None and size > free:
            raise StorageFull("The disk has no room for this file. Nothing was stored; free some room and try again.")


async def _each(documents: Sequence[Document], change: Callable[[Document], Awaitable[None]]) -> None:
    enough = asyncio.Semaphore(_PARTS_AT_ONCE)

    async def one(document: Document) -> None:
        async with enough:
            await change(document)

    async with asyncio.TaskGroup() as tasks:
        for document in documents:
            tasks.create_task(one(document))


async def _followed_by(then: Callable[[], None], stream: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    async for piece in stream:
        yield piece
    then()


def _must_not_be_withdrawn(document: Document) -> None:
    if document.status == "withdrawn":
        raise Conflict("The document is being deleted.", code="withdrawn")


def too_large(limit: int) -> TooLarge:
    """For an upload of more bytes than the settings allow."""
    return TooLarge(f"At most {limit} bytes are accepted (SEOGA_MAX_UPLOAD_BYTES).")
