"""The order in which a page is read, by where its pieces of text stand and not by when they were drawn.

Rows from top to bottom; where a gutter holds over several rows, the columns beside it one after the other, unless
their rows belong together as those of a table do (after the XY-cut of Nagy and Seth 1984, with gutters that need not
run down the whole page).
"""

import re
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from operator import attrgetter
from statistics import median
from typing import Final

from process.infrastructure.parsers.layout.joining import with_hyphen
from process.infrastructure.parsers.layout.segment import ITEM_MARK, WIDEST_INDENT, Line, Segment

_LEAST_GUTTER: Final = 0.6
"""Times the height of a line."""
_CLOSE: Final = 0.12
"""Times the height: pieces nearer than that are one word."""
_MOST_ROWS: Final = 3_000
"""A page with more is read row by row."""
_DEEPEST: Final = 8
_PROSE_WIDTH: Final = 7.0
"""Times the height: lines of running text in a column are wider, the cells of a table are not."""
_MUCH_TALLER: Final = 2.2
_PROSE_SHARE: Final = 0.7
"""Of a column's letters, those in such lines."""
_MOST_EDGE_ROWS: Final = 4
"""Rows of headers and footers with something at the other side: a date, the number of the page."""
_LEAST_BETWEEN: Final = 4
_MOST_LOOKS: Final = 60_000
"""Pieces looked at while gutters are followed; what is found until then is used."""
_RIGHT_TO_LEFT: Final = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]")
_LETTER: Final = re.compile(r"[^\W\d_]")
_WIDE: Final = re.compile("[\u1100-\U0010ffff]")
_left: Final = attrgetter("left")
_right: Final = attrgetter("right")


@dataclass(slots=True)
class _Row:
    pieces: list[Segment]
    bottom: float
    top: float
    left: float = 0.0
    right: float = 0.0
    last_left: float = 0.0
    """Where the piece begins that begins last."""

    @property
    def height(self) -> float:
        return self.top - self.bottom

    def measure(self) -> None:
        """Once all of its pieces are there."""
        if len(self.pieces) == 1:
            piece = self.pieces[0]
            self.left, self.right, self.last_left = piece.left, piece.right, piece.left
        else:
            lefts = [*map(_left, self.pieces)]
            self.left, self.right, self.last_left = min(lefts), max(map(_right, self.pieces)), max(lefts)


@dataclass(slots=True)
class _Band:
    """Rows `first` to `last` (inclusive), which nothing crosses between `left` and `right`."""

    first: int
    last: int
    left: float
    right: float


def in_reading_order(segments: Sequence[Segment], page: int) -> list[Line]:
    """The lines of a page; each says of which column it is, and has its cells where it is a row of a table."""
    from_right = _reads_from_right(segments)
    order = _Order(page, from_right)
    order.add(_rows(segments), 0)
    return order.lines


class _Order:
    def __init__(self, page: int, from_right: bool) -> None:
        self.lines: list[Line] = []
        self._page = page
        self._from_right = from_right
        self._column = 0

    def add(self, rows: list[_Row], depth: int) -> None:
        position = 0
        if depth < _DEEPEST and len(rows) <= _MOST_ROWS:
            for band in _bands(rows):
                self._plain(rows[position : band.first])
                self._band(rows[band.first : band.last + 1], depth)
                position = band.last + 1
        self._plain(rows[position:])

    def _band(self, rows: list[_Row], depth: int) -> None:
        gutters = _gutters(rows)
        columns = _columns(rows, gutters)
        if len(columns) < 2:
            self._plain(rows)
        elif all(map(_is_text, columns)) or not _is_aligned(rows, columns):
            for column in reversed(columns) if self._from_right else columns:
                self.add(_rows(column), depth + 1)
        elif _are_cells(columns):
            self._table(rows, gutters)
        else:
            self._plain(rows)

    def _plain(self, rows: Sequence[_Row]) -> None:
        if not rows:
            return
        self._column += 1
        for row in rows:
            if len(row.pieces) == 1:
                self.lines.append(self._line(row.pieces[0].text, row.pieces, row))
                continue
            pieces = sorted(row.pieces, key=_left, reverse=self._from_right)
            if any(piece.table for piece in pieces):
                self.lines.extend(self._line(piece.text, [piece], row) for piece in pieces)
            else:
                self.lines.append(self._line(_joined(pieces, self._from_right), pieces, row))

    def _table(self, rows: Sequence[_Row], gutters: Sequence[tuple[float, float]]) -> None:
        self._column += 1
        ends = [left for left, _ in gutters]
        for row in rows:
            pieces = sorted(row.pieces, key=_left)
            if any(piece.table for piece in pieces):
                self.lines.extend(self._line(piece.text, [piece], row) for piece in pieces)
                continue
            cells: list[list[Segment]] = [[] for _ in range(len(gutters) + 1)]
            for piece in pieces:
                cells[bisect_left(ends, (piece.left + piece.right) / 2)].append(piece)
            line = self._line(_joined(pieces, False), pieces, row)
            line.cells = [with_hyphen(_joined(cell, False)) for cell in cells]
            self.lines.append(line)

    def _line(self, text: str, pieces: Sequence[Segment], row: _Row) -> Line:
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
    sample = "".join(segment.text for segment in segments[:200])
    from_right = 0 if sample.isascii() else len(_RIGHT_TO_LEFT.findall(sample))
    return from_right > 0 and 2 * from_right > len(_LETTER.findall(sample))


