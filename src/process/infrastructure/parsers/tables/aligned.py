"""Tables that are only set in columns, or have but level lines: rows are lines of text, columns are gaps between them.

After Nurminen (2013) and Hassan & Baumgartner (2007): lines with wide gaps make a block, gaps that go through it are
its columns, level lines say what its header is.
"""

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from process.infrastructure.parsers.tables.columns import gaps_through, segments_of
from process.infrastructure.parsers.tables.found import FoundTable, lines_of, text_of
from process.infrastructure.parsers.tables.page_marks import Rule, Word
from process.infrastructure.parsers.tables.tidying import tidied

_GAP: Final = 0.9
"""Of the letters' height: what parts the cells of a line, where nothing else is known."""
_MOST_APART: Final = 2.6
"""Of the letters' height: from one line to the next of a table, from the middle to the middle."""
_MOST_SINGLE: Final = 2
"""Lines in a row with one cell: wrapped labels, headings of groups."""
_FEWEST_ROWS: Final = 3
_LONGEST_CELL: Final = 28
"""Characters, in the mean: what is longer is text in columns."""
_LONGEST_WORDS: Final = 14
"""The same where there are hardly any figures."""
_PIECE: Final = 1.5
"""Cells that a piece of a line may be of, in the mean."""
_UNDERLINED: Final = 1.3
_ROOM: Final = 4.0
"""Of the letters' height: above and below a table, so that what parts it from other lines is seen."""
_WORD: Final = re.compile(r"\S+")
_FIGURES: Final = re.compile(r"\d\S* \S*\d\S* \S*\d")
_PART: Final = re.compile(r"\S+(?: \S+)*")
Line = list[Word]


def may_be_aligned(pieces: Sequence[Word]) -> list[tuple[float, float]]:
    """From where to where down the page there may be such tables, by pieces of lines that wide gaps part.

    This is said before words are looked at; a little more than the tables is within.
    """
    parts: list[Word] = []
    for piece in pieces:
        if " " in piece.text:
            parts += _parts(piece)
        else:
            parts.append(piece)
    found = []
    for block in _blocks(lines_of(parts)):
        if _may_be_table(block):
            room = _ROOM * max(map(_height, block))
            found.append((min(part.top for part in block[0]) - room, max(part.bottom for part in block[-1]) + room))
    return found


def aligned_tables(words: Sequence[Word], level: Sequence[Rule], taken: Sequence[FoundTable]) -> list[FoundTable]:
    """Tables among the words that are in none of the tables `taken`; `level` are the level lines of the page."""
    free = words
    for one in taken:
        free = [
            word for word in free if not (one.left <= word.left <= one.right and one.top <= word.middle <= one.bottom)
        ]
    found = []
    for block in _blocks(lines_of(free)):
        table = _table(block, level)
        if table is not None:
            found.append(table)
    return found


def _parts(piece: Word) -> list[Word]:
    """Several where spaces part it that may be wide ones, and figures beside each other, however near."""
    of_figures = piece.text.count(" ") > 1 and _FIGURES.search(piece.text) is not None
    if not of_figures and "  " not in piece.text:
        return [piece]
    step = (piece.right - piece.left) / len(piece.text)
    return [
        Word(
            found[0],
            piece.left + found.start() * step,
            piece.top,
            piece.left + (found.start() if of_figures else found.end()) * step,
            piece.bottom,
        )
        for found in (_WORD if of_figures else _PART).finditer(piece.text)
    ]


def _may_be_table(lines: Sequence[Line]) -> bool:
    """Not running text in columns: cells are no longer than the pieces they are of, but hardly half as long."""
    lengths = [len(piece.text) for line in lines for piece in line]
    mean = sum(lengths) / len(lengths)
    if not _PIECE * _LONGEST_WORDS < mean <= _PIECE * _LONGEST_CELL:
        return mean <= _PIECE * _LONGEST_WORDS
    others = [piece.text for line in lines for piece in line[1:]]
    return sum(map(_is_figure, others)) * 4 >= len(others)


def _blocks(lines: Sequence[Line]) -> list[list[Line]]:
    """Runs of lines most of which have several cells."""
    blocks: list[list[Line]] = []
    block: list[Line] = []
    singles = 0
    above_middle = above_height = 0.0
    for line in lines:
        height, middle = _height(line), _middle(line)
        several = len(line) > 1 and len(segments_of(line, _GAP * height)) > 1
        apart = block and middle - above_middle > _MOST_APART * max(height, above_height)
        above_middle, above_height = middle, height
        if apart or (not several and singles >= _MOST_SINGLE):
            blocks.append(block[: len(block) - singles])
            block, singles = [], 0
        if several:
            block.append(line)
            singles = 0
        elif block:
            block.append(line)
            singles += 1
    blocks.append(block[: len(block) - singles])
    return [one for one in blocks if len(one) >= _FEWEST_ROWS]


def _table(lines: list[Line], level: Sequence[Rule]) -> FoundTable | None:
    left = min(word.left for line in lines for word in line)
    right = max(word.right for line in lines for word in line)
    body = [line for line in lines if len(segments_of(line, _GAP * _height(line))) > 1]
    gaps = gaps_through(body, left, right)
    if not gaps:
        return None
    places = [left - 1, *((start + end) / 2 for start, end in gaps), right + 1]
    rows = [_cells(line, places) for line in lines]
    first = next((number for number, row in enumerate(rows) if _is_of_figures(row)), None)
    if first is None and not _is_short(rows):
        return None
    if not _is_table(rows):
        return None
    top, bottom = min(word.top for word in lines[0]), max(word.bottom for word in lines[-1])
    rules = [rule for rule in level if top - 6 <= rule.place <= bottom + 6 and rule.end > left and rule.start < right]
    header, spans = _header_rows(lines[: first or 0], places, rules)
    table = FoundTable([*header, *rows[first or 0 :]], left, top, right, bottom, spans, tuple(places))
    return tidied(table)


