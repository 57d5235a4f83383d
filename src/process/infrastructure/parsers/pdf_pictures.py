"""Which pages of a PDF are pictures of text (no text layer, or one that says nothing), and the pictures on others."""

import ctypes
import hashlib
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache, partial
from typing import Any, Final

import pypdfium2
import pypdfium2.raw as pdfium

from process.infrastructure.parsers.layout.segment import PictureOnPage, Segment
from process.infrastructure.parsers.pictures import is_large
from process.infrastructure.parsers.tables.page_marks import Seen
from process.infrastructure.parsers.tables.page_rules import AS_IT_IS, Matrix, matrix_of, placed, times

_LITTLE: Final = 80
"""Characters: with fewer, a page may be a scan that somebody has put a stamp or a page number on."""
_MOST_OBJECTS: Final = 2_000
_MOST_IMAGES: Final = 500
"""Of one page; some are drawn in strips."""
_DEEPEST: Final = 3
_LARGE: Final = 0.5
"""Of the page's area."""
_GARBAGE: Final = 0.2
"""Of the signs of a page that belong to no writing: what fonts without a table of their letters leave."""
_FEWEST_SIGNS: Final = 20
_LEAST_POINTS: Final = 54
"""How long a picture on a page is that is looked at; its other side may be a quarter of it."""
_MUCH_TEXT: Final = 30
"""Characters over a picture: it is a background, or a scan that somebody has read before."""
_IDENTIFYING_BYTES: Final = 1 << 16
_MOST_RAW: Final = 32 << 20
_SYMBOLS: Final = range(0xF000, 0xF100)
"""Where the bullets and arrows of symbol fonts are."""


def is_garbage(counts: Mapping[str, int]) -> bool:
    """Whether of a page with so many of each sign so many are unknown, private or control signs that the rest cannot
    be trusted.
    """
    signs = sum(count for sign, count in counts.items() if not sign.isspace())
    if signs < _FEWEST_SIGNS:
        return False
    # Each sign is judged once; control signs that are white space are none of the page's signs.
    wrong = sum(count for sign, count in counts.items() if not sign.isspace() and _is_no_writing(sign))
    return wrong >= _GARBAGE * signs


@lru_cache(maxsize=1 << 14)
def _is_no_writing(sign: str) -> bool:
    if sign == "\ufffd":
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


def pictures_on(page: pypdfium2.PdfPage, segments: Sequence[Segment]) -> list[PictureOnPage]:
    """Pictures that stand beside the text and are large enough to hold some."""
    count = pdfium.FPDFPage_CountObjects(page.raw)
    found = list(_images(count, partial(pdfium.FPDFPage_GetObject, page.raw), AS_IT_IS))
    return list(_worth_reading(page, found, segments)) if found else []


def _images(count: int, object_of: Callable[[int], Any], outer: Matrix, depth: int = 0) -> Iterator[tuple[Any, Matrix]]:
    """Each with what its place is to be multiplied by; those in forms too."""
    kind_of = pdfium.FPDFPageObj_GetType
    for index in range(min(count, _MOST_OBJECTS)):
        item = object_of(index)
        kind = kind_of(item)
        if kind == pdfium.FPDF_PAGEOBJ_IMAGE:
            yield item, outer
        elif kind == pdfium.FPDF_PAGEOBJ_FORM and depth < _DEEPEST:
            inside = partial(pdfium.FPDFFormObj_GetObject, item)
            yield from _images(pdfium.FPDFFormObj_CountObjects(item), inside, times(matrix_of(item), outer), depth + 1)


def _worth_reading(
    page: pypdfium2.PdfPage, items: Sequence[tuple[Any, Matrix]], segments: Sequence[Segment]
) -> Iterator[PictureOnPage]:
    seen = Seen(page)
    across, up = seen.offsets()
    middles = [
        ((piece.left + piece.right) / 2 - across, up - (piece.bottom + piece.top) / 2, len(piece.text))
        for piece in segments
    ]
    edges = [ctypes.c_float() for _ in range(4)]
    width, height = ctypes.c_uint(), ctypes.c_uint()
    for item, outer in items[:_MOST_IMAGES]:
        if not pdfium.FPDFImageObj_GetImagePixelSize(item, ctypes.byref(width), ctypes.byref(height)):
            continue
        if not (is_large(width.value, height.value) or is_large(height.value, width.value)):
            continue
        if not pdfium.FPDFPageObj_GetBounds(item, *map(ctypes.byref, edges)):
            continue
        low, high_end = (placed(edges[at].value, edges[at + 1].value, outer) for at in (0, 2))
        left, top, right, bottom = seen.box(
            min(low[0], high_end[0]), min(low[1], high_end[1]), max(low[0], high_end[0]), max(low[1], high_end[1])
        )
        left, top = max(0.0, left), max(0.0, top)
        right, bottom = min(seen.width, right), min(seen.height, bottom)
        wide, high = right - left, bottom - top
        if max(wide, high) < _LEAST_POINTS or min(wide, high) < _LEAST_POINTS / 4:
            continue
        covered = sum(length for x, y, length in middles if left <= x <= right and top <= y <= bottom)
        if covered > _MUCH_TEXT:
            continue
        fractions = left / seen.width, top / seen.height, right / seen.width, bottom / seen.height
        yield PictureOnPage(_identity(item), tuple(round(edge, 4) for edge in fractions))


def _identity(item: Any) -> object:
    """The same for the same picture on another page."""
    size = pdfium.FPDFImageObj_GetImageDataRaw(item, None, 0)
    if not 0 < size <= _MOST_RAW:
        return object()
    buffer = ctypes.create_string_buffer(size)
    pdfium.FPDFImageObj_GetImageDataRaw(item, buffer, size)
    return size, hashlib.sha256(memoryview(buffer)[:_IDENTIFYING_BYTES]).digest()
