"""Tables of office files on their way into a draft."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from process.infrastructure.parsers.draft import Draft

_MOST_COLUMNS: Final = 16_384


class Span(NamedTuple):
    """A cell that takes the room of several; rows and columns count from 0."""

    row: int
    column: int
    row_span: int
    column_span: int


def add_grid(
    draft: Draft,
    rows: Sequence[Sequence[str]],
    *,
    spans: Sequence[Span] = (),
    header_rows: int | None = None,
    page: int | None = None,
) -> None:
    """One table; what a span covers is empty. `header_rows` None: judged by how they look."""
    if rows and max(map(len, rows)) > _MOST_COLUMNS:
        rows = [row[:_MOST_COLUMNS] for row in rows]
    draft.add_table(rows, spans=spans, header_rows=header_rows, page=page)
