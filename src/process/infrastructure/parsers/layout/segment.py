"""A piece of a line, and a line: text with its place on the page."""

import re
from dataclasses import dataclass, field
from typing import Final

from process.infrastructure.parsers.tables.going_on import TableOnPage

IN_PLACE_OF_A_TABLE = "\ufffc"
"""Unicode's sign for an object between letters."""
ITEM_MARK: Final = re.compile(
    r"(?:[•◦▪■□○●◎▶▷※∙·‣⁃*–◆◇✓✔❖➢\-\uf000-\uf0ff]|\(?\d{1,2}[.)]|\(?[a-zA-Z가-힣][.)]|[①-⑳])\Z"
)
"""What stands before an item of a list, alone: no column and no cell of its own."""
WIDEST_INDENT: Final = 4.0
"""Times the height of the line, between an item's mark and its text."""


@dataclass(slots=True)
class Segment:
    """Text that stands together on one line; coordinates in points, upright as it is read, y grows upwards."""

    text: str
    left: float
    right: float
    bottom: float
    top: float
    spaced: bool = False
    """Its last sign was a space: the line break behind it parts two words."""
    table: TableOnPage | None = None
    """It stands for this table, at its upper edge."""
    begin: int = -1
    """Where it begins in the text of its page as PDFium gives it; -1 where it is not of one piece there."""
    aslant: bool = False
    """It runs in none of the four directions of writing."""

    @property
    def height(self) -> float:
        """That of the font's box."""
        return self.top - self.bottom

    @property
    def width(self) -> float:
        """From its first letter to its last."""
        return self.right - self.left


@dataclass(slots=True)
class Line:
    """A whole line of a column; one that is a row of a table has its cells."""

    text: str
    spaced: bool
    """The line break stands where a space was."""
    page: int
    """1-based."""
    left: float
    right: float
    top: float
    bottom: float
    column: int = 0
    """Of its page: lines of one column follow one another, those of another are beside or below it."""
    cells: list[str] = field(default_factory=list)
    """From left to right, as many as the table has columns; empty for a line of running text."""
    table: TableOnPage | None = None
    """It stands for this whole table."""

    @property
    def height(self) -> float:
        """That of its tallest font's box."""
        return self.top - self.bottom


@dataclass(frozen=True, slots=True)
class PictureOnPage:
    """A picture on a page that has text, too."""

    identity: object
    """Equal for the same picture elsewhere."""
    box: tuple[float, ...]
    """Left, top, right, bottom as fractions of the page as it is shown."""


@dataclass(frozen=True, slots=True)
class Note:
    """What stands on a page and is no line of it: filled into a form, remarked by a reader."""

    kind: str
    """`field` or `comment`."""
    text: str
    """Empty where the page's lines tell it already."""
    key: tuple[str, str] | None = None
    """Of a field, its name and value: the same one on several pages is told once."""


@dataclass(slots=True)
class Page:
    """The lines of one page in reading order, and what else stands on it."""

    number: int
    """1-based."""
    width: float
    height: float
    lines: list[Line]
    notes: list[Note] = field(default_factory=list)
    pictures: list[PictureOnPage] = field(default_factory=list)
    is_picture: bool = False
    """Its text, or most of it, is in a picture."""
    is_garbage: bool = False
    """The text that the file has for it is no text."""
    is_doubtful: bool = False
    """Its text has good letters and looks like no language."""
    holds_files: bool = False
    """Some are attached to it."""
