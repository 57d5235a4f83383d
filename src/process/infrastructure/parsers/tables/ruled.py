"""Tables with ruling lines: the cells are what the lines enclose."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from operator import attrgetter
from typing import Final

from process.infrastructure.parsers.tables.columns import gaps_through
from process.infrastructure.parsers.tables.found import FoundTable, are_level, lines_of, text_of
from process.infrastructure.parsers.tables.page_marks import Rule, Word
from process.infrastructure.parsers.tables.tidying import tidied

Cell = tuple[int, int, int, int]
"""Row, column, and how many of each."""
_NEAR: Final = 3.0
"""Points; lines that miss each other by less meet."""
_MOST_LINES: Final = 600
_COVERED: Final = 0.7
"""Of an edge of a cell: with less line on it, the cells on both sides are one."""
_WIDE: Final = 0.7
"""Of the letters' height: a gap between words that no space makes."""
_FEWEST_LINES: Final = 3
_LEAST_COLUMN: Final = 6.0
_LEAST_ROW: Final = 4.0
_place: Final = attrgetter("place")


@dataclass(frozen=True, slots=True)
class Grid:
    """Lines that meet, and where columns (`xs`) and rows (`ys`) begin and end between them: two of each at least."""

    level: list[Rule]
    upright: list[Rule]
    xs: list[float]
    ys: list[float]


def grids_of(level: Sequence[Rule], upright: Sequence[Rule]) -> list[Grid]:
    """What may be tables, before it is known which words are in them. The lines are sorted by their place."""
    grids = [_grid_of(*lines) for lines in _components(level, upright)]
    return [grid for grid in grids if grid is not None]


def ruled_tables(words: Sequence[Word], grids: Sequence[Grid]) -> list[FoundTable]:
    """Every grid of at least two columns and two rows with text in more than one cell."""
    tables = [_table(words, grid) for grid in grids]
    return [table for table in tables if table is not None]


def _components(level: Sequence[Rule], upright: Sequence[Rule]) -> Iterator[tuple[list[Rule], list[Rule]]]:
    """Lines that meet, directly or by way of others."""
    if not 2 <= len(level) <= _MOST_LINES or not 1 <= len(upright) <= _MOST_LINES:
        return
    parent = list(range(len(level) + len(upright)))

    def root(one: int) -> int:
        while parent[one] != one:
            parent[one] = parent[parent[one]]
            one = parent[one]
        return one

    places = [cross.place for cross in upright]
    for number, line in enumerate(level):
        first = bisect_left(places, line.start - _NEAR)
        for other in range(first, bisect_right(places, line.end + _NEAR)):
            cross = upright[other]
            if cross.start - _NEAR <= line.place <= cross.end + _NEAR:
                parent[root(number)] = root(len(level) + other)
    groups: dict[int, tuple[list[Rule], list[Rule]]] = {}
    for number, line in enumerate([*level, *upright]):
        group = groups.setdefault(root(number), ([], []))
        group[number >= len(level)].append(line)
    for group in groups.values():
        if len(group[0]) >= 2 and group[1]:
            yield group


def _grid_of(level: list[Rule], upright: list[Rule]) -> Grid | None:
    xs = _places([line.place for line in upright], _LEAST_COLUMN)
    ys = _places([line.place for line in level], _LEAST_ROW)
    # Open at the sides, as many are printed: the level lines say how far it goes.
    ends = [min([line.start for line in level]), max([line.end for line in level])]
    if ends[0] < xs[0] - _LEAST_COLUMN:
        xs.insert(0, ends[0])
    if ends[1] > xs[-1] + _LEAST_COLUMN:
        xs.append(ends[1])
    ends = [min([line.start for line in upright]), max([line.end for line in upright])]
    if ends[0] < ys[0] - _LEAST_ROW:
        ys.insert(0, ends[0])
    if ends[1] > ys[-1] + _LEAST_ROW:
        ys.append(ends[1])
    return Grid(level, upright, xs, ys) if len(xs) >= 3 and len(ys) >= 3 else None


def _table(words: Sequence[Word], grid: Grid) -> FoundTable | None:
    xs, ys = grid.xs, grid.ys
    inside = [
        word
        for word in words
        if xs[0] - 1 < (word.left + word.right) / 2 < xs[-1] + 1 and ys[0] - 1 < word.middle < ys[-1] + 1
    ]
    if len(inside) < 2:
        return None
    xs = _with_gaps(xs, inside)
    cells = _cells(xs, ys, grid.level, grid.upright)
    placed = _placed(inside, cells, xs, ys)
    if sum(map(bool, placed.values())) < 2:
        return None
    rows, spans = _grid(placed, len(ys) - 1, len(xs) - 1)
    table = FoundTable(rows, xs[0], ys[0], xs[-1], ys[-1], spans, tuple(xs), is_ruled=True)
    return tidied(table)


