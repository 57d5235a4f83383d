"""Pictures as documents: nothing is read here, but how many pages there are; their text is OCR's to tell."""

from pathlib import Path
from typing import Final

from process.infrastructure.parsers.draft import Draft, Unreadable
from shared.model.pictures import decoding

_MOST_PAGES: Final = 5_000
_MOST_PIXELS: Final = 1 << 31
"""Of which nothing is decoded here; who draws a page has a limit of its own."""


def parse(path: Path, draft: Draft) -> None:
    """Fills the draft. Raises Unreadable."""
    try:
        pages = decoding.page_count(path, most_pixels=_MOST_PIXELS)
    except decoding.Unreadable as error:
        raise Unreadable("corrupt", f"{error} Save the picture again and upload the new file.") from error
    draft.pages = pages
    if pages > _MOST_PAGES:
        draft.warnings.append(f"Only the first {_MOST_PAGES:,} of {pages:,} pages are read.")
    for number in range(1, min(pages, _MOST_PAGES) + 1):
        draft.leave_unread(number)
