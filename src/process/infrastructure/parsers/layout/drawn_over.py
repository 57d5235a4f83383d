"""Stamps and watermarks: text that is drawn over other text, or aslant across the page, and is no line of it."""

from collections.abc import Sequence
from statistics import median
from typing import Final

from process.infrastructure.parsers.draft import one_line
from process.infrastructure.parsers.layout.segment import Note, Segment
from process.infrastructure.parsers.pdfium.page_text import PageText

_TALLER: Final = 1.3
"""Times the height of what lies under it."""
_OVERLAP: Final = 0.5
"""Times the height of what lies under it, across."""
_COVERED: Final = 0.3
"""Of that height."""
_LOOKED_AT: Final = 12
"""Letters of a piece."""
_MOST_STAMPS: Final = 8
"""On one page; more large pieces over others are a font with boxes of its own."""
_MOST_TALL: Final = 60
"""Pieces of a page that are looked at; where more are tall, letters of two sizes are mixed."""
_MOST_LETTERS: Final = 0.2
"""Of the page's letters, those of stamps."""


def set_stamps_apart(groups: Sequence[list[Segment]], text: PageText) -> list[Note]:
    """Takes them out of the pieces of a page, which stay as they are where it has too many of them.

    What is set aslant is one only on a page whose other text is level: all of a page may be scanned aslant.
    """
    everything = [piece for group in groups for piece in group]
    if not everything:
        return []
    heights = [piece.top - piece.bottom for piece in everything]
    limit = _TALLER * median(heights)
    tall = [piece for piece, height in zip(everything, heights, strict=True) if height > limit or piece.aslant]
    if not tall or len(tall) > _MOST_TALL:
        return []
    sure = [piece for piece in tall if piece.aslant or _lies_over(piece, everything, text)]
    stamps = [piece for piece in tall if any(piece is one or _is_beside(piece, one) for one in sure)]
    letters = sum(len(piece.text) for piece in stamps)
    if not stamps or len(stamps) > _MOST_STAMPS or letters > _MOST_LETTERS * sum(len(one.text) for one in everything):
        return []
    taken = set(map(id, stamps))
    for group in groups:
        group[:] = [piece for piece in group if id(piece) not in taken]
    lines: list[list[Segment]] = []
    for piece in stamps:
        if lines and _is_beside(lines[-1][-1], piece):
            lines[-1].append(piece)
        else:
            lines.append([piece])
    texts = [one_line(" ".join(piece.text for piece in line)) for line in lines]
    return [Note("paragraph", text, ("stamp", text)) for text in texts]


def _lies_over(tall: Segment, pieces: Sequence[Segment], text: PageText) -> bool:
    """Whether its letters, from feet to heads, cover some of a smaller piece."""
    lowest, left, right = tall.height / _TALLER, tall.left, tall.right
    # What is drawn of letters hardly reaches further than that from the box of their font.
    floor, ceiling = tall.bottom - tall.height, tall.top + tall.height
    letters: tuple[float, float] | None = None
    for piece in pieces:
        low, high = piece.bottom, piece.top
        if high < floor or low > ceiling:
            continue
        height = high - low
        if height >= lowest:
            continue
        end = right if right < piece.right else piece.right
        begin = left if left > piece.left else piece.left
        if end - begin <= _OVERLAP * height:
            continue
        if letters is None:  # asked of PDFium
            letters = _letters(tall, text)
        bottom, top = letters
        if min(top, high) - max(bottom, low) > _COVERED * height:
            return True
    return False


def _is_beside(one: Segment, other: Segment) -> bool:
    """Whether both are words of one stamp."""
    near = 0.1 * one.height
    return abs(one.bottom - other.bottom) < near and abs(one.height - other.height) < near and not other.aslant


def _letters(piece: Segment, text: PageText) -> tuple[float, float]:
    """From where to where its letters reach; the boxes of fonts may be taller than what is drawn."""
    if piece.begin < 0:
        return 0.0, 0.0
    places = [at for at, sign in enumerate(piece.text) if sign.isalnum()][:_LOOKED_AT]
    boxes = [text.tight_box(text.number(piece.begin + at)) for at in places]
    return min((box[1] for box in boxes), default=0.0), max((box[3] for box in boxes), default=0.0)
