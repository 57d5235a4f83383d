"""What a table on a PDF page is made of: words and ruling lines, as they stand on the page that is seen."""

from dataclasses import dataclass


class Word:
    """Letters without a gap; x to the right and y down, in points from the page's upper left corner."""

    __slots__ = ("bottom", "height", "left", "middle", "right", "text", "top")

    def __init__(self, text: str, left: float, top: float, right: float, bottom: float) -> None:
        self.text = text
        self.left = left
        self.top = top
        self.right = right
        self.bottom = bottom
        self.height = bottom - top
        """Of the font's box."""
        self.middle = (top + bottom) / 2
        """Half way down."""

    def stand(self, top: float, bottom: float) -> None:
        """From where to where down the page."""
        self.top, self.bottom = top, bottom
        self.height, self.middle = bottom - top, (top + bottom) / 2


class Piece(Word):
    """Part of a line that no wide gap parts; it has several words."""

    __slots__ = ("begin",)

    def __init__(self, text: str, left: float, top: float, right: float, bottom: float, begin: int) -> None:
        super().__init__(text, left, top, right, bottom)
        self.begin = begin
        """Where its text begins in that of the page as PDFium gives it."""


@dataclass(slots=True)
class Rule:
    """A level or an upright line: at `place`, from `start` to `end`."""

    place: float
    start: float
    end: float