def _rows(segments: Sequence[Segment]) -> list[_Row]:
    """Pieces that stand on one line together, from top to bottom."""
    rows: list[_Row] = []
    for segment in sorted(segments, key=lambda piece: (-(piece.top + piece.bottom), piece.left)):
        bottom, top = segment.bottom, segment.top
        height = top - bottom
        for row in rows[:-3:-1]:
            beside = row.top - row.bottom
            low, high = (beside, height) if beside < height else (height, beside)
            # Something large beside small lines stands with that one alone whose base it shares.
            if high > _MUCH_TALLER * low and abs(row.bottom - bottom) > 0.35 * low:
                continue
            if (row.top if row.top < top else top) - (row.bottom if row.bottom > bottom else bottom) > 0.5 * low:
                row.pieces.append(segment)
                if height > beside:
                    row.top, row.bottom = top, bottom
                break
        else:
            rows.append(_Row([segment], bottom, top))
    for row in rows:
        if len(row.pieces) > 1:
            _join_mark(row)
        row.measure()
    return rows


def _join_mark(row: _Row) -> None:
    """The mark of a list's item is no column of its own."""
    mark, first = sorted(row.pieces, key=_left)[:2]
    if ITEM_MARK.match(mark.text) and first.left - mark.right < WIDEST_INDENT * row.height:
        whole = Segment(f"{mark.text} {first.text}", mark.left, first.right, first.bottom, first.top, first.spaced)
        row.pieces = [whole, *(piece for piece in row.pieces if piece is not mark and piece is not first)]


def _bands(rows: list[_Row]) -> list[_Band]:
    """Runs of rows with a gutter, the longest ones, in their order; none overlaps another."""
    found: list[_Band] = []
    looks = 0
    for index, row in enumerate(rows):
        if looks > _MOST_LOOKS:
            break
        for left, right in _gaps(rows, index):
            if right - left < _LEAST_GUTTER * row.height or any(
                band.first <= index <= band.last and band.left < right and band.right > left for band in found[-8:]
            ):
                continue
            band, looked = _extended(rows, index, left, right)
            looks += looked
            if band is not None:
                found.append(band)
    taken: list[_Band] = []
    for band in sorted(found, key=lambda each: each.first - each.last):
        if all(band.last < other.first or band.first > other.last for other in taken):
            taken.append(band)
    return sorted(taken, key=lambda each: each.first)


def _gaps(rows: list[_Row], index: int) -> list[tuple[float, float]]:
    """Free spaces between pieces of the row, or between it and the next where columns are not in line."""
    row = rows[index]
    gaps = []
    if len(row.pieces) > 1:
        pieces = sorted(row.pieces, key=_left)
        right = pieces[0].right
        for piece in pieces[1:]:
            if piece.left > right:
                gaps.append((right, piece.left))
            right = max(right, piece.right)
    below = rows[index + 1] if index + 1 < len(rows) else None
    if below is not None and below.top > row.bottom:
        if below.left > row.right:
            gaps.append((row.right, below.left))
        elif below.right < row.left:
            gaps.append((below.right, row.left))
    return gaps


