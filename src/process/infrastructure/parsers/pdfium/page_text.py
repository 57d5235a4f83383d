"""The text of a page as PDFium has it, and where its signs stand."""

from array import array
from typing import Final

import pypdfium2
import pypdfium2.raw as pdfium

from process.infrastructure.parsers.pdfium import calls

Rect = tuple[float, float, float, float]
"""Left, bottom, right, top."""


class PageText:
    """`text` is what a reader sees, sign by sign; PDFium counts signs beyond Unicode's first 65,536 as two, as UTF-16
    does, and so does `text`.
    """

    def __init__(self, page: pypdfium2.PdfPage) -> None:
        self._page = pdfium.FPDFText_LoadPage(page.raw)
        if not self._page:
            raise pypdfium2.PdfiumError("Failed to load text page.")
        self._handle: Final = calls.handle_of(self._page)
        self.count: Final[int] = pdfium.FPDFText_CountChars(self._page)
        """Of the signs, with those that the text lacks: hyphens that PDFium takes for those of lines' ends."""
        text = self._whole_text()
        units = b"" if text.isascii() else text.encode("utf-16-le")
        self.has_pairs: Final = len(units) > 2 * len(text)
        """Some of the signs count as two."""
        self.text: Final = "".join(map(chr, memoryview(units).cast("H"))) if self.has_pairs else text
        self.is_whole: Final = len(self.text) == self.count
        """The text lacks none of the signs: the place of each in the text is its number."""
        self._box = array("f", (0.0,) * 4)
        self._to_box = calls.address_of(self._box)
        self._edges = array("d", (0.0,) * 4)
        self._to_edges = calls.addresses_of(self._edges)
        to_left, to_bottom, to_right, to_top = self._to_edges
        self._to_rect = to_left, to_top, to_right, to_bottom

    def close(self) -> None:
        """Before its page is closed; nothing can be asked any more."""
        pdfium.FPDFText_ClosePage(self._page)

    def _whole_text(self) -> str:
        """From the first to the last sign that the text does not lack: PDFium reads on where it would begin or end with
        others.
        """
        handle = self._handle
        first, last = 0, self.count - 1
        while first <= last and calls.text_of_char(handle, first) < 0:
            first += 1
        while last > first and calls.text_of_char(handle, last) < 0:
            last -= 1
        if first > last:
            return ""
        room = calls.text_of_char(handle, last) - calls.text_of_char(handle, first) + 2
        units = array("H", (0,)) * room
        written = calls.text_into(handle, first, last - first + 1, calls.address_of(units))
        return units[: written - 1].tobytes().decode("utf-16-le", "ignore")

    def number(self, place: int) -> int:
        """Among all signs, of the one at a place in the text."""
        return place if self.is_whole else calls.char_of_text(self._handle, place)

    def whole(self, part: str) -> str:
        """A part of the text with each of its signs as one."""
        return part.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "ignore") if self.has_pairs else part

    def length(self, whole: str) -> int:
        """How long such a part is in the text."""
        return len(whole.encode("utf-16-le")) // 2 if self.has_pairs else len(whole)

    def box(self, number: int) -> Rect | None:
        """Of the sign in its font: all signs of a font are of one height. None where it has no place."""
        if not calls.loose_box(self._handle, number, self._to_box):
            return None
        left, top, right, bottom = self._box
        return left, bottom, right, top

    def ends(self, first: int, last: int) -> tuple[Rect, Rect] | None:
        """The boxes of two signs; None where one of them has no place."""
        handle, to_box, box = self._handle, self._to_box, self._box
        if not calls.loose_box(handle, first, to_box):
            return None
        left, top, right, bottom = box
        if last == first:
            only = left, bottom, right, top
            return only, only
        if not calls.loose_box(handle, last, to_box):
            return None
        last_left, last_top, last_right, last_bottom = box
        return (left, bottom, right, top), (last_left, last_bottom, last_right, last_top)

    def tight_box(self, number: int) -> Rect:
        """Of what is drawn of the sign."""
        to_left, to_bottom, to_right, to_top = self._to_edges
        calls.tight_box(self._handle, number, to_left, to_right, to_bottom, to_top)
        left, bottom, right, top = self._edges
        return left, bottom, right, top

    def origin(self, number: int) -> tuple[float, float]:
        """Where the sign begins on the base of its line."""
        calls.origin(self._handle, number, *self._to_edges[:2])
        return self._edges[0], self._edges[1]

    def font_size(self, number: int) -> float:
        """That of the sign, before its text is scaled."""
        return calls.font_size(self._handle, number)

    def angle(self, number: int) -> float:
        """That of the sign, in radians."""
        return calls.angle(self._handle, number)

    def code(self, number: int) -> int:
        """The sign's in Unicode, at the first half of one that counts as two; 0 where it has none."""
        code = calls.unicode_of(self._handle, number)
        if 0xD800 <= code < 0xDC00 and self.has_pairs:
            return 0x10000 + ((code - 0xD800) << 10) + (calls.unicode_of(self._handle, number + 1) - 0xDC00)
        return code

    def line(self, first: int, last: int) -> tuple[Rect | None, list[Rect]]:
        """The `box` of the first sign, and one around the letters to the last for each object of text, in order."""
        handle = self._handle
        box: Rect | None = None
        if calls.loose_box(handle, first, self._to_box):
            left, top, right, bottom = self._box
            box = left, bottom, right, top
        count = calls.count_rects(handle, first, last - first + 1)
        edges, to_rect = self._edges, self._to_rect
        if count == 1:
            calls.rect(handle, 0, *to_rect)
            left, bottom, right, top = edges
            return box, [(left, bottom, right, top)]
        rects: list[Rect] = []
        for number in range(count):
            calls.rect(handle, number, *to_rect)
            left, bottom, right, top = edges
            rects.append((left, bottom, right, top))
        return box, rects

    def where_rect_begins(self, first: int, length: int, index: int, *, behind: int = 0) -> int:
        """Which of so many signs is the first of one of their objects of text; all up to `behind` are of others."""
        handle, count_rects = self._handle, calls.count_rects
        low, high = behind + 1, length
        while low < high:
            middle = (low + high) // 2
            if count_rects(handle, first, middle) > index:
                high = middle
            else:
                low = middle + 1
        return low - 1
