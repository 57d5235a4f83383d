"""What Ingest needs: a store of documents that keeps state and facts together."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Protocol

from ingest.application.listing_order import DocumentSort, Place
from ingest.domain.document import Document, Revision
from ingest.domain.standing import Standing, Status
from shared.events.envelope import Event
from shared.kernel import Conflict, DocumentId

SIMILAR_FROM: Final = 0.7
"""Texts with this share of their shingles in common are near-duplicates: one word in twenty is another, or less."""


class Taken(Conflict):
    """Another document of the collection has these bytes or this name: it came first."""

    code = "taken"


class Stale(Conflict):
    """The stored document has another version than the one that was read: read again and decide again."""

    code = "stale"


@dataclass(frozen=True, slots=True)
class DocumentFilter:
    """Which documents a list has. None does not limit."""

    collections: Collection[str] | None = None
    status: Status | None = None
    """Withdrawn documents are listed only when they are asked for."""
    name_contains: str | None = None
    """In any of its names; ASCII letters match in either case."""
    parent: DocumentId | None = None
    """Only what was found in this document."""
    media_type: str | None = None
    """Of its newest revision."""

    @property
    def looks_inside(self) -> bool:
        """Whether each document must be looked at, since no count is kept of what it asks for."""
        return self.name_contains is not None or self.media_type is not None


@dataclass(frozen=True, slots=True)
class Page:
    """Some documents in the order that was asked for, and where the next page begins."""

    documents: Sequence[Document]
    next_after: Place | None
    """For `find(after=…)`; None on the last page."""
    total: int
    """How many the filter matches in all."""


@dataclass(frozen=True, slots=True)
class Similar:
    """A document whose text is nearly another's."""

    document: Document
    similarity: float
    """Estimated share of what both have together that is in both; from SIMILAR_FROM to 1."""


@dataclass(frozen=True, slots=True)
class CollectionCounts:
    """What a collection holds; withdrawn documents are not counted."""

    name: str
    documents: Mapping[Status, int] = field(default_factory=dict)
    size: int = 0
    """Bytes of the newest revisions."""


@dataclass(frozen=True, slots=True)
class Removal:
    """The deletion of a collection, as far as it has come."""

    collection: str
    total: int
    """Documents it had."""
    remaining: int
    """Of those, what is not gone from search."""
    started_at: datetime
    """In whole milliseconds; tells it from others of the collection."""
    withdrawn_at: datetime | None = None
    """Since when no document of it is left to withdraw, and its names are free again."""
    finished_at: datetime | None = None


class RemovalStore(Protocol):
    """Deletions of collections, beside the DocumentStore. Every method may raise Unavailable."""

    async def begin(self, removal: Removal) -> Removal:
        """Keeps it, durably; one of the collection that is still withdrawing stays, and is the answer."""
        ...

    async def save(self, removal: Removal) -> bool:
        """How far it has come. False when another was begun since: that one stays as it is."""
        ...

    async def unfinished(self) -> Sequence[Removal]:
        """Those that have work left."""
        ...

    async def last(self, collection: str) -> Removal | None:
        """The newest of the collection, finished or not."""
        ...

    async def is_withdrawing(self, collection: str) -> bool:
        """Whether documents of the collection are being withdrawn now. Asked by every upload."""
        ...

    async def count_leaving(self, collection: str) -> int:
        """Documents that are withdrawn and not gone from search."""
        ...


class DocumentStore(Protocol):
    """Documents and the facts about them. Every method may raise Unavailable; writes also StorageFull."""

    async def load(self, document_id: DocumentId) -> Document:
        """Raises NotFound; also once the document is withdrawn and gone."""
        ...

    async def holders(self, collection: str, *, sha256: str, name: str) -> tuple[Document | None, Document | None]:
        """The live documents whose newest revision has these bytes, and that has this name, at one instant."""
        ...

    async def save(self, document: Document, *facts: Event, expected_version: int) -> Document:
        """The document and its facts, in one write, durable on return; answers with what is stored now.

        `expected_version` is the stored one, 0 for a new document. Raises Stale when it is another, Taken
        when another live document of the collection has its name or its newest bytes; nothing is saved then.
        Of the standing, what events brought meanwhile is kept: only a new content version starts it again.
        A withdrawn document frees its names and bytes in the same write. A part (a document with a parent) holds
        neither: it is nobody's holder, and several may have the same.
        """
        ...

    async def advance(self, document_id: DocumentId, change: Callable[[Standing], Standing]) -> bool:
        """Applies `change` to the stored standing, atomically and durably; may call it more than once.

        False, and nothing is written, when nothing changed or there is no such document. A document that
        becomes removed loses its names, metadata and revisions; its id and versions stay as a tombstone, and
        the ReleaseStore tells whose bytes they were.
        """
        ...

    async def find(
        self,
        which: DocumentFilter,
        *,
        sort: DocumentSort = DocumentSort.NEWEST,
        after: Place | None = None,
        limit: int = 50,
    ) -> Page:
        """A page never repeats or skips a document because others came or went meanwhile.

        One whose own place in the order changes meanwhile may be met twice or not at all. `after` is of the same sort.
        """
        ...

    async def revisions(self, document_id: DocumentId) -> Sequence[Revision]:
        """Newest first, at least one. Raises NotFound as `load` does."""
        ...

    async def parts_of(self, document_id: DocumentId) -> Sequence[Document]:
        """The documents that were found in it and are not withdrawn, in the order in which they came."""
        ...

    async def count_parts(self, documents: Sequence[DocumentId]) -> Mapping[DocumentId, int]:
        """How many documents `parts_of` has for each; those without any may be missing."""
        ...

    async def below(self, root: DocumentId) -> tuple[int, int]:
        """How many documents that are not withdrawn stand at any depth below an upload, and their bytes."""
        ...

    async def similar(
        self, document: Document, *, collections: Collection[str] | None, limit: int = 10
    ) -> Sequence[Similar]:
        """The other documents whose text is nearly this one's, the most similar first, then the newest.

        Texts are those that were processed last; a document without a signature has none, and is nobody's. Only
        of these collections, where they are given, and nothing withdrawn. Where hundreds are as similar, some.
        """
        ...

    async def queue_positions(self, queue_numbers: Sequence[int]) -> Mapping[int, int]:
        """For each queue number, how many unfinished documents were received before it."""
        ...

    async def counts(self) -> Sequence[CollectionCounts]:
        """By collection, in order of their names."""
        ...


@dataclass(frozen=True, slots=True)
class Release:
    """A document that is removed, and the sha256 of every set of bytes it had."""

    document_id: DocumentId
    hashes: Collection[str]


class ReleaseStore(Protocol):
    """Which bytes removed documents have given up: the evidence that a deletion needs. Beside the DocumentStore.

    What a document gives up is written with its removal, in one write. Every method may raise Unavailable.
    """

    async def released(self, *, after: DocumentId | None, limit: int) -> Sequence[Release]:
        """Those that are not forgotten, in the order of their ids, a page at a time."""
        ...

    async def forget(self, documents: Sequence[DocumentId]) -> None:
        """What they gave up was seen to."""
        ...

    async def referred(self, hashes: Collection[str]) -> Collection[str]:
        """Those that are the bytes of any revision of a document that is not removed (withdrawn ones included)."""
        ...
