"""The rows of a page: what of its text stands on one line together."""

from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Final

from process.infrastructure.parsers.layout.segment import ITEM_MARK, WIDEST_INDENT, Segment

MUCH_TALLER: Final = 2.2
"""Times the height of what stands beside it: a heading, an initial."""
LEFT: Final = attrgetter("left")
"""Of a piece: what rows and columns are sorted by."""
_right: Final = attrgetter("right")
_LONGEST_MARK: Final = 4
"""Signs of an item's mark: brackets around two figures."""


@dataclass(slots=True)
class Row:
    """Pieces in the order in which they were found; `measure` says how far they reach."""

    pieces: list[Segment]
    bottom: float
    top: float
    left: float = 0.0
    right: float = 0.0
    last_left: float = 0.0
    """Where the piece begins that begins last."""

    @property
    def height(self) -> float:
        """That of its tallest piece."""
        return self.top - self.bottom

    def measure(self) -> None:
        """Once all of its pieces are there."""
        if len(self.pieces) == 1:
            piece = self.pieces[0]
            self.left, self.right, self.last_left = piece.left, piece.right, piece.left
        else:
            lefts = [*map(LEFT, self.pieces)]
            self.left, self.right, self.last_left = min(lefts), max(map(_right, self.pieces)), max(lefts)


def rows_of(segments: Sequence[Segment]) -> list[Row]:
    """Pieces that stand on one line together, from top to bottom."""
    rows: list[Row] = []
    for segment in sorted(segments, key=_from_top):
        bottom, top = segment.bottom, segment.top
        height = top - bottom
        for row in rows[:-3:-1]:
            beside = row.top - row.bottom
            low, high = (beside, height) if beside < height else (height, beside)
            # Something large beside small lines stands with that one alone whose base it shares.
            if high > MUCH_TALLER * low and abs(row.bottom - bottom) > 0.35 * low:
                continue
            if (row.top if row.top < top else top) - (row.bottom if row.bottom > bottom else bottom) > 0.5 * low:
                row.pieces.append(segment)
                if height > beside:
                    row.top, row.bottom = top, bottom
                break
        else:
            rows.append(Row([segment], bottom, top))
    for row in rows:
        if len(row.pieces) > 1:
            _join_mark(row)
        row.measure()
    return rows


def _from_top(piece: Segment) -> tuple[float, float]:
    return -(piece.top + piece.bottom), piece.left


def _join_mark(row: Row) -> None:
    """The mark of a list's item is no column of its own."""
    mark, first = sorted(row.pieces, key=LEFT)[:2]
    if (
        len(mark.text) <= _LONGEST_MARK
        and ITEM_MARK.match(mark.text)
        and first.left - mark.right < WIDEST_INDENT * row.height
    ):
        whole = Segment(f"{mark.text} {first.text}", mark.left, first.right, first.bottom, first.top, first.spaced)
        row.pieces = [whole, *(piece for piece in row.pieces if piece is not mark and piece is not first)]
