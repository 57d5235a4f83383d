"""Numbers that a PDF draws smaller and above their line, behind a letter or a number: powers and marks of notes."""

import re
from collections.abc import Iterable, Sequence
from typing import Final

from process.domain.raised import RAISABLE, raised
from process.infrastructure.parsers.layout.segment import Segment
from process.infrastructure.parsers.pdfium.page_text import PageText, Rect

_TO_SPACE: Final = re.compile(r"\S+")
_SMALLER: Final = 0.88
"""Of the height of what they stand behind."""
_ABOVE: Final = 0.18
"""Of that height, how far they stand above its base, at least."""
_FIGURES: Final = 0.6
"""Of the height of a font's box, how tall figures are, about: a line may have small letters alone."""
_BEHIND: Final = 0.3
"""Of that height, the widest gap before them."""
_OPENING: Final = ("(", "[")
"""Behind one of these a number is part of a mark that is raised as a whole, and stays as it is."""


def raised_rects(text: str, font_height: float, rects: Sequence[Rect]) -> Sequence[int]:
    """Which of the objects of text of a line may be raised numbers."""
    if len(rects) < 2:
        return ()
    heights = [rect[3] - rect[1] for rect in rects]
    tallest = max(heights)
    low = rects[heights.index(tallest)][1] + _ABOVE * tallest
    tall = _SMALLER * max(tallest, _FIGURES * font_height)
    found = [at for at, rect in enumerate(rects) if rect[1] > low and heights[at] < tall and at]
    return found if found and any(map(str.isdigit, text)) else ()


def with_raised(page: PageText, text: str, begin: int, places: Iterable[int]) -> str:
    """The line that begins there in the page's text, its raised numbers in the signs for such; as long as it is.

    `places`: where in the line objects begin that may be some.
    """
    looked_at = 0
    for place in places:
        start = max(looked_at, max(map(text[:place].rfind, " \t")) + 1)
        word = _TO_SPACE.match(text, start)
        if place >= looked_at and word is not None and (said := _word(page, word[0], begin + start)) is not None:
            text = text[:start] + said + text[word.end() :]
        looked_at = max(looked_at, word.end() if word is not None else 0)
    return text


def raised_behind(before: Segment, piece: Segment) -> str:
    """A piece of few signs as it is to be read behind another: PDFium may break a line before a raised number."""
    height = before.height
    if before.text[-1:] in _OPENING:
        return piece.text
    is_behind = abs(piece.left - before.right) < _BEHIND * height and piece.bottom < before.top
    is_raised = piece.height < _SMALLER * height and piece.bottom - before.bottom > _ABOVE * height
    return raised(piece.text) if is_behind and is_raised else piece.text


def _word(page: PageText, word: str, begin: int) -> str | None:
    """None where none of its numbers is raised."""
    if RAISABLE.isdisjoint(word[1:]):  # what stands first is raised above nothing
        return None
    signs, run, is_changed = list(word), 0, False
    height, base = 0.0, 0.0
    for place in range(len(word) + 1):
        tall = low = 0.0
        if place < len(word):
            number = page.number(begin + place)
            box = page.box(number)
            tall = box[3] - box[1] if box is not None else 0.0
            _, low = page.origin(number)
            if height and tall < _SMALLER * height and low - base > _ABOVE * height:
                run += 1
                continue
        if run:
            signs[place - run : place] = raised(word[place - run : place])
            run, is_changed = 0, True
        height, base = tall, low
    return "".join(signs) if is_changed else None
