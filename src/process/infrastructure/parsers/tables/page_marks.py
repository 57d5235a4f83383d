"""What a table on a PDF page is made of: words and ruling lines, as they stand on the page that is seen."""

from dataclasses import dataclass, field


@dataclass(slots=True, eq=False)
class Word:
    """Letters without a gap; x to the right and y down, in points from the page's upper left corner."""

    text: str
    left: float
    top: float
    right: float
    bottom: float

    height: float = field(init=False)
    """Of the font's box."""
    middle: float = field(init=False)
    """Half way down."""

    def __post_init__(self) -> None:
        self.height = self.bottom - self.top
        self.middle = (self.top + self.bottom) / 2

    def stand(self, top: float, bottom: float) -> None:
        """From where to where down the page."""
        self.top, self.bottom = top, bottom
        self.height, self.middle = bottom - top, (top + bottom) / 2


@dataclass(slots=True, eq=False)
class Piece(Word):
    """Part of a line that no wide gap parts; it has several words."""

    begin: int
    """Where its text begins in that of the page as PDFium gives it."""


@dataclass(slots=True)
class Rule:
    """A level or an upright line: at `place`, from `start` to `end`."""

    place: float
    start: float
    end: float
