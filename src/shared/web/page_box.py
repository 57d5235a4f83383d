"""Where a piece of a document stands on its page, as answers say it."""

from shared.artefacts.chunks import Chunk
from shared.web.shapes import Shape


class PageBox(Shape):
    """Of a page, in fractions of its width and height, from its upper left corner."""

    page: int
    """The page, from 1."""
    left: float
    """Its left edge."""
    top: float
    """Its upper edge."""
    right: float
    """Its right edge."""
    bottom: float
    """Its lower edge."""


def page_box(chunk: Chunk) -> PageBox | None:
    """Of the chunk's part on the page it begins on; None where that is not known."""
    if chunk.box is None or chunk.page is None:
        return None
    left, top, right, bottom = chunk.box
    return PageBox(page=chunk.page, left=left, top=top, right=right, bottom=bottom)