def _extended(rows: list[_Row], index: int, left: float, right: float) -> tuple[_Band | None, int]:
    """The gutter as far up and down as nothing crosses it; None where too little stands on either side.

    The number is how many pieces were looked at.
    """
    least = _LEAST_GUTTER * rows[index].height
    first = last = index
    looked = 0
    for step in (-1, 1):
        at = index if step < 0 else index + 1
        while 0 <= at < len(rows):
            narrowed = _narrowed(rows[at], left, right, least)
            looked += len(rows[at].pieces)
            if narrowed is None:
                break
            left, right = narrowed
            if step < 0:
                first = at
            else:
                last = at
            at += step
    middle = (left + right) / 2
    # Rows with something on one side alone belong to what stands above or below the columns.
    while first < last and _side(rows[first], middle) == "right" and _stands_above(rows, first):
        first += 1
    while last > first and _side(rows[last], middle) != "both" and _stands_apart(rows, last, middle):
        last -= 1
    first, last = _without_far_edge(rows, first, last, middle, index)
    lefts = sum(_side(row, middle) != "right" for row in rows[first : last + 1])
    rights = sum(_side(row, middle) != "left" for row in rows[first : last + 1])
    enough = min(lefts, rights) >= 2
    if min(lefts, rights) == 1 and max(lefts, rights) >= 2:
        heights = sorted(row.height for row in rows[first : last + 1])
        enough = heights[-1] > _MUCH_TALLER * heights[len(heights) // 2]
    return (_Band(first, last, left, right) if enough else None), looked


def _narrowed(row: _Row, left: float, right: float, least: float) -> tuple[float, float] | None:
    for piece in row.pieces:
        if piece.right <= left or piece.left >= right:
            continue
        before, behind = piece.left - left, right - piece.right
        if before >= behind and before >= least:
            right = piece.left
        elif behind >= least:
            left = piece.right
        else:
            return None
    return left, right


def _side(row: _Row, middle: float) -> str:
    if row.left >= middle:
        return "right"
    return "left" if row.last_left < middle else "both"


def _without_far_edge(rows: list[_Row], first: int, last: int, middle: float, index: int) -> tuple[int, int]:
    """The rows around `index` alone, where of one side nothing stands between a header's and a footer's pieces."""
    for side in ("left", "right"):
        having = [at for at in range(first, last + 1) if _side(rows[at], middle) in (side, "both")]
        if not 2 <= len(having) <= _MOST_EDGE_ROWS:
            continue
        above, below = max(pairwise(having), key=lambda pair: pair[1] - pair[0])
        if below - above > max(_LEAST_BETWEEN, 0.6 * (last - first)):
            return (first, above) if index <= above else (below, last)
    return first, last


def _stands_apart(rows: list[_Row], index: int, middle: float) -> bool:
    """Whether the row is below all columns, and farther from them than one line from the next."""
    above = rows[index - 1]
    return above.bottom - rows[index].top > 0.6 * max(above.height, rows[index].height) or (
        _side(above, middle) == "both" and rows[index].height > 1.15 * above.height
    )


def _stands_above(rows: list[_Row], index: int) -> bool:
    """Whether the row is farther from the next than lines of one column are."""
    below = rows[index + 1]
    return rows[index].bottom - below.top > 0.6 * max(below.height, rows[index].height)


def _gutters(rows: Sequence[_Row]) -> list[tuple[float, float]]:
    """Every space between left and right that nothing in the rows stands in."""
    pieces = sorted((piece for row in rows for piece in row.pieces), key=_left)
    least = _LEAST_GUTTER * median(row.height for row in rows)
    gutters = []
    right = pieces[0].right
    for piece in pieces[1:]:
        if piece.left - right >= least:
            gutters.append((right, piece.left))
        right = max(right, piece.right)
    return gutters


def _columns(rows: Sequence[_Row], gutters: Sequence[tuple[float, float]]) -> list[list[Segment]]:
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


def _is_aligned(rows: Sequence[_Row], columns: Sequence[Sequence[Segment]]) -> bool:
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
