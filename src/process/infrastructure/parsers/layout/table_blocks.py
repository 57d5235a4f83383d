"""How tables that were found on pages go into the draft."""

from collections.abc import Sequence

from process.infrastructure.parsers.draft import Box, Draft
from process.infrastructure.parsers.tables.found import FoundTable
from process.infrastructure.parsers.tables.going_on import TableOnPage


def add_table(draft: Draft, parts: Sequence[TableOnPage]) -> None:
    """Adds one table: its first part and those with which it goes on; header rows that are repeated stand once."""
    first = parts[0].table
    rows = [*first.rows]
    spans = [*first.spans]
    notes = [*first.notes]
    begins: list[tuple[int, int | None, Box | None]] = []
    for part in parts[1:]:
        again = _repeated(first, part.table)
        begins.append((len(rows), part.page, part.box))
        moved = len(rows) - again
        spans += [
            (row + moved, column, height, width) for row, column, height, width in part.table.spans if row >= again
        ]
        rows += part.table.rows[again:]
        notes += part.table.notes
    draft.add_table(
        rows,
        spans=spans,
        header_rows=first.header_rows,
        caption=first.title or None,
        page=parts[0].page,
        box=parts[0].box,
        parts=begins,
    )
    for note in notes:
        draft.add("paragraph", note, page=parts[-1].page)


def _repeated(first: FoundTable, following: FoundTable) -> int:
    """How many rows at the top say the same as those of the first part."""
    most = min(3, len(first.rows), len(following.rows) - 1)
    same = 0
    while same < most and first.rows[same] == following.rows[same]:
        same += 1
    return same
