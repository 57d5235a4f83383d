"""The grid of a table of WordprocessingML: cells over columns (gridSpan) and rows (vMerge), rows that are headers."""

from collections.abc import Sequence
from typing import Any, Final

_W: Final = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_MOST_COLUMNS: Final = 1_000


class WordGrid:
    """Takes `w:tr` elements in their order."""

    def __init__(self) -> None:
        self.rows: list[list[str]] = []
        """The texts; what a span covers is empty."""
        self.header_rows = 0
        """Rows at the top that are repeated on every page (`w:tblHeader`)."""
        self._spans: dict[tuple[int, int], list[int]] = {}
        # Column → where the cell begins that may go on below.
        self._open: dict[int, tuple[int, int]] = {}

    @property
    def spans(self) -> list[tuple[int, int, int, int]]:
        """Row, column, rows and columns of cells larger than one."""
        return [
            (row, column, height, width)
            for (row, column), (height, width) in self._spans.items()
            if height > 1 or width > 1
        ]

    def row(self, row: Any, cells: Sequence[tuple[Any, str]]) -> None:
        """One row: its `w:tc` elements with their texts."""
        number = len(self.rows)
        properties = row.find(_W + "trPr")
        if self.header_rows == number and properties is not None and _is_on(properties.find(_W + "tblHeader")):
            self.header_rows += 1
        texts = [""] * _number(properties, "gridBefore", 0)
        still_open: dict[int, tuple[int, int]] = {}
        for cell, text in cells:
            column = len(texts)
            if column >= _MOST_COLUMNS:
                break
            about = cell.find(_W + "tcPr")
            width = _number(about, "gridSpan", 1)
            merge = None if about is None else about.find(_W + "vMerge")
            begins = merge is not None and merge.get(_W + "val") == "restart"
            above = self._open.get(column) if merge is not None and not begins else None
            if above is not None and not text.strip() and self._spans[above][1] == width:
                self._spans[above][0] = number - above[0] + 1
                still_open[column] = above
            else:
                self._spans[number, column] = [1, width]
                if merge is not None:
                    still_open[column] = (number, column)
            texts.extend([text, *[""] * (width - 1)])
        self._open = still_open
        self.rows.append(texts)


def _number(properties: Any, name: str, default: int) -> int:
    element = None if properties is None else properties.find(_W + name)
    value = "" if element is None else element.get(_W + "val", "")
    return min(int(value), _MOST_COLUMNS) if value.isascii() and value.isdigit() and int(value) > 0 else default


def _is_on(element: Any) -> bool:
    return element is not None and element.get(_W + "val", "1") not in ("0", "false", "off")
