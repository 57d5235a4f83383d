"""Everything that Ingest has a record of, tombstones included: to compare with what the other modules have."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from ingest.domain.standing import Standing
from shared.events.envelope import Event
from shared.kernel import DocumentId


@dataclass(frozen=True, slots=True)
class Kept:
    """One record."""

    document_id: DocumentId
    version: int
    collection: str
    sha256: str | None
    """Of the newest revision; None once the document is removed."""
    size: int
    """Of the newest revision, in bytes."""
    standing: Standing


class DocumentInventory(Protocol):
    """Beside the DocumentStore. Every method may raise Unavailable; writes also StorageFull."""

    async def kept(self, *, after: DocumentId | None, limit: int) -> Sequence[Kept]:
        """Every document there ever was, a page at a time, in the order of their ids."""
        ...

    async def some_kept(self, documents: Sequence[DocumentId]) -> Sequence[Kept]:
        """Those of them that there is a record of, in no order."""
        ...

    async def unknown(self, documents: Sequence[DocumentId]) -> Collection[DocumentId]:
        """Those of them that there never was a record of."""
        ...

    async def withdraw_again(self, document_id: DocumentId, version: int, *facts: Event) -> bool:
        """Raises the version of a withdrawn document and saves the facts, in one write.

        False, and nothing saved, when it is not withdrawn or has that version or a newer one.
        """
        ...
