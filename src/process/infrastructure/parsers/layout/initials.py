"""Large first letters that two or more lines stand beside: each belongs to the first of them."""

from collections.abc import Sequence
from dataclasses import replace
from statistics import median
from typing import Final

from process.infrastructure.parsers.layout.rows import MUCH_TALLER
from process.infrastructure.parsers.layout.segment import Segment

_LETTERS: Final = 2
_NEAR: Final = 1.2
"""Times the height of a line: from the letter to where the lines beside it begin."""
_MOST: Final = 20


def join_initials(segments: list[Segment]) -> None:
    """Puts the letter before the words of its line."""
    short = [piece for piece in segments if len(piece.text) <= _LETTERS and piece.text.isalpha()]
    if not short:
        return
    usual = median([piece.height for piece in segments])
    found = [piece for piece in short if piece.height > MUCH_TALLER * usual]
    for initial in found[:_MOST]:
        beside = _beside(initial, segments)
        if len(beside) < 2:
            continue
        first = max(beside, key=lambda piece: piece.bottom)
        whole = replace(first, text=initial.text + first.text, left=initial.left, begin=-1)
        segments[:] = [whole if piece is first else piece for piece in segments if piece is not initial]


def _beside(initial: Segment, segments: Sequence[Segment]) -> list[Segment]:
    """Lines at its right, from its head to its feet."""
    return [
        piece
        for piece in segments
        if initial.height > MUCH_TALLER * piece.height
        and -0.3 * piece.height < piece.left - initial.right < _NEAR * piece.height
        and initial.bottom < (piece.bottom + piece.top) / 2 < initial.top
    ]
