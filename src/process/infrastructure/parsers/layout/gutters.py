"""Gutters: free spaces between columns, and the rows over which one holds."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import Final

from process.infrastructure.parsers.layout.rows import LEFT, MUCH_TALLER, Row

_LEAST_GUTTER: Final = 0.6
"""Times the height of a line."""
_MOST_EDGE_ROWS: Final = 4
"""Rows of headers and footers with something at the other side: a date, the number of the page."""
_LEAST_BETWEEN: Final = 4
_LONGEST_HEADING: Final = 25.0
_LEAST_TEXT: Final = 7.0
"""Times the height of the line: how wide a heading of columns is at most, and a line of their text at least."""
_MOST_LOOKS: Final = 60_000
"""Pieces looked at while gutters are followed; what is found until then is used."""


@dataclass(slots=True)
class Band:
    """Rows `first` to `last` (inclusive), which nothing crosses between `left` and `right`."""

    first: int
    last: int
    left: float
    right: float


def bands_of(rows: list[Row]) -> list[Band]:
    """Runs of rows with a gutter, the longest ones, in their order; none overlaps another."""
    found: list[Band] = []
    looks = 0
    for index, row in enumerate(rows):
        if looks > _MOST_LOOKS:
            break
        following = rows[index + 1] if index + 1 < len(rows) else None
        if len(row.pieces) == 1 and (
            following is None
            or following.top <= row.bottom
            or (following.left <= row.right and following.right >= row.left)
        ):
            continue
        for left, right in _gaps(row, following):
            if right - left < _LEAST_GUTTER * row.height or any(
                band.first <= index <= band.last and band.left < right and band.right > left for band in found[-8:]
            ):
                continue
            band, looked = _extended(rows, index, left, right)
            looks += looked
            if band is not None:
                found.append(band)
    taken: list[Band] = []
    for band in sorted(found, key=lambda each: each.first - each.last):
        if all(band.last < other.first or band.first > other.last for other in taken):
            taken.append(band)
    return sorted(taken, key=lambda each: each.first)


def _gaps(row: Row, below: Row | None) -> list[tuple[float, float]]:
    """Free spaces between pieces of the row, or between it and the next where columns are not in line."""
    gaps = []
    if len(row.pieces) > 1:
        pieces = sorted(row.pieces, key=LEFT)
        right = pieces[0].right
        for piece in pieces[1:]:
            if piece.left > right:
                gaps.append((right, piece.left))
            right = max(right, piece.right)
    if below is not None and below.top > row.bottom:
        if below.left > row.right:
            gaps.append((row.right, below.left))
        elif below.right < row.left:
            gaps.append((below.right, row.left))
    return gaps


def _extended(rows: list[Row], index: int, left: float, right: float) -> tuple[Band | None, int]:
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
            if narrowed is None or (at != index and _stands_between(rows, at, (narrowed[0] + narrowed[1]) / 2)):
                break
            left, right = narrowed
            if step < 0:
                first = at
            else:
                last = at
            at += step
    middle = (left + right) / 2
    # Rows with something on one side alone belong to what stands above or below the columns.
    while first < last and _side(rows[first], middle) != "both" and _stands_above(rows, first, middle):
        first += 1
    while last > first and _side(rows[last], middle) != "both" and _stands_apart(rows, last, middle):
        last -= 1
    first, last = _without_far_edge(rows, first, last, middle, index)
    lefts = sum(_side(row, middle) != "right" for row in rows[first : last + 1])
    rights = sum(_side(row, middle) != "left" for row in rows[first : last + 1])
    enough = min(lefts, rights) >= 2
    if min(lefts, rights) == 1 and max(lefts, rights) >= 2:
        heights = sorted(row.height for row in rows[first : last + 1])
        enough = heights[-1] > MUCH_TALLER * heights[len(heights) // 2]
    return (Band(first, last, left, right) if enough else None), looked


def _narrowed(row: Row, left: float, right: float, least: float) -> tuple[float, float] | None:
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


def _side(row: Row, middle: float) -> str:
    if row.left >= middle:
        return "right"
    return "left" if row.last_left < middle else "both"


def _without_far_edge(rows: list[Row], first: int, last: int, middle: float, index: int) -> tuple[int, int]:
    """The rows around `index` alone, where of one side nothing stands between a header's and a footer's pieces."""
    for side in ("left", "right"):
        having = [at for at in range(first, last + 1) if _side(rows[at], middle) in (side, "both")]
        if not 2 <= len(having) <= _MOST_EDGE_ROWS:
            continue
        above, below = max(pairwise(having), key=lambda pair: pair[1] - pair[0])
        if below - above > max(_LEAST_BETWEEN, 0.6 * (last - first)):
            return (first, above) if index <= above else (below, last)
    return first, last


def _stands_apart(rows: list[Row], index: int, middle: float) -> bool:
    """Whether the row is below all columns, and farther from them than one line from the next."""
    above = rows[index - 1]
    return above.bottom - rows[index].top > 0.6 * max(above.height, rows[index].height) or (
        _side(above, middle) == "both" and rows[index].height > 1.15 * above.height
    )


def _stands_between(rows: list[Row], index: int, middle: float) -> bool:
    """Whether the row is a heading at the left of all columns: these end above it and begin anew below it."""
    row = rows[index]
    if not 0 < index < len(rows) - 2 or len(row.pieces) > 1 or _side(row, middle) != "left":
        return False
    above, below = rows[index - 1], rows[index + 1]
    # Nothing of the column at its side stands beside it, nor in the free space around it.
    return (
        row.right - row.left < _LONGEST_HEADING * row.height
        and above.bottom - row.top > 0.6 * max(above.height, row.height)
        and row.bottom - below.top > 0.2 * below.height
        and all(_side(one, middle) == "both" and _is_text(one) for one in rows[index + 1 : index + 3])
    )


def _is_text(row: Row) -> bool:
    return all(piece.width > _LEAST_TEXT * piece.height for piece in row.pieces)


def _stands_above(rows: list[Row], index: int, middle: float) -> bool:
    """Whether the row is farther from the next than lines of one column are; at the left a heading, too."""
    row, below = rows[index], rows[index + 1]
    if _side(row, middle) == "left":
        return _side(below, middle) == "both" and row.height > 1.15 * below.height
    return row.bottom - below.top > 0.6 * max(below.height, row.height)


def gutters_of(rows: Sequence[Row]) -> list[tuple[float, float]]:
    """Every space between left and right that nothing in the rows stands in."""
    pieces = sorted((piece for row in rows for piece in row.pieces), key=LEFT)
    least = _LEAST_GUTTER * median(row.height for row in rows)
    gutters = []
    right = pieces[0].right
    for piece in pieces[1:]:
        if piece.left - right >= least:
            gutters.append((right, piece.left))
        right = max(right, piece.right)
    return gutters