def _with_gaps(xs: list[float], words: Sequence[Word]) -> list[float]:
    """Columns that only the words show, within those that lines enclose."""
    places = list(xs)
    columns: list[list[Word]] = [[] for _ in xs]
    for word in words:
        columns[bisect_left(xs, (word.left + word.right) / 2) - 1].append(word)
    for inside, (left, right) in zip(columns, pairwise(xs), strict=False):
        lines = lines_of(inside) if len(inside) >= _FEWEST_LINES else []
        if len(lines) < _FEWEST_LINES:
            continue
        gaps = gaps_through(lines, left, right)
        inner = [left, *((start + end) / 2 for start, end in gaps), right]
        if gaps and _is_of_short_cells(lines, inner):
            places += inner[1:-1]
    return sorted(places)


def _is_of_short_cells(lines: Sequence[Sequence[Word]], places: Sequence[float]) -> bool:
    """Whether the gaps part figures or a few words, and not running text."""
    counts = []
    for line in lines:
        for left, right in pairwise(places):
            inside = [word for word in line if left < (word.left + word.right) / 2 < right]
            if inside:
                counts.append(len(inside))
    filled = len(counts) / (len(lines) * (len(places) - 1))
    return filled >= 0.5 and sum(counts) / len(counts) <= 2.5


def _placed(
    words: Sequence[Word], cells: Sequence[Cell], xs: Sequence[float], ys: Sequence[float]
) -> dict[Cell, list[Word]]:
    """The words of each cell. What no line parts but wide gaps do, at the columns' places, is taken apart."""
    owner = {
        (row, column): cell
        for cell in cells
        for row in range(cell[0], cell[0] + cell[2])
        for column in range(cell[1], cell[1] + cell[3])
    }
    inside: dict[Cell, list[Word]] = {cell: [] for cell in cells}
    for word in words:
        column = bisect_left(xs, (word.left + word.right) / 2, 1, len(xs) - 1) - 1
        row = bisect_left(ys, word.middle, 1, len(ys) - 1) - 1
        inside[owner[row, column]].append(word)
    placed: dict[Cell, list[Word]] = {}
    for cell, found in inside.items():
        row, column, height, width = cell
        if width == 1 or not found:
            placed[cell] = found
            continue
        begun, part = column, list[Word]()
        for place in range(column, column + width):
            until = xs[place + 1]
            is_last = place == column + width - 1
            left = [word for word in found if (word.left + word.right) / 2 < until or is_last]
            found = [word for word in found if word not in left] if not is_last else []
            part += left
            if is_last or _is_parted(part, found, until):
                placed[row, begun, height, place + 1 - begun] = part
                begun, part = place + 1, []
    return placed


def _is_parted(left: Sequence[Word], right: Sequence[Word], place: float) -> bool:
    """Whether words on both sides of `place` keep away from it, and there are some on both."""
    if not left or not right:
        return False
    for line in lines_of([*left, *right]):
        before = [word.right for word in line if (word.left + word.right) / 2 < place]
        after = [word.left for word in line if (word.left + word.right) / 2 >= place]
        if before and after and min(after) - max(before) < _WIDE * line[0].height:
            return False
    return True


def _places(values: Sequence[float], least: float) -> list[float]:
    """Sorted, those nearer than `least` to the one before taken as one."""
    places: list[float] = []
    for value in sorted(values):
        if not places or value - places[-1] >= least:
            places.append(value)
    return places


