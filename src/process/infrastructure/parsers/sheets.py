"""A sheet of cells to the tables in it: parted where rows or columns are empty, with titles apart and spans kept."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from process.infrastructure.parsers.draft import Draft
from process.infrastructure.parsers.grids import Span, add_grid

_LARGEST_MERGE: Final = 4_096
"""Cells of one merged range that are looked at: a whole column merged is a matter of looks."""


_LEAST_LIST: Final = 4
"""Fewer cells one below the other are notes rather than a column of values."""


class Merge(NamedTuple):
    """A merged range, its last row and column included; from 0."""

    top: int
    left: int
    bottom: int
    right: int


@dataclass(slots=True)
class Cells:
    """The filled cells of a sheet, by row, in order."""

    rows: list[int] = field(default_factory=list)
    filled: list[dict[int, str]] = field(default_factory=list)
    characters: int = 0

    @property
    def last_row(self) -> int:
        """-1 while there is none."""
        return self.rows[-1] if self.rows else -1

    def add(self, row: int, filled: dict[int, str]) -> None:
        """A row behind the others; one that a damaged file gives again goes behind as well."""
        self.rows.append(max(row, self.last_row + 1))
        self.filled.append(filled)
        self.characters += sum(map(len, filled.values())) + len(filled)


def add_sheet(draft: Draft, cells: Cells, merges: Sequence[Merge]) -> None:
    """Its tables, from top to bottom and from left to right; a cell alone is a paragraph."""
    covered = _covered(cells, merges)
    for first, last in _bands(cells, covered):
        filled = [
            (row, {**dict.fromkeys(covered.get(row, ()), ""), **cells.filled[at]})
            for at, row in enumerate(cells.rows[first:last], first)
        ]
        for left, right in _column_runs([row for _, row in filled]):
            _add_region(draft, filled, left, right, merges)


def _covered(cells: Cells, merges: Sequence[Merge]) -> dict[int, set[int]]:
    """Columns by row that belong to a merged range whose first cell is filled, and so are not empty."""
    by_row = dict(zip(cells.rows, cells.filled, strict=True))
    covered: dict[int, set[int]] = {}
    for merge in merges:
        area = (merge.bottom - merge.top + 1) * (merge.right - merge.left + 1)
        if 1 < area <= _LARGEST_MERGE and merge.left in by_row.get(merge.top, {}):
            for row in range(merge.top, merge.bottom + 1):
                covered.setdefault(row, set()).update(range(merge.left, merge.right + 1))
    return covered


def _bands(cells: Cells, covered: dict[int, set[int]]) -> Iterator[tuple[int, int]]:
    """Runs of rows without an empty one between them, as places in `cells.rows`."""
    first = 0
    for at in range(1, len(cells.rows) + 1):
        if at == len(cells.rows) or any(
            row not in covered for row in range(cells.rows[at - 1] + 1, min(cells.rows[at], cells.rows[at - 1] + 4_098))
        ):
            yield first, at
            first = at


def _column_runs(rows: Sequence[dict[int, str]]) -> Iterator[tuple[int, int]]:
    """Runs of columns without an empty one between them; the last is included."""
    used = sorted(set().union(*rows))
    first = 0
    for at in range(1, len(used) + 1):
        if at == len(used) or used[at] > used[at - 1] + 1:
            yield used[first], used[at - 1]
            first = at


def _add_region(
    draft: Draft, filled: Sequence[tuple[int, dict[int, str]]], left: int, right: int, merges: Sequence[Merge]
) -> None:
    rows = [(row, [cells.get(column, "") for column in range(left, right + 1)]) for row, cells in filled]
    while rows and not any(rows[0][1]):
        rows.pop(0)
    while rows and not any(rows[-1][1]):
        rows.pop()
    # A line with one cell above lines with several is what the table is called.
    while rows and right > left and sum(map(bool, rows[0][1])) == 1 and len(rows) > 1:
        draft.add("caption" if len(rows) > 1 else "paragraph", next(filter(None, rows.pop(0)[1])))
        while rows and not any(rows[0][1]):
            rows.pop(0)
    if not rows:
        return
    if right == left and (len(rows) < _LEAST_LIST or _is_prose([cells[0] for _, cells in rows])):
        for _, cells in rows:
            draft.add("paragraph", cells[0])
        return
    if len(rows) == 1 and sum(map(bool, rows[0][1])) == 1:
        draft.add("paragraph", next(filter(None, rows[0][1])))
        return
    numbers = [row for row, _ in rows]
    add_grid(draft, [cells for _, cells in rows], spans=list(_spans(numbers, left, right, merges)))


def _is_prose(cells: Sequence[str]) -> bool:
    """A column of sentences rather than of values."""
    return sum(map(len, cells)) > 60 * len(cells)


def _spans(numbers: Sequence[int], left: int, right: int, merges: Sequence[Merge]) -> Iterator[Span]:
    for merge in merges:
        if left <= merge.left and merge.right <= right and numbers[0] <= merge.top <= numbers[-1]:
            top, bottom = bisect_left(numbers, merge.top), bisect_right(numbers, merge.bottom) - 1
            if bottom >= top and (bottom > top or merge.right > merge.left):
                yield Span(top, merge.left - left, bottom - top + 1, merge.right - merge.left + 1)
