"""PDFium's functions that are asked for every object and every line of a page, called the shortest way.

The interpreter keeps its lock, and what a pointer is made of is not found out again with every call: `pypdfium2.raw`
makes an object of each handle, gives the lock away and takes it back, which costs more than what most of these
functions do. What PDFium writes goes to addresses in arrays that are made once.
"""

import ctypes
from array import array
from collections.abc import Callable
from typing import Any, Final, NewType, cast

import pypdfium2.raw as pdfium

Pointer = NewType("Pointer", object)
"""An address or a handle as these functions take it. A plain number in its place would lose half of its digits."""


def _directly(function: Any) -> Any:
    """Takes Pointers, and numbers that are plain integers of C; gives a handle as a plain number."""
    return ctypes.PYFUNCTYPE(_plain(function.restype))(_address_of(function))


def _of_number(function: Any) -> Callable[[int], int]:
    """Takes a handle as a plain number: for what is asked but once of most of them."""
    return ctypes.PYFUNCTYPE(function.restype, ctypes.c_void_p)(_address_of(function))


def _address_of(pointer: Any) -> int:
    return ctypes.cast(pointer, ctypes.c_void_p).value or 0


def _plain(kind: Any) -> Any:
    """A number in place of a pointer."""
    return ctypes.c_void_p if hasattr(kind, "contents") else kind


def pointer(number: int) -> Pointer:
    """An address or a handle that is a plain number."""
    return cast(Pointer, ctypes.c_void_p.from_param(number))


def handle_of(raw: Any) -> Pointer:
    """That of what `pypdfium2` has as its `raw`; it must not be closed as long as the handle is used."""
    return pointer(ctypes.addressof(raw.contents))


def address_of(numbers: "array[float] | array[int]") -> Pointer:
    """Where PDFium writes them to: as long as the array is there, and not made longer."""
    return pointer(numbers.buffer_info()[0])


def addresses_of(numbers: "array[float] | array[int]") -> tuple[Pointer, ...]:
    """The same for each of them."""
    first = numbers.buffer_info()[0]
    return tuple(map(pointer, range(first, first + len(numbers) * numbers.itemsize, numbers.itemsize)))


_Numbered = Callable[[Pointer, int], int]
_Written = Callable[[Pointer, Pointer], int]
_BothWritten = Callable[[Pointer, Pointer, Pointer], int]
_AllWritten = Callable[[Pointer, Pointer, Pointer, Pointer, Pointer], int]
_Edges = Callable[[Pointer, int, Pointer, Pointer, Pointer, Pointer], int]

text_of_char: Final[_Numbered] = _directly(pdfium.FPDFText_GetTextIndexFromCharIndex)
"""Page, place among its signs: place in its text; -1 for a sign that the text lacks."""
text_into: Final[Callable[[Pointer, int, int, Pointer], int]] = _directly(pdfium.FPDFText_GetText)
"""Page, first sign, how many of them, address: how many numbers of 16 bits were written, with the zero at the end."""
char_of_text: Final[_Numbered] = _directly(pdfium.FPDFText_GetCharIndexFromTextIndex)
"""Page, place in its text: place among its signs."""
count_rects: Final[Callable[[Pointer, int, int], int]] = _directly(pdfium.FPDFText_CountRects)
"""Page, first sign, how many of them."""
rect: Final[_Edges] = _directly(pdfium.FPDFText_GetRect)
"""Page, number: whether left, top, right and bottom (doubles) of one of those last counted were written."""
loose_box: Final[Callable[[Pointer, int, Pointer], int]] = _directly(pdfium.FPDFText_GetLooseCharBox)
"""Page, sign: whether left, top, right and bottom (floats) were written."""
origin: Final[Callable[[Pointer, int, Pointer, Pointer], int]] = _directly(pdfium.FPDFText_GetCharOrigin)
"""Page, sign: whether x and y (doubles) were written."""
font_size: Final[Callable[[Pointer, int], float]] = _directly(pdfium.FPDFText_GetFontSize)
"""Page, sign."""
angle: Final[Callable[[Pointer, int], float]] = _directly(pdfium.FPDFText_GetCharAngle)
"""Page, sign: in radians."""
tight_box: Final[_Edges] = _directly(pdfium.FPDFText_GetCharBox)
"""Page, sign: whether left, right, bottom and top (doubles) were written."""
unicode_of: Final[_Numbered] = _directly(pdfium.FPDFText_GetUnicode)
"""Page, sign."""

count_objects: Final[Callable[[Pointer], int]] = _directly(pdfium.FPDFPage_CountObjects)
"""Page."""
object_on_page: Final[_Numbered] = _directly(pdfium.FPDFPage_GetObject)
"""Page, number."""
count_in_form: Final[Callable[[Pointer], int]] = _directly(pdfium.FPDFFormObj_CountObjects)
"""Object."""
object_in_form: Final[_Numbered] = _directly(pdfium.FPDFFormObj_GetObject)
"""Object, number."""
kind_of: Final = _of_number(pdfium.FPDFPageObj_GetType)
"""Object."""
matrix: Final[_Written] = _directly(pdfium.FPDFPageObj_GetMatrix)
"""Object: whether a to f (floats) were written."""
bounds: Final[_AllWritten] = _directly(pdfium.FPDFPageObj_GetBounds)
"""Object: whether left, bottom, right and top (floats) were written."""
fill_colour: Final[_AllWritten] = _directly(pdfium.FPDFPageObj_GetFillColor)
"""Object: whether red, green, blue and alpha (unsigned) were written."""
image_size: Final[_BothWritten] = _directly(pdfium.FPDFImageObj_GetImagePixelSize)
"""Image: whether width and height (unsigned) were written."""
image_data: Final[Callable[[Pointer, Pointer | None, int], int]] = _directly(pdfium.FPDFImageObj_GetImageDataRaw)
"""Image, address, room there: how many bytes it has, which were written if there was room for them."""

draw_mode: Final[_BothWritten] = _directly(pdfium.FPDFPath_GetDrawMode)
"""Path: whether how it is filled and whether it is stroked (integers) were written."""
count_segments: Final[Callable[[Pointer], int]] = _directly(pdfium.FPDFPath_CountSegments)
"""Path."""
segment_of: Final[_Numbered] = _directly(pdfium.FPDFPath_GetPathSegment)
"""Path, number."""
segment_kind: Final[Callable[[Pointer], int]] = _directly(pdfium.FPDFPathSegment_GetType)
"""Segment."""
segment_closes: Final[Callable[[Pointer], int]] = _directly(pdfium.FPDFPathSegment_GetClose)
"""Segment."""
point: Final[_BothWritten] = _directly(pdfium.FPDFPathSegment_GetPoint)
"""Segment: whether x and y (floats) were written."""
