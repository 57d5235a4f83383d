"""The order in which a page is read, by where its pieces of text stand and not by when they were drawn.

Rows from top to bottom; where a gutter holds over several rows, the columns beside it one after the other, unless
their rows belong together as those of a table do (after the XY-cut of Nagy and Seth 1984, with gutters that need not
run down the whole page).
"""

import re
from bisect import bisect_left
from collections.abc import Sequence
from typing import Final

from process.infrastructure.parsers.layout.beside_text import are_apart
from process.infrastructure.parsers.layout.gutters import bands_of, gutters_of
from process.infrastructure.parsers.layout.joining import with_hyphen
from process.infrastructure.parsers.layout.rows import LEFT, Row, rows_of
from process.infrastructure.parsers.layout.segment import Line, Segment

_CLOSE: Final = 0.12
"""Times the height: pieces nearer than that are one word."""
_MOST_ROWS: Final = 3_000
"""A page with more is read row by row."""
_DEEPEST: Final = 8
_PROSE_WIDTH: Final = 7.0
"""Times the height: lines of running text in a column are wider, the cells of a table are not."""
_PROSE_SHARE: Final = 0.7
"""Of a column's letters, those in such lines."""
_RIGHT_TO_LEFT: Final = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]")
_LETTER: Final = re.compile(r"[^\W\d_]")
_WIDE: Final = re.compile("[\u1100-\U0010ffff]")


def in_reading_order(segments: Sequence[Segment], page: int) -> list[Line]:
    """The lines of a page; each says of which column it is, and has its cells where it is a row of a table."""
    from_right = _reads_from_right(segments)
    order = _Order(page, from_right)
    order.add(rows_of(segments), 0)
    return order.lines


class _Order:
    def __init__(self, page: int, from_right: bool) -> None:
        self.lines: list[Line] = []
        self._page = page
        self._from_right = from_right
        self._column = 0

    def add(self, rows: list[Row], depth: int) -> None:
        position = 0
        if depth < _DEEPEST and len(rows) <= _MOST_ROWS:
            for band in bands_of(rows):
                self._plain(rows[position : band.first])
                self._band(rows[band.first : band.last + 1], depth)
                position = band.last + 1
        self._plain(rows[position:])

    def _band(self, rows: list[Row], depth: int) -> None:
        gutters = gutters_of(rows)
        columns = _columns(rows, gutters)
        if len(columns) < 2:
            self._plain(rows)
        elif all(map(_is_text, columns)) or not _is_aligned(rows, columns) or are_apart(rows, columns):
            for column in reversed(columns) if self._from_right else columns:
                self.add(rows_of(column), depth + 1)
        elif _are_cells(columns):
            self._table(rows, gutters)
        else:
            self._plain(rows)

    def _plain(self, rows: Sequence[Row]) -> None:
        if not rows:
            return
        self._column += 1
        for row in rows:
            if len(row.pieces) == 1:
                (one,) = row.pieces
                place = one.left, one.right, row.top, row.bottom
                self.lines.append(Line(one.text, one.spaced, self._page, *place, self._column, [], one.table))
                continue
            pieces = sorted(row.pieces, key=LEFT, reverse=self._from_right)
            if any(piece.table for piece in pieces):
                self.lines.extend(self._line(piece.text, [piece], row) for piece in pieces)
            else:
                self.lines.append(self._line(_joined(pieces, self._from_right), pieces, row))

    def _table(self, rows: Sequence[Row], gutters: Sequence[tuple[float, float]]) -> None:
        self._column += 1
        ends = [left for left, _ in gutters]
        for row in rows:
            pieces = sorted(row.pieces, key=LEFT)
            if any(piece.table for piece in pieces):
                self.lines.extend(self._line(piece.text, [piece], row) for piece in pieces)
                continue
            cells: list[list[Segment]] = [[] for _ in range(len(gutters) + 1)]
            for piece in pieces:
                cells[bisect_left(ends, (piece.left + piece.right) / 2)].append(piece)
            line = self._line(_joined(pieces, False), pieces, row)
            line.cells = [with_hyphen(_joined(cell, False)) for cell in cells]
            self.lines.append(line)

    def _line(self, text: str, pieces: Sequence[Segment], row: Row) -> Line:
        """One piece of the row, or all of them."""
        is_one = len(pieces) == 1
        return Line(
            text,
            pieces[-1].spaced,
            self._page,
            pieces[0].left if is_one else row.left,
            pieces[0].right if is_one else row.right,
            row.top,
            row.bottom,
            self._column,
            table=pieces[0].table,
        )


