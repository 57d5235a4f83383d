"""A table that was found on a page, before it is known what it goes on with."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Final

from process.infrastructure.parsers.tables.page_marks import Word

_middle: Final = attrgetter("middle")
_left: Final = attrgetter("left")
_ON_A_LINE: Final = 0.4
"""Of the letters' height, that the middles of words on one line are apart at most."""


@dataclass(slots=True)
class FoundTable:
    """A grid with its place; x to the right and y down, in points."""

    rows: list[list[str]]
    left: float
    top: float
    right: float
    bottom: float
    spans: list[tuple[int, int, int, int]] = field(default_factory=list)
    columns: tuple[float, ...] = ()
    """Where columns begin and end."""
    is_ruled: bool = False
    title: str = ""
    """What stands in its first row over all columns."""
    notes: list[str] = field(default_factory=list)
    """What stands in its last rows over all columns."""

    @property
    def header_rows(self) -> int | None:
        """As far down as a header cell over several columns, or one beside it, reaches; None: judged by the look."""
        top = [span for span in self.spans if span[0] == 0]
        if not any(width > 1 for _, _, _, width in top) or all(not cell for cell in self.rows[0]):
            return None
        if any(column == 0 and width >= len(self.rows[0]) for _, column, _, width in top):
            return None
        return min(max([2, *(height for _, _, height, _ in top)]), len(self.rows) - 1)


def lines_of(words: Sequence[Word]) -> list[list[Word]]:
    """Words that stand on one line, from left to right; lines from top to bottom, by the word that is highest."""
    lines: list[list[Word]] = []
    for word in sorted(words, key=_middle):
        middle, height = word.middle, word.height
        for line in lines[:-4:-1]:
            near = line[-1]
            # None of the words so far is further down than this one.
            if middle - near.middle <= _ON_A_LINE * (near.height if near.height < height else height):
                line.append(word)
                break
        else:
            lines.append([word])
    for line in lines:
        if len(line) > 1:
            line.sort(key=_left)
    return lines


def are_level(words: Sequence[Word]) -> bool:
    """Whether they are surely one line, whatever their order."""
    middles = [word.middle for word in words]
    return max(middles) - min(middles) <= _ON_A_LINE * min([word.height for word in words])


def text_of(words: Sequence[Word]) -> str:
    """Line by line, as one text."""
    if len(words) < 2:
        return words[0].text if words else ""
    middle = words[0].middle
    for word in words:
        if word.middle != middle:
            break
    else:
        return " ".join([word.text for word in sorted(words, key=_left)])
    parts: list[str] = []
    for line in lines_of(words):
        text = " ".join(word.text for word in line)
        if parts and parts[-1].endswith("-") and text[:1].islower():
            parts[-1] = parts[-1][:-1] + text
        else:
            parts.append(text)
    return " ".join(parts)
