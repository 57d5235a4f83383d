"""The ways a code is written in digits, dots and hyphens, and what else is written that way."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

NATIONAL: Final = (8, 10)

_GROUPS: Final = re.compile(r"\d+")
# Lengths of the groups of digits between marks.
_MARKED: Final = frozenset(
    (
        (2, 2), (4, 2), (4, 2, 2), (4, 2, 4), (4, 2, 2, 2), (4, 4), (4, 6), (6, 2), (6, 4), (6, 2, 2),
        (2, 2, 2), (2, 2, 2, 2), (2, 2, 2, 4), (2, 2, 2, 2, 2),
    )
)  # fmt: skip
_MARKS: Final = frozenset(".- ")
_NO_DIGITS: Final = dict.fromkeys(map(ord, "0123456789"))
_UNMARKED: Final = (4, 6, 8, 10)
# Both ends of a range: the lengths of each.
_RANGES: Final = {(4, 2, 4, 2): 2, (2, 2, 2, 2): 2, (4, 4): 1, (6, 6): 1, (4, 2, 4, 4, 2, 4): 3}
_ACROSS: Final = re.compile(r"[ \t]*[.\-]?[ \t]*\r?\n[ \t]*[.\-]?[ \t]*|[ ]?[.\-][ ]?")
# A subheading and a national line of a length that no country has, or not all of one.
_ODD_END: Final = re.compile(r"(\d{4}\.\d{2})[.\-](?:\d|\d{3}|\d{5})")
_YEARS: Final = range(1900, 2100)


@dataclass(frozen=True, slots=True)
class Shape:
    """How a code is written: its digits, and the marks between them in their order."""

    written: str
    digits: str
    marks: str
    groups: tuple[str, ...]

    @property
    def first_mark(self) -> str:
        """Empty where there is none."""
        return self.marks[:1]

    @property
    def is_notation(self) -> bool:
        """8471.30-0000 and 8471.30.00.00: hardly anything but codes is written so."""
        lengths = tuple(map(len, self.groups))
        return lengths in ((4, 2, 4), (4, 2, 2, 2)) and self.marks[0] == "."

    @property
    def may_be_a_date(self) -> bool:
        """2009.12, 2009.12-2010, 2009-10-12, 20091012 and 12.10.2009."""
        first, *rest = self.groups
        if len(first) == 8 and not rest:
            return int(first[:4]) in _YEARS and 1 <= int(first[4:6]) <= 12 and 1 <= int(first[6:]) <= 31
        if len(first) == 4 and rest and len(rest[0]) == 2:
            return int(first) in _YEARS and 1 <= int(rest[0]) <= 12
        if len(first) == 4 and len(rest) == 1 and len(rest[0]) == 4:
            return int(first) in _YEARS and int(rest[0]) in _YEARS
        return len(first) == 2 and len(rest) >= 2 and int(first) <= 31 and 1 <= int(rest[0]) <= 31

    @property
    def needs_words(self) -> bool:
        """So few digits, or so usual a writing, that only words can tell it is a code."""
        lengths = tuple(map(len, self.groups))
        return (
            lengths in ((4,), (6,), (8,)) or len(self.groups[0]) == 2 or (self.first_mark == "-" and lengths != (6, 4))
        )

    @property
    def looks_like_a_number(self) -> bool:
        """8471.3000 is a number with decimals."""
        return len(self.groups) == 2 and self.first_mark == "." and len(self.groups[1]) != 2


@dataclass(frozen=True, slots=True)
class Part:
    """One end of a range, or a number that is none; places are within what was written."""

    start: int
    end: int
    written: str
    is_part: bool


def shape_of(written: str) -> Shape | None:
    """None: no code is written so."""
    groups = tuple(_GROUPS.findall(written))
    lengths = tuple(map(len, groups))
    marks = written.translate(_NO_DIGITS)
    is_one = lengths in _MARKED if len(groups) > 1 else bool(groups) and lengths[0] in _UNMARKED
    if not is_one or not set(marks) <= _MARKS or (lengths[0] == 2 and marks[0] != "."):
        return None
    return Shape(written, "".join(groups), marks, groups)


def without_odd_end(written: str) -> str | None:
    """8536.69 of 8536.69-100, whose last digits are miswritten; None: they are not."""
    odd = _ODD_END.fullmatch(written)
    return odd and odd[1]


def parts_of_range(written: str) -> Iterator[Part]:
    """Both ends of 8471.30-8473.30; the number itself where it is no range."""
    groups = list(_GROUPS.finditer(written))
    half = _RANGES.get(tuple(len(group.group()) for group in groups))
    if half is not None and written[groups[half].start() - 1] == "-" and "-" not in written[: groups[half].start() - 1]:
        low, high = written[: groups[half].start() - 1], written[groups[half].start() :]
        if _rises(low, high):
            yield Part(0, len(low), low, True)
            yield Part(len(low) + 1, len(written), high, True)
            return
    yield Part(0, len(written), written, False)


def _rises(low: str, high: str) -> bool:
    return re.sub(r"\D", "", low) < re.sub(r"\D", "", high)


def written_across(gap: str) -> bool:
    """Whether a code may go on behind it: the end of a line, or a mark with spaces."""
    return _ACROSS.fullmatch(gap) is not None
