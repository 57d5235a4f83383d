"""Words of a PDF page with their places, of which as few letters are looked at as will do (PDFium)."""

import re
from collections.abc import Sequence
from typing import Final

from process.domain.raised import SIGNS
from process.infrastructure.parsers.pdfium.loaded_page import LoadedPage
from process.infrastructure.parsers.pdfium.page_text import PageText
from process.infrastructure.parsers.pdfium.seen import Seen
from process.infrastructure.parsers.tables.page_marks import Piece, Word

_WORD_GAP: Final = 0.22
"""Of the letters' height; spaces are a quarter of it."""
_RUN: Final = re.compile(r"\S+")
_HYPHENS: Final = (2, 0xFFFE, 0xAD)
"""What PDFium writes for hyphens at the ends of lines, and the soft one."""
_SECOND_HALVES: Final = range(0xDC00, 0xE000)
"""What stands behind the first half of a sign that PDFium counts as two."""
_LEVEL: Final = 0.05
"""Of their height, that the boxes of letters on one line, of one font, differ by."""
_WIDEST: Final = 0.8
"""Of the height, for each letter: a run that is wider may have a gap in it."""
_WIDEST_FIGURES: Final = 0.6
"""The same for figures, which all are of about half the width."""
_IDEOGRAPH: Final = re.compile("[\u1100-\U0010ffff]")
_WIDER: Final = 0.6
"""Letters that an ideograph or a syllable is wider than one."""


def words_on(page: LoadedPage, pieces: Sequence[Piece] | None = None) -> list[Word]:
    """Runs of letters without white space, of which only the first and the last letter are asked where they stand.

    Every letter of a run is asked where that may not be enough: signs that are not printed, a line that is not level,
    a run so wide that there may be a gap in it. With `pieces` those of these alone.
    """
    text, seen = page.text, page.seen
    letters = _Letters(text, seen)
    words: list[Word] = []
    places = [(0, text.text)] if pieces is None else [(one.begin, _said(text, one)) for one in pieces]
    if text.is_whole:
        for begin, said in places:
            for run in _RUN.finditer(said):
                letters.add_run(begin + run.start(), begin + run.end(), run[0], words)
    else:
        _add_where_signs_are_hidden(text, places, letters, words)
    return [word for word in words if 0 <= word.left < seen.width and 0 <= word.middle <= seen.height]


def _said(text: PageText, piece: Piece) -> str:
    """What the page's text has there, sign by sign; where none counts as two, with numbers that are raised."""
    return text.text[piece.begin : piece.begin + text.length(piece.text)] if text.has_pairs else piece.text


def _add_where_signs_are_hidden(
    text: PageText, places: Sequence[tuple[int, str]], letters: "_Letters", words: list[Word]
) -> None:
    """The text lacks signs that the page has: hyphens that it takes for those of lines' ends belong to the run."""
    for begin, said in places:
        stop = begin + len(said)
        behind = len(text.text[:begin].rstrip())
        before = behind, text.number(behind - 1) + 1 if behind else 0
        shift = text.number(begin) - begin
        is_whole = text.number(stop - 1) - stop + 1 == shift
        for run in _RUN.finditer(said):
            start, stop_at = begin + run.start(), begin + run.end()
            if is_whole:
                first, end = start + shift, stop_at + shift
            else:
                first, end = text.number(start), text.number(stop_at - 1) + 1
            if first - before[1] > start - before[0]:
                letters.add(before[1], end, words)
            else:
                letters.add_run(first, end, run[0], words)
            before = stop_at, end


class _Letters:
    """Where letters of a page stand as it is shown."""

    def __init__(self, text: PageText, seen: Seen) -> None:
        self._text = text
        self._seen = seen

    def add_run(self, first: int, end: int, text: str, words: list[Word]) -> None:
        """The letters from `first` to `end` (exclusive), `text`: one word, or several where there are gaps in it."""
        word = self._word(first, end, text)
        if word is None:
            self.add(first, end, words, text)
        elif text[0] in SIGNS and words and _is_behind(words[-1], word):
            words[-1].text += word.text
            words[-1].right = word.right
        else:
            words.append(word)

    def _word(self, first: int, end: int, text: str) -> Word | None:
        """None where each of the letters has to be asked."""
        if end - first != len(text) or ".." in text:
            return None
        if self._text.has_pairs:
            text = self._text.whole(text)
        if not text.isprintable():
            return None
        ends = self._text.ends(first, end - 1)
        if ends is None:
            return None
        (left, bottom, right, top), (last_left, last_bottom, last_right, last_top) = ends
        if right - left <= 0:
            return None
        if end - first > 1:
            right = last_right
            height = top - bottom
            slope = _LEVEL * height
            if not (
                -slope <= last_top - top <= slope and -slope <= last_bottom - bottom <= slope and last_left >= left
            ):
                return None
            widest = _WIDEST_FIGURES if text[-1].isdigit() else _WIDEST
            if right - left > widest * len(text) * height and (
                text.isascii() or right - left > widest * (len(text) + _WIDER * len(_IDEOGRAPH.findall(text))) * height
            ):
                return None
            if last_top > top:
                top = last_top
            if last_bottom < bottom:
                bottom = last_bottom
        left, top, right, bottom = self._seen.box(left, bottom, right, top)
        return Word(text, left, top, right, bottom) if bottom - top > 0.5 and right > left else None

    def add(self, first: int, end: int, words: list[Word], text: str = "") -> None:
        """Letter by letter, the words they make; `text` has their raised numbers if it is as long."""
        seen = self._seen
        open_word = False
        is_said = len(text) == end - first and not self._text.has_pairs
        for number in range(first, end):
            code = self._text.code(number)
            if code in _SECOND_HALVES:
                continue
            letter = text[number - first] if is_said else chr(code) if 0 < code < 0x110000 else " "
            if letter.isspace() or not (letter.isprintable() or code in _HYPHENS):
                open_word = False
                continue
            box = self._text.box(number)
            if box is None:
                continue
            left, top, right, bottom = seen.box(*box)
            if bottom - top <= 0.5 or right - left <= 0:
                left, top, right, bottom = seen.box(*self._text.tight_box(number))
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


def _is_behind(before: Word, word: Word) -> bool:
    """Whether no space parts them."""
    gap = word.left - before.right
    return abs(gap) < _WORD_GAP * before.height and word.top < before.bottom and before.top < word.bottom