def _cells(xs: Sequence[float], ys: Sequence[float], level: Sequence[Rule], upright: Sequence[Rule]) -> list[Cell]:
    """Row, column, rows and columns of every cell: what no line parts is one, if that is a rectangle."""
    rows, columns = len(ys) - 1, len(xs) - 1
    parent = list(range(rows * columns))

    def root(one: int) -> int:
        while parent[one] != one:
            parent[one] = parent[parent[one]]
            one = parent[one]
        return one

    before = [_lines_at(x, upright, _LEAST_COLUMN) for x in xs]
    for row in range(rows):
        above = _lines_at(ys[row], level, _LEAST_ROW)
        for column in range(columns):
            if column and not _is_covered(before[column], ys[row], ys[row + 1]):
                parent[root(row * columns + column)] = root(row * columns + column - 1)
            if row and not _is_covered(above, xs[column], xs[column + 1]):
                parent[root(row * columns + column)] = root((row - 1) * columns + column)
    groups: dict[int, list[tuple[int, int]]] = {}
    for one in range(rows * columns):
        groups.setdefault(root(one), []).append(divmod(one, columns))
    cells = []
    for places in groups.values():
        if len(places) == 1:
            cells.append((*places[0], 1, 1))
            continue
        (top, _), (bottom, _) = places[0], places[-1]
        left, right = min(column for _, column in places), max(column for _, column in places)
        if len(places) == (bottom - top + 1) * (right - left + 1):
            cells.append((top, left, bottom - top + 1, right - left + 1))
        else:
            cells.extend((row, column, 1, 1) for row, column in places)
    return sorted(cells)


def _lines_at(place: float, lines: Sequence[Rule], near: float) -> Sequence[Rule]:
    return lines[bisect_left(lines, place - 1, key=_place) : bisect_left(lines, place + near, key=_place)]


def _is_covered(lines: Sequence[Rule], start: float, end: float) -> bool:
    covered = 0.0
    for line in lines:
        if line.start < end and line.end > start:
            covered += (line.end if line.end < end else end) - (line.start if line.start > start else start)
    return covered >= _COVERED * (end - start)


def _grid(
    words: dict[Cell, list[Word]], rows: int, columns: int
) -> tuple[list[list[str]], list[tuple[int, int, int, int]]]:
    """Texts and spans; a row of cells that hold several lines of figures each becomes as many rows."""
    within: list[dict[int, list[Word]]] = [{} for _ in range(rows)]
    for (row, column, height, _), found in words.items():
        if height == 1 and found:
            within[row][column] = found
    lines_in_row = [*map(_rows_within, within)]
    first = [0]
    for lines in lines_in_row:
        first.append(first[-1] + max(1, len(lines)))
    texts = [[""] * columns for _ in range(first[-1])]
    spans = []
    for (row, column, height, width), inside in words.items():
        tops = lines_in_row[row]
        if height == 1 and len(tops) > 1:
            parts: list[list[Word]] = [[] for _ in tops]
            for word in inside:
                parts[max(0, sum(top <= word.middle for top in tops) - 1)].append(word)
            for number, part in enumerate(parts):
                texts[first[row] + number][column] = text_of(part)
                if width > 1:
                    spans.append((first[row] + number, column, 1, width))
        else:
            texts[first[row]][column] = text_of(inside)
            tall = first[row + height] - first[row]
            if tall > 1 or width > 1:
                spans.append((first[row], column, tall, width))
    return texts, spans


def _rows_within(inside: dict[int, list[Word]]) -> list[float]:
    """Where the lines of a row's cells, by their columns, begin, if each line is a row of its own; else none."""
    if len(inside) < 2 or are_level([word for found in inside.values() for word in found]):
        return []
    return _lines_alike([lines_of(found) for found in inside.values()]) or _lines_of_figures(inside)


def _lines_alike(cells: Sequence[list[list[Word]]]) -> list[float]:
    """Most cells have as many lines, at the same heights, and many figures in them."""
    most = max(map(len, cells))
    full = [lines for lines in cells if len(lines) == most]
    if most < 2 or len(full) < 2 or len(full) * 2 < len(cells):
        return []
    for lines in full[1:]:
        for line, other in zip(lines, full[0], strict=True):
            if abs(line[0].middle - other[0].middle) > 0.5 * line[0].height:
                return []
    figures = sum(any(map(str.isdigit, word.text)) for lines in full for line in lines for word in line)
    total = sum(len(line) for lines in full for line in lines)
    if figures < (0.6 if most == 2 else 0.4) * total:
        return []
    return [min(word.top for word in line) for line in full[0]]


def _lines_of_figures(inside: dict[int, list[Word]]) -> list[float]:
    """Of many lines most have figures in more than one column: a body without lines between its rows."""
    first = min(inside)
    column_of = {id(word): column for column, found in inside.items() for word in found}
    lines = lines_of([word for found in inside.values() for word in found])
    rows = 0
    for line in lines:
        figures = {column_of[id(word)] for word in line if any(map(str.isdigit, word.text))} - {first}
        rows += len(figures) > 1
    return [min(word.top for word in line) for line in lines] if len(lines) >= 4 and rows * 10 >= len(lines) * 6 else []
