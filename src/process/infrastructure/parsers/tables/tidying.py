"""A grid as a reader sees it: without columns and rows that only lines made, wrapped cells whole, titles apart."""

from collections.abc import Sequence
from typing import Final

from process.infrastructure.parsers.tables.found import FoundTable

_LONG_NOTE: Final = 60
Cell = tuple[int, int, int, int]


def tidied(table: FoundTable) -> FoundTable | None:
    """The table, changed; None when less than two rows and two columns are left of it."""
    grid = _Cells(table)
    grid.merge_columns()
    grid.merge_rows()
    grid.drop_empty()
    grid.take_titles(table)
    grid.drop_empty()
    table.rows, table.spans = grid.rows(), grid.spans()
    return table if len(table.rows) >= 2 and len(table.rows[0]) >= 2 and _says_something(table.rows) else None


def _says_something(rows: Sequence[Sequence[str]]) -> bool:
    """Whether rows have several things to tell: the axis of a drawing has one number a line, or the same one twice."""
    telling = sum(len({cell for cell in row if cell}) > 1 for row in rows)
    return telling * 5 >= len(rows) * 2


class _Cells:
    """Row, column, rows and columns of every cell, with its text."""

    def __init__(self, table: FoundTable) -> None:
        spans = {(row, column): (height, width) for row, column, height, width in table.spans}
        self._height, self._width = len(table.rows), len(table.rows[0]) if table.rows else 0
        covered = {
            (row + down, column + across)
            for (row, column), (height, width) in spans.items()
            for down in range(height)
            for across in range(width)
        } - spans.keys()
        self._cells: dict[Cell, str] = {}
        for row, line in enumerate(table.rows):
            for column, text in enumerate(line):
                if (row, column) not in covered or text:
                    self._cells[row, column, *spans.get((row, column), (1, 1))] = text

    def rows(self) -> list[list[str]]:
        rows = [[""] * self._width for _ in range(self._height)]
        for (row, column, _, _), text in self._cells.items():
            rows[row][column] = text
        return rows

    def spans(self) -> list[Cell]:
        return [cell for cell, text in self._cells.items() if (cell[2] > 1 or cell[3] > 1) and text]

    def merge_columns(self) -> None:
        """Two neighbouring columns are one where no row has something in both."""
        self._cut_columns_without_text()
        column = 0
        columns = self._by_columns()
        while column < self._width - 1:
            if _are_apart(columns[column], columns[column + 1]):
                column += 1
            else:
                self._join_columns(column)
                columns = self._by_columns()

    def merge_rows(self) -> None:
        """A row that only goes on with the words of the row above it joins that one."""
        row = 0
        rows = self._by_rows()
        while row < self._height - 1:
            if self._goes_on(row + 1, rows[row], rows[row + 1]):
                self._join_rows(row)
                rows = self._by_rows()
            else:
                row += 1

    def drop_empty(self) -> None:
        for row in self._without_text(0, self._height):
            self._cut(0, row)
        for column in self._without_text(1, self._width):
            self._cut(1, column)

    def _without_text(self, axis: int, count: int) -> list[int]:
        """The rows (axis 0) or columns (1) in which no cell with a text begins, the last one first."""
        told = {cell[axis] for cell, text in self._cells.items() if text}
        return [number for number in reversed(range(count)) if number not in told]

    def take_titles(self, table: FoundTable) -> None:
        """A first row that is one cell is the title; last ones that are one long cell are notes."""
        whole = {
            cell[0]: text
            for cell, text in self._cells.items()
            if cell[1] == 0 and cell[3] == self._width and cell[2] == 1
        }
        if self._height > 2 and whole.get(0):
            table.title = whole[0]
            self._cut(0, 0)
        while self._height > 2 and len(whole.get(self._height - 1 + bool(table.title), "")) > _LONG_NOTE:
            table.notes.insert(0, whole[self._height - 1 + bool(table.title)])
            self._cut(0, self._height - 1)

    def _by_columns(self) -> list[dict[int, Cell]]:
        """For each column the cell with text that each row has there."""
        columns: list[dict[int, Cell]] = [{} for _ in range(self._width)]
        for cell, text in self._cells.items():
            if text:
                row, first, height, width = cell
                for column in columns[first : first + width]:
                    column.update(dict.fromkeys(range(row, row + height), cell))
        return columns

    def _by_rows(self) -> list[dict[int, Cell]]:
        """For each row the cell that each column has there."""
        rows: list[dict[int, Cell]] = [{} for _ in range(self._height)]
        for cell in self._cells:
            first, column, height, width = cell
            for row in rows[first : first + height]:
                row.update(dict.fromkeys(range(column, column + width), cell))
        return rows

    def _goes_on(self, row: int, above: dict[int, Cell], below: dict[int, Cell]) -> bool:
        fresh = [(column, cell) for column, cell in below.items() if above.get(column) != cell and self._cells[cell]]
        if not fresh:
            return False
        over = [above.get(column) for column, _ in fresh]
        if any(cell is None or not self._cells[cell] or cell[0] + cell[2] != row for cell in over):
            return False
        if any(cell[2] > 1 or cell[3] != (above[column][3]) for column, cell in fresh):
            return False
        tall = [cell for column, cell in below.items() if above.get(column) == cell and self._cells[cell]]
        if tall and all(column == 0 for column, _ in fresh):
            return True
        return all(_continues(self._cells[cell]) for _, cell in fresh)

    def _cut_columns_without_text(self) -> None:
        """All of them at once: the lines of a drawing make hundreds."""
        filled = {column for cell, text in self._cells.items() if text for column in range(cell[1], cell[1] + cell[3])}
        if not filled or len(filled) == self._width:
            return
        place, places = 0, list[int]()
        for column in range(self._width):
            places.append(place)
            place += column in filled
        places.append(place)
        kept: dict[Cell, str] = {}
        for (row, start, height, width), text in self._cells.items():
            left, right = places[start], places[start + width]
            if right > left:
                cell = (row, left, height, right - left)
                kept[cell] = kept.get(cell) or text
        self._cells, self._width = kept, place
        self._drop_covered()

    def _join_columns(self, column: int) -> None:
        joined: dict[Cell, str] = {}
        for (row, start, height, width), text in self._cells.items():
            if start <= column < start + width - 1:
                width -= 1
            elif start > column:
                start -= 1
            place = (row, start, height, width)
            joined[place] = joined.get(place) or text
        self._cells, self._width = joined, self._width - 1
        self._drop_covered()

    def _join_rows(self, row: int) -> None:
        joined: dict[Cell, str] = {}
        for (start, column, height, width), text in sorted(self._cells.items()):
            if start <= row < start + height - 1:
                height -= 1
            elif start > row:
                start -= 1
            place = (start, column, height, width)
            joined[place] = _joined_text(joined[place], text) if place in joined else text
        self._cells, self._height = joined, self._height - 1
        self._drop_covered()

    def _cut(self, axis: int, number: int) -> None:
        """Takes a row (axis 0) or column (1) out; cells that begin there and go on begin one later."""
        kept: dict[Cell, str] = {}
        for cell, text in self._cells.items():
            start, size = cell[axis], cell[axis + 2]
            if start <= number < start + size:
                size -= 1
            elif start > number:
                start -= 1
            if size:
                place = list(cell)
                place[axis], place[axis + 2] = start, size
                kept[place[0], place[1], place[2], place[3]] = text
        self._cells = kept
        if axis == 0:
            self._height -= 1
        else:
            self._width -= 1
        self._drop_covered()

    def _drop_covered(self) -> None:
        """Empty cells where another one lies by now."""
        if self._is_without_overlaps():
            return
        taken: set[tuple[int, int]] = set()
        for cell, text in sorted(self._cells.items(), key=lambda item: (not item[1], item[0])):
            row, column, height, width = cell
            places = {(row + down, column + across) for down in range(height) for across in range(width)}
            if not text and taken & places:
                del self._cells[cell]
            else:
                taken |= places

    def _is_without_overlaps(self) -> bool:
        places = {(row, column) for row, column, _, _ in self._cells}
        if len(places) < len(self._cells):
            return False
        for row, column, height, width in self._cells:
            if height * width > 1:
                inside = [(row + down, column + across) for down in range(height) for across in range(width)][1:]
                if not places.isdisjoint(inside):
                    return False
                places.update(inside)
        return True


def _are_apart(left: dict[int, Cell], right: dict[int, Cell]) -> bool:
    """Whether a row has one cell in this column, and another in the next."""
    return any(right.get(row, cell) != cell for row, cell in left.items())


def _continues(text: str) -> bool:
    return text[0].islower() or (text[0] == "(" and len(text) > 1 and text[1].islower())


def _joined_text(before: str, after: str) -> str:
    return f"{before} {after}" if before and after else before or after