def _reads_from_right(segments: Sequence[Segment]) -> bool:
    sample = [segment.text for segment in segments[:200]]
    others = "".join([text for text in sample if not text.isascii()])
    from_right = len(_RIGHT_TO_LEFT.findall(others)) if others else 0
    return from_right > 0 and 2 * from_right > len(_LETTER.findall("".join(sample)))


def _columns(rows: Sequence[Row], gutters: Sequence[tuple[float, float]]) -> list[list[Segment]]:
    ends = [left for left, _ in gutters]
    columns: list[list[Segment]] = [[] for _ in range(len(gutters) + 1)]
    for row in rows:
        for piece in row.pieces:
            columns[bisect_left(ends, (piece.left + piece.right) / 2)].append(piece)
    return [column for column in columns if column]


def _are_cells(columns: Sequence[Sequence[Segment]]) -> bool:
    """Whether pieces that are in line belong together: cells rather than lines of text."""
    others = [column for column in columns if not _is_prose(column)]
    prose = len(columns) - len(others)
    return prose == 0 or (len(columns) >= 3 and prose <= 1) or (prose == 1 and _short_share(others) >= 0.5)


def _is_aligned(rows: Sequence[Row], columns: Sequence[Sequence[Segment]]) -> bool:
    """Whether most pieces of the columns that are not the fullest have one of another column beside them."""
    shared = sum(len(row.pieces) for row in rows if len(row.pieces) > 1)
    fullest = max(map(len, columns))
    rest = sum(map(len, columns)) - fullest
    return rest > 0 and shared - sum(len(row.pieces) > 1 for row in rows) >= 0.6 * rest


def _short_share(columns: Sequence[Sequence[Segment]]) -> float:
    """The share of cells with hardly a word in them."""
    cells = [piece for column in columns for piece in column]
    return sum(len(piece.text) <= 12 for piece in cells) / len(cells) if cells else 0.0


def _is_prose(column: Sequence[Segment]) -> bool:
    """Whether most of the column's text is in lines of running text: long, of several words, filling the column."""
    lines = [piece for piece in column if piece.width >= _PROSE_WIDTH * piece.height and _has_words(piece.text)]
    letters = sum(len(piece.text) for piece in column)
    if len(lines) < 2 or sum(len(piece.text) for piece in lines) < _PROSE_SHARE * letters:
        return False
    full = max(piece.width for piece in lines)
    return sum(piece.width >= 0.7 * full for piece in lines) >= 0.4 * len(lines)


def _is_text(column: Sequence[Segment]) -> bool:
    """Whether it is running text, be its lines ever so short: then most go on with the sentence of the one before."""
    if _is_prose(column):
        return True
    below = sorted(column, key=lambda piece: -piece.bottom)[1:]
    return len(below) >= 2 and sum(piece.text[0].islower() and " " in piece.text for piece in below) * 2 >= len(below)


def _has_words(text: str) -> bool:
    spaces = text.count(" ")
    # Two words are enough where each sign is a syllable or a word.
    return spaces >= 2 or (spaces == 1 and len(_WIDE.findall(text)) > 0.3 * len(text))


def _joined(pieces: Sequence[Segment], from_right: bool) -> str:
    parts: list[str] = []
    for index, piece in enumerate(pieces):
        if index:
            before = pieces[index - 1]
            gap = before.left - piece.right if from_right else piece.left - before.right
            parts.append("" if gap < _CLOSE * min(piece.height, before.height) and not before.spaced else " ")
        parts.append(piece.text)
    return "".join(parts)
