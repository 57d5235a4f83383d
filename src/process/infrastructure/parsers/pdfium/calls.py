"""PDFium's functions that are asked for every object and every line of a page, called the shortest way.

A handle is a plain number, and the interpreter keeps its lock: `pypdfium2.raw` makes an object of each handle, gives
the lock away and takes it back, which costs more than what most of these functions do. What PDFium writes goes to
addresses in arrays that are made once.
"""

import ctypes
from array import array
from collections.abc import Callable
from typing import Any, Final

import pypdfium2.raw as pdfium


def _directly(function: Any) -> Callable[..., int]:
    kinds = [_plain(kind) for kind in (function.restype, *function.argtypes)]
    return ctypes.PYFUNCTYPE(*kinds)(ctypes.cast(function, ctypes.c_void_p).value or 0)


def _measured(function: Any) -> Callable[..., float]:
    return _directly(function)


def _plain(kind: Any) -> Any:
    """A number in place of a pointer."""
    return ctypes.c_void_p if hasattr(kind, "contents") else kind


def handle_of(pointer: Any) -> int:
    """That of what `pypdfium2` has as its `raw`; it must not be closed as long as the number is used."""
    return ctypes.cast(pointer, ctypes.c_void_p).value or 0


def addresses_of(numbers: "array[float] | array[int]") -> tuple[int, ...]:
    """Where PDFium writes each of them to: as long as the array is there, and not made longer."""
    first = numbers.buffer_info()[0]
    return tuple(range(first, first + len(numbers) * numbers.itemsize, numbers.itemsize))


text_of_char: Final = _directly(pdfium.FPDFText_GetTextIndexFromCharIndex)
"""Page, place among its signs: place in its text; -1 for a sign that the text lacks."""
text_into: Final = _directly(pdfium.FPDFText_GetText)
"""Page, first sign, how many of them, address: how many numbers of 16 bits were written, with the zero at the end."""
char_of_text: Final = _directly(pdfium.FPDFText_GetCharIndexFromTextIndex)
"""Page, place in its text: place among its signs."""
count_rects: Final = _directly(pdfium.FPDFText_CountRects)
"""Page, first sign, how many of them."""
rect: Final = _directly(pdfium.FPDFText_GetRect)
"""Page, number: whether left, top, right and bottom (doubles) of one of those last counted were written."""
loose_box: Final = _directly(pdfium.FPDFText_GetLooseCharBox)
"""Page, sign: whether left, top, right and bottom (floats) were written."""
origin: Final = _directly(pdfium.FPDFText_GetCharOrigin)
"""Page, sign: whether x and y (doubles) were written."""
font_size: Final = _measured(pdfium.FPDFText_GetFontSize)
"""Page, sign."""
angle: Final = _measured(pdfium.FPDFText_GetCharAngle)
"""Page, sign: in radians."""
tight_box: Final = _directly(pdfium.FPDFText_GetCharBox)
"""Page, sign: whether left, right, bottom and top (doubles) were written."""
unicode_of: Final = _directly(pdfium.FPDFText_GetUnicode)
"""Page, sign."""

count_objects: Final = _directly(pdfium.FPDFPage_CountObjects)
"""Page."""
object_on_page: Final = _directly(pdfium.FPDFPage_GetObject)
"""Page, number."""
count_in_form: Final = _directly(pdfium.FPDFFormObj_CountObjects)
"""Object."""
object_in_form: Final = _directly(pdfium.FPDFFormObj_GetObject)
"""Object, number."""
kind_of: Final = _directly(pdfium.FPDFPageObj_GetType)
"""Object."""
matrix: Final = _directly(pdfium.FPDFPageObj_GetMatrix)
"""Object: whether a to f (floats) were written."""
bounds: Final = _directly(pdfium.FPDFPageObj_GetBounds)
"""Object: whether left, bottom, right and top (floats) were written."""
fill_colour: Final = _directly(pdfium.FPDFPageObj_GetFillColor)
"""Object: whether red, green, blue and alpha (unsigned) were written."""
image_size: Final = _directly(pdfium.FPDFImageObj_GetImagePixelSize)
"""Image: whether width and height (unsigned) were written."""
image_data: Final = _directly(pdfium.FPDFImageObj_GetImageDataRaw)
"""Image, address, room there: how many bytes it has, which were written if there was room for them."""

draw_mode: Final = _directly(pdfium.FPDFPath_GetDrawMode)
"""Path: whether how it is filled and whether it is stroked (integers) were written."""
count_segments: Final = _directly(pdfium.FPDFPath_CountSegments)
"""Path."""
segment_of: Final = _directly(pdfium.FPDFPath_GetPathSegment)
"""Path, number."""
segment_kind: Final = _directly(pdfium.FPDFPathSegment_GetType)
"""Segment."""
segment_closes: Final = _directly(pdfium.FPDFPathSegment_GetClose)
"""Segment."""
point: Final = _directly(pdfium.FPDFPathSegment_GetPoint)
"""Segment: whether x and y (floats) were written."""
