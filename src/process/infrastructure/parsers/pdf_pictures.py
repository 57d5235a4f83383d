"""Which pages of a PDF are pictures of text (no text layer, or one that says nothing), and the pictures on others."""

import ctypes
import hashlib
import unicodedata
from array import array
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Final

import pypdfium2
import pypdfium2.raw as pdfium

from process.infrastructure.parsers.layout.segment import PictureOnPage, Segment
from process.infrastructure.parsers.pdfium import calls
from process.infrastructure.parsers.pdfium.calls import Pointer
from process.infrastructure.parsers.pdfium.loaded_page import LoadedPage
from process.infrastructure.parsers.pdfium.objects import placed
from process.infrastructure.parsers.pictures import is_large

_LITTLE: Final = 80
"""Characters: with fewer, a page may be a scan that somebody has put a stamp or a page number on."""
_MOST_OBJECTS: Final = 2_000
_MOST_IMAGES: Final = 500
"""Of one page; some are drawn in strips."""
_LARGE: Final = 0.5
"""Of the page's area."""
_GARBAGE: Final = 0.2
"""Of the signs of a page that belong to no writing: what fonts without a table of their letters leave."""
_FEWEST_SIGNS: Final = 20
_LEAST_POINTS: Final = 54
"""How long a picture on a page is that is looked at; its other side may be a quarter of it."""
_MUCH_TEXT: Final = 30
"""Characters over a picture: it is a background, or a scan that somebody has read before."""
_MOST_RAW: Final = 32 << 20
_UNKNOWN: Final = "\ufffd"
_SYMBOLS: Final = range(0xF000, 0xF100)
"""Where the bullets and arrows of symbol fonts are."""


def is_garbage(text: str) -> bool:
    """Whether of a page's signs so many are unknown, private or control signs that the rest cannot be trusted."""
    if text.isprintable() and _UNKNOWN not in text:
        return False
    # Control signs that are white space are none of the page's signs.
    different = set(text)
    unprinted = [sign for sign in different if not sign.isprintable() or sign == _UNKNOWN]
    wrong = sum([text.count(sign) for sign in unprinted if not sign.isspace() and _is_no_writing(sign)])
    if not wrong:
        return False
    signs = len(text) - sum([text.count(sign) for sign in different if sign.isspace()])
    return signs >= _FEWEST_SIGNS and wrong >= _GARBAGE * signs


@lru_cache(maxsize=1 << 14)
def _is_no_writing(sign: str) -> bool:
    if sign == _UNKNOWN:
        return True
    return unicodedata.category(sign) in ("Co", "Cn", "Cc") and ord(sign) not in _SYMBOLS and ord(sign) > 2


def is_picture(page: pypdfium2.PdfPage, texts: Sequence[str]) -> bool:
    """Whether the page has hardly any text, and something else to see on it: any drawing, or a picture of its size."""
    length = sum(map(len, texts))
    if length > _LITTLE:
        return False
    count = pdfium.FPDFPage_CountObjects(page.raw)
    if not length:
        return bool(count > 0)
    width, height = page.get_size()
    edges = [ctypes.c_float() for _ in range(4)]
    for index in range(min(count, _MOST_OBJECTS)):
        item = pdfium.FPDFPage_GetObject(page.raw, index)
        if pdfium.FPDFPageObj_GetType(item) != pdfium.FPDF_PAGEOBJ_IMAGE:
            continue
        if not pdfium.FPDFPageObj_GetBounds(item, *map(ctypes.byref, edges)):
            continue
        left, bottom, right, top = (edge.value for edge in edges)
        if (right - left) * (top - bottom) >= _LARGE * width * height:
            return True
    return False


def pictures_on(page: LoadedPage, segments: Sequence[Segment]) -> list[PictureOnPage]:
    """Pictures that stand beside the text and are large enough to hold some."""
    found = list(_large_pictures(page)) if page.objects.images else []
    if not found:
        return []
    seen = page.seen
    across, up = seen.offsets()
    middles = [
        ((piece.left + piece.right) / 2 - across, up - (piece.bottom + piece.top) / 2, len(piece.text))
        for piece in segments
    ]
    beside = []
    for item, (left, top, right, bottom) in found:
        covered = sum(length for x, y, length in middles if left <= x <= right and top <= y <= bottom)
        if covered <= _MUCH_TEXT:
            fractions = left / seen.width, top / seen.height, right / seen.width, bottom / seen.height
            beside.append(PictureOnPage(_identity(item), tuple(round(edge, 4) for edge in fractions)))
    return beside


def _large_pictures(page: LoadedPage) -> Iterator[tuple[Pointer, tuple[float, float, float, float]]]:
    """Each by its handle, with left, top, right and bottom of what is seen of it."""
    seen = page.seen
    size = array("I", (0, 0))
    bounds = array("f", (0.0,) * 4)
    to_size, to_bounds = calls.addresses_of(size), calls.addresses_of(bounds)
    for item, outer in page.objects.images[:_MOST_IMAGES]:
        if not calls.image_size(item, *to_size):
            continue
        width, height = size
        if not (is_large(width, height) or is_large(height, width)) or not calls.bounds(item, *to_bounds):
            continue
        (x0, y0), (x1, y1) = placed(bounds[0], bounds[1], outer), placed(bounds[2], bounds[3], outer)
        left, top, right, bottom = seen.box(min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1))
        left, top = max(0.0, left), max(0.0, top)
        right, bottom = min(seen.width, right), min(seen.height, bottom)
        wide, high = right - left, bottom - top
        if max(wide, high) >= _LEAST_POINTS and min(wide, high) >= _LEAST_POINTS / 4:
            yield item, (left, top, right, bottom)


def _identity(item: Pointer) -> object:
    """The same for the same picture on another page."""
    size = calls.image_data(item, None, 0)
    if not 0 < size <= _MOST_RAW:
        return object()
    buffer = array("B", (0,)) * size
    calls.image_data(item, calls.address_of(buffer), size)
    # All of it: pictures that are not compressed may begin with as much of the same white.
    return size, hashlib.sha256(buffer).digest()
