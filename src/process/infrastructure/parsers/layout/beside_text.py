"""Columns whose lines are level with one another and yet no cells: lists side by side, notes beside running text."""

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from process.infrastructure.parsers.layout.rows import Row
from process.infrastructure.parsers.layout.segment import Segment

_ITEM: Final = re.compile(r"(?:[•◦▪■□○●◎▶▷※∙‣⁃◆◇✓✔❖➢–-]|[\uf000-\uf0ff])\s")
_ENDS: Final = tuple(".!?。:;")
_FULL: Final = 0.9
"""Of the width of its column: a line that a sentence goes on behind."""
_LEAST_BESIDE: Final = 3
_WIDE: Final = 18.0
"""Times the height of its lines: a column of running text is at least so wide."""


def are_apart(rows: Sequence[Row], columns: Sequence[Sequence[Segment]]) -> bool:
    """Whether what stands level in these columns does not belong together."""
    return all(map(_is_list, columns)) or (len(columns) == 2 and any(_goes_on(rows, column) for column in columns))


def _is_list(column: Sequence[Segment]) -> bool:
    marked = sum(_ITEM.match(piece.text) is not None for piece in column)
    return marked >= 2 and marked * 2 >= len(column)


def _goes_on(rows: Sequence[Row], column: Sequence[Segment]) -> bool:
    """Whether the other column's pieces stand beside the middles of this one's sentences.

    A cell's words may take several lines, too; what belongs to it then stands beside its first line.
    """
    lines = sorted(column, key=lambda piece: -piece.bottom)
    width = max(piece.width for piece in lines)
    if width < _WIDE * lines[0].height:
        return False
    middles = {
        id(line)
        for before, line in pairwise(lines)
        if before.width >= _FULL * width
        and not before.text.endswith(_ENDS)
        and (line.text[0].islower() or "가" <= line.text[0] <= "힣")
    }
    own = set(map(id, lines))
    beside = [next((piece for piece in row.pieces if id(piece) in own), None) for row in rows]
    level = [piece for row, piece in zip(rows, beside, strict=True) if piece is not None and len(row.pieces) > 1]
    return len(level) >= _LEAST_BESIDE and sum(id(piece) in middles for piece in level) * 2 > len(level)
