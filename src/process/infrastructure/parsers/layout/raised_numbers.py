"""Numbers that a PDF draws smaller and above their line, behind a letter or a number: powers and marks of notes."""

from collections.abc import Sequence
from typing import Final

from process.domain.raised import raised
from process.infrastructure.parsers.pdfium.page_text import PageText, Rect

_SMALLER: Final = 0.88
"""Of the height of what they stand behind."""
_ABOVE: Final = 0.18
"""Of that height, how far they stand above its base, at least."""


def may_have_raised(text: str, rects: Sequence[Rect]) -> bool:
    """Whether the objects of text of a line are such that a number of it may be raised."""
    if len(rects) < 2 or not any(map(str.isdigit, text)):
        return False
    bottom, top = min(rects, key=lambda rect: rect[1] - rect[3])[1::2]
    return any(
        rect[3] - rect[1] < _SMALLER * (top - bottom) and rect[1] > bottom + _ABOVE * (top - bottom) for rect in rects
    )


def with_raised(page: PageText, text: str, begin: int) -> str:
    """The line that begins there in the page's text, its raised numbers in the signs for such; as long as it is."""
    signs, run = list(text), 0
    height, base = 0.0, 0.0
    for place, sign in enumerate([*text, " "]):
        if not sign.isspace():
            number = page.number(begin + place)
            box = page.box(number)
            tall = box[3] - box[1] if box is not None else 0.0
            _, low = page.origin(number)
            if height and tall < _SMALLER * height and low - base > _ABOVE * height:
                run += 1
                continue
        else:
            tall = low = 0.0
        signs[place - run : place] = raised(text[place - run : place])
        run, height, base = 0, tall, low
    return "".join(signs)
