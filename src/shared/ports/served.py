"""What searches show, as Search knows it: asked by Ingest, whose list of documents it has to agree with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from shared.events.ingest import Labels
from shared.kernel import DocumentId


@dataclass(frozen=True, slots=True)
class Served:
    """One document as Search knows it."""

    version: int
    """The newest it has heard of in any way: a version must be newer to change anything there."""
    live_version: int | None
    """What searches show; None: nothing."""
    labels: Labels | None


@dataclass(frozen=True, slots=True)
class Shown:
    """One document that searches show."""

    document_id: DocumentId
    sha256: str | None
    """Of the bytes it was made from."""


class ServedDocuments(Protocol):
    """Every method may raise Unavailable."""

    async def served(self, documents: Sequence[DocumentId]) -> Mapping[DocumentId, Served]:
        """Those of them that it has heard of."""
        ...

    async def shown(self, *, after: DocumentId | None, limit: int) -> Sequence[Shown]:
        """The documents that searches show, a page at a time, in the order of their ids."""
        ...
