"""The text of a page as PDFium has it, and where its signs stand."""

from array import array
from typing import Final

import pypdfium2

from process.infrastructure.parsers.pdfium import calls

Rect = tuple[float, float, float, float]
"""Left, bottom, right, top."""


class PageText:
    """`text` is what a reader sees, sign by sign; PDFium counts signs beyond Unicode's first 65,536 as two, as UTF-16
    does, and so does `text`.
    """

    def __init__(self, page: pypdfium2.PdfTextPage) -> None:
        self._page = page
        self._handle: Final = calls.handle_of(page.raw)
        self.count: Final[int] = page.count_chars()
        """Of the signs, with those that the text lacks: hyphens that PDFium takes for those of lines' ends."""
        text = page.get_text_range()
        units = text.encode("utf-16-le")
        self._has_pairs = len(units) > 2 * len(text)
        self.text: Final = "".join(map(chr, memoryview(units).cast("H"))) if self._has_pairs else text
        self.is_whole: Final = len(self.text) == self.count
        """The text lacks none of the signs: the place of each in the text is its number."""
        self._box = array("f", (0.0,) * 4)
        self._to_box = calls.addresses_of(self._box)[0]
        self._edges = array("d", (0.0,) * 4)
        self._to_edges = calls.addresses_of(self._edges)

    def number(self, place: int) -> int:
        """Among all signs, of the one at a place in the text."""
        return place if self.is_whole else calls.char_of_text(self._handle, place)

    def whole(self, part: str) -> str:
        """A part of the text with each of its signs as one."""
        return part.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "ignore") if self._has_pairs else part

    def length(self, whole: str) -> int:
        """How long such a part is in the text."""
        return len(whole.encode("utf-16-le")) // 2 if self._has_pairs else len(whole)

    def box(self, number: int) -> Rect | None:
        """Of the sign in its font: all signs of a font are of one height. None where it has no place."""
        if not calls.loose_box(self._handle, number, self._to_box):
            return None
        left, top, right, bottom = self._box
        return left, bottom, right, top

    def ends(self, first: int, last: int) -> tuple[Rect, Rect] | None:
        """The boxes of two signs; None where one of them has no place."""
        if not calls.loose_box(self._handle, first, self._to_box):
            return None
        left, top, right, bottom = self._box
        if not calls.loose_box(self._handle, last, self._to_box):
            return None
        last_left, last_top, last_right, last_bottom = self._box
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
        if 0xD800 <= code < 0xDC00 and self._has_pairs:
            return 0x10000 + ((code - 0xD800) << 10) + (calls.unicode_of(self._handle, number + 1) - 0xDC00)
        return code

    def rects(self, first: int, count: int) -> list[Rect]:
        """Around the letters of so many signs, one for each object of text, in the order of the letters."""
        rects: list[Rect] = []
        to_left, to_bottom, to_right, to_top = self._to_edges
        for number in range(calls.count_rects(self._handle, first, count)):
            calls.rect(self._handle, number, to_left, to_top, to_right, to_bottom)
            left, bottom, right, top = self._edges
            rects.append((left, bottom, right, top))
        return rects

    def count_rects(self, first: int, count: int) -> int:
        """How many these are."""
        return calls.count_rects(self._handle, first, count)
