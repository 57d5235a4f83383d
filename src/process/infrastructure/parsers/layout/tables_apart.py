"""Tables among the pieces of text of a page: each is taken out of them, and one piece stands for it."""

import re
from collections.abc import Sequence
from typing import Final

from process.infrastructure.parsers.layout.segment import IN_PLACE_OF_A_TABLE, Segment
from process.infrastructure.parsers.pdfium.loaded_page import LoadedPage
from process.infrastructure.parsers.tables.going_on import TableOnPage
from process.infrastructure.parsers.tables.page_marks import Piece
from process.infrastructure.parsers.tables.pdf import tables_on

_FEWEST_ROWS: Final = 2
_LONG: Final = 25
"""Characters, in the mean: pieces beside each other that are longer are columns of text, unless lines are drawn."""
_FROM_RIGHT: Final = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]")
_HEIGHT: Final = 8.0


def set_tables_apart(groups: Sequence[list[Segment]], page: LoadedPage, number: int) -> None:
    """Changes the first group, the text of the page's main direction, where there are tables in it."""
    segments = groups[0] if groups else []
    rows = _rows_of_several(segments)
    if len(rows) < _FEWEST_ROWS or _reads_from_right(segments):
        return
    across, up = page.seen.offsets()
    pieces = [
        Piece(piece.text, piece.left - across, up - piece.top, piece.right - across, up - piece.bottom, piece.begin)
        for piece in segments
    ]
    # Text of other directions may be in a table too; where there is some, all of the page is looked at.
    is_all = len(groups) == 1 and all(piece.begin >= 0 for piece in pieces)
    needs_lines = _is_text_in_columns(rows)
    tables = tables_on(page, needs_lines=needs_lines, pieces=pieces if is_all else None)
    if not tables:
        return
    kept = list(segments)
    for table in tables:
        left, right = table.left + across, table.right + across
        top, bottom = up - table.top, up - table.bottom
        inside = [
            piece
            for piece in kept
            if left - 1 <= (piece.left + piece.right) / 2 <= right + 1
            and bottom <= (piece.bottom + piece.top) / 2 <= top
        ]
        if not inside:
            continue
        taken = set(map(id, inside))
        kept = [piece for piece in kept if id(piece) not in taken]
        on_page = TableOnPage(table, number, page.seen.width, page.seen.height)
        kept.append(Segment(IN_PLACE_OF_A_TABLE, left, right, top - _HEIGHT, top, table=on_page))
    segments[:] = kept


def _rows_of_several(segments: Sequence[Segment]) -> list[list[Segment]]:
    """Pieces that stand beside each other."""
    rows: dict[int, list[Segment]] = {}
    for piece in segments:
        place = round((piece.bottom + piece.top) / 4)
        if place in rows:
            rows[place].append(piece)
        else:
            rows[place] = [piece]
    return [row for row in rows.values() if len(row) > 1]


def _reads_from_right(segments: Sequence[Segment]) -> bool:
    beginning = "".join([piece.text for piece in segments[:50]])
    return not beginning.isascii() and _FROM_RIGHT.search(beginning) is not None


def _is_text_in_columns(rows: Sequence[Sequence[Segment]]) -> bool:
    beside = [len(piece.text) for row in rows for piece in row]
    return sum(beside) > _LONG * len(beside)
