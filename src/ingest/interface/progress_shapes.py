"""What HTTP shows of how far a document has come."""

from typing import Literal

from ingest.application.shelf import Seen
from ingest.domain.document import Document
from shared.web.shapes import Shape


class DocumentFirstPages(Shape):
    """What search serves of a document while the rest is read, or where it could not be read to its end."""

    pages_done: int
    """So many pages, from the first on."""
    pages_total: int
    """So many there are."""


def first_pages_view(document: Document) -> DocumentFirstPages | None:
    """None where search serves the whole, or nothing."""
    served = document.standing.first_pages
    return None if served is None else DocumentFirstPages(pages_done=served[0], pages_total=served[1])


class DocumentProgress(Shape):
    """How far the newest revision has come."""

    done: int
    """Stages that are done."""
    total: int
    """Stages there are."""
    unit: Literal["stages"] = "stages"
    """What is counted."""
    chunks_done: int | None = None
    """Chunks that have vectors, while a large document is embedded; else null."""
    chunks_total: int | None = None
    """Chunks it has, for as long."""
    pages_done: int | None = None
    """Pages that are read, while a document of many is at `parse` or `ocr`; else null."""
    pages_total: int | None = None
    """Pages that this stage reads of it, for as long."""
    queue_position: int | None
    """How many unfinished documents were received before it; null once it is finished."""
    remaining_seconds: float | None
    """An estimate from the recent rate; null when there is none."""


def progress_view(seen: Seen) -> DocumentProgress:
    """As it is now."""
    standing = seen.document.standing
    chunks, pages = standing.chunks or (None, None), standing.pages or (None, None)
    return DocumentProgress(
        done=standing.done,
        total=standing.stages_total,
        chunks_done=chunks[0],
        chunks_total=chunks[1],
        pages_done=pages[0],
        pages_total=pages[1],
        queue_position=seen.queue_position,
        remaining_seconds=seen.remaining_seconds,
    )
