"""A table's grid from cells that come one after the other, some over several rows or columns."""

import re
from collections.abc import Sequence
from typing import Final

_MOST_COLUMNS: Final = 20_000
_MOST_SPAN: Final = 1_000
"""HTML's own limit for columns; a file may declare any number."""
_MOST_COVERED: Final = 2_000_000
"""Cells that spans may cover in all: beyond it a span is one cell."""
_NUMBER: Final = re.compile(r"[\s\d.,:%()+\-–−/~$€£¥₩°]+\Z")


class Grid:
    """Places cells as HTML does (HTML Standard, 4.9.12): each goes to the first free column of its row."""

    def __init__(self) -> None:
        self.rows: list[list[str]] = []
        """The texts; what a span covers is empty."""
        self.spans: list[tuple[int, int, int, int]] = []
        """Row, column, rows and columns it goes over; only of cells that are larger than one."""
        # Column → until which row (exclusive) a cell from above holds it.
        self._until: dict[int, int] = {}
        self._column = 0
        self._covered = 0

    def row(self) -> None:
        """Begins the next row."""
        self.rows.append([])
        self._column = 0

    def cell(self, text: str, *, row_span: int = 1, column_span: int = 1) -> None:
        """The next cell of the row; spans below 1 count as 1."""
        number = len(self.rows) - 1
        row = self.rows[-1]
        while self._until.get(self._column, 0) > number:
            self._column += 1
        if self._column >= _MOST_COLUMNS:
            return
        row_span, column_span = (max(1, min(span, _MOST_SPAN)) for span in (row_span, column_span))
        if self._covered + row_span * column_span > _MOST_COVERED:
            row_span = column_span = 1
        row.extend([""] * (self._column - len(row)))
        row.append(text)
        if row_span > 1 or column_span > 1:
            self._covered += row_span * column_span
            self.spans.append((number, self._column, row_span, column_span))
            row.extend([""] * (column_span - 1))
            if row_span > 1:
                for column in range(self._column, self._column + column_span):
                    self._until[column] = number + row_span
        self._column += column_span


def looks_like_header_rows(rows: Sequence[Sequence[str]]) -> int:
    """How many rows at the top are headers, for a table that does not say: 0 or 1.

    One, where the first row names every column but perhaps the first one, in words, and nothing in it is a number,
    while the rows below hold numbers, or longer texts.
    """
    if len(rows) < 2:
        return 0
    first, rest = rows[0], rows[1:50]
    columns = max(map(len, rows))
    named = [cell for cell in first if cell]
    if columns < 2 or len(named) < columns - 1 or (len(named) < columns and first[0]) or not named:
        return 0
    if any(_NUMBER.match(cell) for cell in named) or len({*named}) < len(named):
        return 0
    below = [cell for row in rest for cell in row if cell]
    if not below:
        return 0
    if any(_NUMBER.match(cell) for cell in below):
        return 1
    longest, mean = max(map(len, named)), sum(map(len, below)) / len(below)
    return int(longest <= 40 and mean >= 0.8 * sum(map(len, named)) / len(named))
