"""Tables of HTML: which tell values and which only lay out a page, and their own rows and cells."""

from collections.abc import Iterator
from typing import Any, Final

from process.infrastructure.parsers.html_nodes import children, is_shown

_GROUPS: Final = frozenset(("thead", "tbody", "tfoot"))
_CELLS: Final = frozenset(("td", "th"))
_HEADINGS: Final = "h1, h2, h3"
_FEWEST_CELLS: Final = 4
"""Of a table of values with tables in some of its cells."""


def own_rows(table: Any) -> Iterator[Any]:
    """Its rows in order, not those of tables in its cells."""
    for child in reversed([*children(table)]):
        if child.tag == "tr":
            yield child
        elif child.tag in _GROUPS:
            yield from (row for row in reversed([*children(child)]) if row.tag == "tr")


def cells_of(row: Any) -> list[Any]:
    """Those that are shown, in order."""
    return [cell for cell in reversed([*children(row)]) if cell.tag in _CELLS and is_shown(cell)]


def is_data(table: Any) -> bool:
    """A table of values, not one that lays out a page: more than one cell, no headings, tables in few cells."""
    if table.css_first(_HEADINGS) is not None:
        return False
    cells = [cells_of(row) for row in own_rows(table)]
    count = sum(map(len, cells))
    nested = sum(cell.css_first("table") is not None for row in cells for cell in row)
    if not nested:
        return count > 1
    return count >= _FEWEST_CELLS and 2 * count >= 3 * len(cells) and 3 * nested <= count
