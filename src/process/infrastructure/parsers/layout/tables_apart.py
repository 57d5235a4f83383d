"""Tables among the pieces of text of a page: each is taken out of them, and one piece stands for it."""

import re
from collections import Counter
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
    if not groups or not _may_have_tables(groups[0]):
        return
    segments = groups[0]
    across, up = page.seen.offsets()
    pieces = [
        Piece(piece.text, piece.left - across, up - piece.top, piece.right - across, up - piece.bottom, piece.begin)
        for piece in segments
    ]
    # Text of other directions may be in a table too; where there is some, all of the page is looked at.
    is_all = len(groups) == 1 and all(piece.begin >= 0 for piece in pieces)
    needs_lines = _is_text_in_columns(segments)
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


def _may_have_tables(segments: Sequence[Segment]) -> bool:
    """Whether pieces stand beside each other, in several lines, in a script that is read from the left."""
    rows = Counter([round((piece.bottom + piece.top) / 4) for piece in segments])
    if sum([count > 1 for count in rows.values()]) < _FEWEST_ROWS:
        return False
    return not _FROM_RIGHT.search("".join([piece.text for piece in segments[:50]]))


def _is_text_in_columns(segments: Sequence[Segment]) -> bool:
    rows: dict[int, list[Segment]] = {}
    for piece in segments:
        rows.setdefault(round((piece.bottom + piece.top) / 4), []).append(piece)
    beside = [len(piece.text) for row in rows.values() if len(row) > 1 for piece in row]
    return sum(beside) > _LONG * len(beside)