def _is_of_figures(row: Sequence[str]) -> bool:
    """Whether most of its cells beyond the first are figures."""
    cells = [text for text in row[1:] if text]
    figures = sum(_is_figure(text) for text in cells)
    return bool(cells) and figures * 2 > len(cells) and (len(cells) * 3 >= len(row) - 1 or figures == len(cells) > 1)


def _is_figure(text: str) -> bool:
    digits = sum(map(str.isdigit, text))
    return digits * 2 >= sum(map(str.isalnum, text))


def _is_short(rows: Sequence[Sequence[str]]) -> bool:
    """Words in at least three columns, with hardly more than a few in each."""
    cells = [text for row in rows for text in row if text]
    return len(rows[0]) > 2 and sum(map(len, cells)) <= 14 * len(cells)


def _is_table(rows: Sequence[Sequence[str]]) -> bool:
    cells = [text for row in rows for text in row if text]
    filled = sum(sum(map(bool, row)) > 1 for row in rows)
    if filled < _FEWEST_ROWS - 1 or filled * 2 < len(rows):
        return False
    others = [text for row in rows for text in row[1:] if text]
    figures = sum(_is_figure(text) for text in others)
    mean = sum(map(len, cells)) / len(cells)
    if figures * 4 < len(others):
        return mean <= _LONGEST_WORDS and len(rows[0]) > 2
    return mean <= _LONGEST_CELL


def _cells(line: Line, places: Sequence[float]) -> list[str]:
    cells: list[Line] = [[] for _ in places[1:]]
    height = _height(line)
    is_one = len(segments_of(line, _GAP * height)) == 1
    for segment in segments_of(line, 0.45 * height):
        if is_one and segment[0].left < places[1]:  # a label that is longer than its column
            cells[0] += segment
            continue
        # What stands across a gap is taken apart, word by word.
        for word in segment:
            cells[_column((word.left + word.right) / 2, places)].append(word)
    return [text_of(cell) for cell in cells]


def _column(place: float, places: Sequence[float]) -> int:
    return next((number for number, edge in enumerate(places[1:]) if place < edge), len(places) - 2)


def _header_rows(
    lines: Sequence[Line], places: Sequence[float], rules: Sequence[Rule]
) -> tuple[list[list[str]], list[tuple[int, int, int, int]]]:
    """Lines above the first figures: what no level line parts is one row; a line below says how far one spans."""
    rows: list[list[str]] = []
    spans: list[tuple[int, int, int, int]] = []
    before: Line | None = None
    for line in lines:
        cells: list[tuple[int, int, str]] = []
        for segment in segments_of(line, _GAP * _height(line)):
            first, last = _reach(segment, places, rules)
            cells.append((first, last, text_of(segment)))
        spanning = [(first, last) for first, last, _ in cells if last > first]
        joins = (
            before is not None
            and not spanning
            and not any(row == len(rows) - 1 for row, _, _, _ in spans)
            and not _is_parted(before, line, rules)
            and not (not rules and _are_full(rows[-1], cells, len(places) - 1))
        )
        if not joins:
            rows.append([""] * (len(places) - 1))
        for first, last, text in cells:
            rows[-1][first] = f"{rows[-1][first]} {text}".strip()
            if last > first and not any(span[:2] == (len(rows) - 1, first) for span in spans):
                spans.append((len(rows) - 1, first, 1, last - first + 1))
        before = line
    return rows, spans


def _are_full(above: Sequence[str], below: Sequence[tuple[int, int, str]], columns: int) -> bool:
    """Whether two rows have something in each column, and the lower one begins anew: a form's lines, no header's."""
    return all(above) and len(below) == columns and not all(text[0].islower() or text[0] in "([" for *_, text in below)


def _reach(segment: Line, places: Sequence[float], rules: Sequence[Rule]) -> tuple[int, int]:
    """First and last column a header stands above: by the line below it, or by itself."""
    left, right = segment[0].left, segment[-1].right
    middle = (left + right) / 2
    bottom, height = max(word.bottom for word in segment), _height(segment)
    below = [
        rule
        for rule in rules
        if -0.3 * height <= rule.place - bottom <= _UNDERLINED * height
        and rule.start <= middle <= rule.end
        and rule.end - rule.start < 0.85 * (places[-1] - places[0])
    ]
    if below:
        left, right = min(below[0].start, left), max(below[0].end, right)
    inside = [
        number
        for number, (start, end) in enumerate(pairwise(places))
        if min(end, right) - max(start, left) > min(0.5 * (end - start), 0.6 * (right - left), 8.0)
    ]
    if not inside:
        column = _column(middle, places)
        return column, column
    return inside[0], inside[-1]


def _is_parted(above: Line, below: Line, rules: Sequence[Rule]) -> bool:
    return any(_middle(above) < rule.place < _middle(below) for rule in rules)


def _height(line: Sequence[Word]) -> float:
    return line[0].height if len(line) == 1 else sorted([word.height for word in line])[len(line) // 2]


def _middle(line: Sequence[Word]) -> float:
    return line[0].middle if len(line) == 1 else sum([word.middle for word in line]) / len(line)
