"""What Search tells: a version is searchable or outdated, a document is gone, a search was made."""

from typing import ClassVar

from typing_extensions import override

from shared.events.envelope import Event
from shared.events.ingest import DocumentEvent


class DocumentIndexed(DocumentEvent):
    """Searches from now on see this version and no older one."""

    name: ClassVar[str] = "DocumentIndexed"
    topic: ClassVar[str] = "search.document.v1"

    revision: int
    chunk_count: int
    seconds: float


class PagesIndexed(DocumentEvent):
    """Searches from now on see the first pages of a large document; its whole comes under another version."""

    name: ClassVar[str] = "PagesIndexed"
    topic: ClassVar[str] = "search.document.v1"

    whole_version: int
    revision: int
    pages_done: int
    pages_total: int
    chunk_count: int
    seconds: float
    language: str | None = None
    chunks_artefact: str
    text_artefact: str | None = None


class DocumentRemoved(DocumentEvent):
    """Searches from now on see nothing of this document."""

    name: ClassVar[str] = "DocumentRemoved"
    topic: ClassVar[str] = "search.document.v1"


class VectorsOutdated(DocumentEvent):
    """What searches see of this version was processed for another model than the present one."""

    name: ClassVar[str] = "VectorsOutdated"
    topic: ClassVar[str] = "search.document.v1"

    fingerprint: str
    """Of the present model."""


class ArtefactsLost(DocumentEvent):
    """What processing left of this version is gone or damaged: it cannot be indexed, or not indexed again."""

    name: ClassVar[str] = "ArtefactsLost"
    topic: ClassVar[str] = "search.document.v1"

    reason: str


class SearchPerformed(Event):
    """Telemetry: published in batches from a bounded buffer, may be lost."""

    name: ClassVar[str] = "SearchPerformed"
    topic: ClassVar[str] = "search.query.v1"

    search_id: str
    mode: str
    characters: int
    hits: int
    seconds: float
    cached: bool = False
    degraded: tuple[str, ...] = ()

    @property
    @override
    def key(self) -> str:
        return self.search_id
