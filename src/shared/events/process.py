"""What Process tells: a stage is done, a document is processed, or it cannot be."""

from typing import ClassVar

from shared.events.ingest import DocumentEvent, Labels


class StageFinished(DocumentEvent):
    """One stage of one version is done; `done` of `total` stages are."""

    name: ClassVar[str] = "StageFinished"
    topic: ClassVar[str] = "process.document.v1"

    stage: str
    """parse, chunk or embed."""
    seconds: float
    done: int
    total: int
    reused: bool = False
    """The stage's artefact was there already."""


class DocumentProcessed(DocumentEvent):
    """Everything Search needs, as addresses of artefacts (claim checks)."""

    name: ClassVar[str] = "DocumentProcessed"
    topic: ClassVar[str] = "process.document.v1"

    revision: int
    sha256: str
    labels: Labels
    """As of this version; Search keeps newer ones if it has them."""
    language: str | None
    """ISO 639-1 of most of the text, None when unknown."""
    pages: int | None
    characters: int
    chunk_count: int
    chunks_artefact: str
    vectors_artefact: str | None
    """None when no model reads the document's language."""
    fingerprint: str | None
    """Of the model that sized the chunks and made the vectors; older events lack it where there are no vectors."""
    warnings: tuple[str, ...] = ()


class ProcessingFailed(DocumentEvent):
    """This version cannot be processed, and why, in words a person understands."""

    name: ClassVar[str] = "ProcessingFailed"
    topic: ClassVar[str] = "process.document.v1"

    stage: str
    code: str
    reason: str
    retryable: bool
