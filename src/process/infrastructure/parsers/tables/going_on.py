"""A table that goes on where another page begins is one table."""

from dataclasses import dataclass
from typing import Final

from process.infrastructure.parsers.tables.found import FoundTable

_SAME_PLACE: Final = 0.03
"""Of the table's width: columns of its next part stand so near to those of the first."""


@dataclass(frozen=True, slots=True)
class TableOnPage:
    """A found table and the page it is on."""

    table: FoundTable
    page: int
    """1-based."""
    width: float
    height: float
    """Of the page, in points."""

    @property
    def box(self) -> tuple[float, float, float, float]:
        """In fractions of the page."""
        table = self.table
        left, right = (round(min(1.0, max(0.0, x / self.width)), 4) for x in (table.left, table.right))
        top, bottom = (round(min(1.0, max(0.0, y / self.height)), 4) for y in (table.top, table.bottom))
        return left, top, right, bottom


def goes_on(first: TableOnPage, following: TableOnPage) -> bool:
    """Whether the second is the rest of the first, when nothing of the text stands between them.

    It is on the next page, has as many columns, and they begin at the same places as measured from its left edge.
    """
    if following.page != first.page + 1 or following.table.title:
        return False
    before, after = first.table, following.table
    if before.is_ruled != after.is_ruled or len(before.rows[0]) != len(after.rows[0]):
        return False
    wide = before.right - before.left
    if abs((after.right - after.left) - wide) > 2 * _SAME_PLACE * wide or len(before.columns) != len(after.columns):
        return False
    return all(
        abs((one - before.left) - (other - after.left)) <= _SAME_PLACE * wide
        for one, other in zip(before.columns, after.columns, strict=True)
    )
