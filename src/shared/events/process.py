"""What Process tells: a stage is done or well on its way, a document is processed, or it cannot be."""

from datetime import datetime
from typing import ClassVar

from shared.events.ingest import DocumentEvent, Labels


class StageFinished(DocumentEvent):
    """One stage of one version is done; `done` of `total` stages are."""

    name: ClassVar[str] = "StageFinished"
    topic: ClassVar[str] = "process.document.v1"

    stage: str
    """parse, ocr, chunk or embed."""
    seconds: float
    done: int
    total: int
    reused: bool = False
    """The stage's artefact was there already."""


class ChunksEmbedded(DocumentEvent):
    """So many chunks of a large document have vectors; told now and then while the stage is at work."""

    name: ClassVar[str] = "ChunksEmbedded"
    topic: ClassVar[str] = "process.document.v1"

    done: int
    total: int


class PagesRead(DocumentEvent):
    """So many pages of a large document are read; told now and then while the stage is at work."""

    name: ClassVar[str] = "PagesRead"
    topic: ClassVar[str] = "process.document.v1"

    stage: str
    """parse or ocr."""
    done: int
    total: int
    """The document's; of ocr, those that may be pictures of text."""


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
    text_artefact: str | None = None
    """The text that chunks are slices of, with its tables; older events lack it."""
    parts: int = 0
    """How many files were found in the file; the artefact of its text lists them."""
    asked_at: datetime | None = None
    """When the work was asked for; older events lack it."""
    signature: str | None = None
    """Of the text, for finding near-duplicates (shared.artefacts.signature); None where it is too short for one."""


class PagesProcessed(DocumentProcessed):
    """The first pages of a large document, while the rest is being read: all that Search needs to serve them.

    Its version is one of those that are free below the whole's, and rises with the number of pages.
    """

    name: ClassVar[str] = "PagesProcessed"
    topic: ClassVar[str] = "process.document.v1"

    whole_version: int
    """The one under which the whole will come."""
    base_version: int
    """What searches see of this version or an older one is a whole, or another upload's: it stays until the whole."""
    pages_done: int
    """So many of its `pages`, from the first on."""


class ProcessingFailed(DocumentEvent):
    """This version cannot be processed, and why, in words a person understands."""

    name: ClassVar[str] = "ProcessingFailed"
    topic: ClassVar[str] = "process.document.v1"

    stage: str
    code: str
    reason: str
    retryable: bool
