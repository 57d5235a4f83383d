"""Words of a PDF page with their places, of which as few letters are looked at as will do (PDFium)."""

import ctypes
import re
from collections.abc import Sequence
from typing import Final

import pypdfium2
import pypdfium2.raw as pdfium

from process.infrastructure.parsers.tables.page_marks import Piece, Seen, Word

_WORD_GAP: Final = 0.22
"""Of the letters' height; spaces are a quarter of it."""
_RUN: Final = re.compile(r"\S+")
_HYPHENS: Final = (2, 0xFFFE, 0xAD)
"""What PDFium writes for hyphens at the ends of lines, and the soft one."""
_LEVEL: Final = 0.01
"""Points that the boxes of letters on one line, of one font, differ by."""
_WIDEST: Final = 0.8
"""Of the height, for each letter: a run that is wider may have a gap in it."""
_WIDEST_FIGURES: Final = 0.6
"""The same for figures, which all are of about half the width."""
_WIDE: Final = 1.6
"""Letters that an ideograph or a syllable is as wide as."""


def words_on(text_page: pypdfium2.PdfTextPage, seen: Seen, pieces: Sequence[Piece] | None = None) -> list[Word]:
    """Runs of letters without white space, of which only the first and the last letter are asked where they stand.

    Every letter of a run is asked where that may not be enough: signs that are not printed, a line that is not level,
    a run so wide that there may be a gap in it. With `pieces` those of these alone, if they can be told from others.
    """
    letters = _Letters(text_page, seen)
    text = text_page.get_text_range()
    count = text_page.count_chars()
    words: list[Word] = []
    if not text or max(text) > "\uffff":
        letters.add(0, count, words)
    else:
        places = [(0, len(text))] if pieces is None else [(one.begin, one.begin + len(one.text)) for one in pieces]
        if len(text) == count:
            for begin, stop in places:
                for run in _RUN.finditer(text, begin, stop):
                    letters.add_run(run.start(), run.end(), run[0], words)
        else:
            _add_where_signs_are_hidden(text_page, text, places, letters, words)
    return [word for word in words if 0 <= word.left < seen.width and 0 <= word.middle <= seen.height]


def _add_where_signs_are_hidden(
    text_page: pypdfium2.PdfTextPage,
    text: str,
    places: Sequence[tuple[int, int]],
    letters: "_Letters",
    words: list[Word],
) -> None:
    """The text lacks signs that the page has: hyphens that it takes for those of lines' ends belong to the run."""
    place_of = pdfium.FPDFText_GetCharIndexFromTextIndex
    for begin, stop in places:
        said = len(text[:begin].rstrip())
        before = said, place_of(text_page.raw, said - 1) + 1 if said else 0
        for run in _RUN.finditer(text, begin, stop):
            first, end = place_of(text_page.raw, run.start()), place_of(text_page.raw, run.end() - 1) + 1
            if first - before[1] > run.start() - before[0]:
                letters.add(before[1], end, words)
            else:
                letters.add_run(first, end, run[0], words)
            before = run.end(), end


class _Letters:
    """Where letters of a page stand as it is shown."""

    def __init__(self, text_page: pypdfium2.PdfTextPage, seen: Seen) -> None:
        self._raw = text_page.raw
        self._seen = seen
        self._box = pdfium.FS_RECTF()
        self._to_box = ctypes.byref(self._box)
        self._tight = [ctypes.c_double() for _ in range(4)]

    def add_run(self, first: int, end: int, text: str, words: list[Word]) -> None:
        """The letters from `first` to `end` (exclusive), `text`: one word, or several where there are gaps in it."""
        word = self._word(first, end, text)
        if word is None:
            self.add(first, end, words)
        else:
            words.append(word)

    def _word(self, first: int, end: int, text: str) -> Word | None:
        """None where each of the letters has to be asked."""
        if end - first != len(text) or not text.isprintable() or ".." in text:
            return None
        box = self._box
        if not pdfium.FPDFText_GetLooseCharBox(self._raw, first, self._to_box):
            return None
        left, bottom, right, top = box.left, box.bottom, box.right, box.top
        if right - left <= 0:
            return None
        if end - first > 1:
            if not pdfium.FPDFText_GetLooseCharBox(self._raw, end - 1, self._to_box):
                return None
            if abs(box.top - top) > _LEVEL or abs(box.bottom - bottom) > _LEVEL or box.left < left:
                return None
            right = box.right
            wide = len(text) if text.isascii() else sum(_WIDE if sign >= "\u1100" else 1.0 for sign in text)
            if right - left > (_WIDEST_FIGURES if text[-1].isdigit() else _WIDEST) * wide * (top - bottom):
                return None
        left, top, right, bottom = self._seen.box(left, bottom, right, top)
        return Word(text, left, top, right, bottom) if bottom - top > 0.5 and right > left else None

    def add(self, first: int, end: int, words: list[Word]) -> None:
        """Letter by letter, the words they make."""
        raw, box, tight, seen = self._raw, self._box, self._tight, self._seen
        open_word = False
        for index in range(first, end):
            code = pdfium.FPDFText_GetUnicode(raw, index)
            letter = chr(code) if 0 < code < 0x110000 else " "
            if letter.isspace() or not (letter.isprintable() or code in _HYPHENS):
                open_word = False
                continue
            if not pdfium.FPDFText_GetLooseCharBox(raw, index, self._to_box):
                continue
            left, top, right, bottom = seen.box(box.left, box.bottom, box.right, box.top)
            if bottom - top <= 0.5 or right - left <= 0:
                pdfium.FPDFText_GetCharBox(raw, index, *map(ctypes.byref, tight))
                left, top, right, bottom = seen.box(tight[0].value, tight[2].value, tight[1].value, tight[3].value)
            if code in _HYPHENS:
                letter = "-"
            last = words[-1] if open_word else None
            height = bottom - top
            if (
                last is not None
                and abs(last.middle - (top + bottom) / 2) < 0.3 * max(height, last.height)
                and -0.6 * height < left - last.right < _WORD_GAP * height
            ):
                last.text += letter
                last.right = max(last.right, right)
                last.stand(min(last.top, top), max(last.bottom, bottom))
            else:
                words.append(Word(letter, left, top, right, bottom))
            open_word = True
