"""The smallest parts a chunk is built of: sentences, table rows, lines of code."""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from shared.sentences import sentences

_LONGEST: Final = 2_000
"""Characters; a longer unit is divided before anything is counted."""
_SHORTEST_SENTENCE: Final = 40
_SHORTEST_LINES: Final = 60
_PARAGRAPH, _SENTENCE, _CLAUSE, _LINE, _HEADER = 0.0, 0.15, 0.4, 1.5, 3.0
"""What a break before a unit costs, where a chunk costs 1: another chunk is better than a table in two."""
_CLAUSE_END: Final = re.compile(r"[,;:、，；·)]\s|[、，；]")


@dataclass(frozen=True, slots=True)
class TableHeader:
    """What the pieces of a table repeat."""

    end: int
    """Where the header rows end in the text."""
    context: str
    """What is embedded with each piece that begins behind them."""


@dataclass(slots=True)
class Unit:
    """A slice of the text that stays together, and how willingly a chunk begins with it."""

    start: int
    end: int
    kind: str
    block: int
    readable: bool
    break_cost: float
    apart: bool = False
    """It was cut inside a word: it must begin a chunk, or the word's size would not be the parts' sum."""
    header: str = ""
    """What is embedded with a chunk that begins with it."""
    header_tokens: int = 0
    tokens: int = 0
    size: float = 0.0
    """1 is a full chunk."""


def units_of(text: str, start: int, end: int, kind: str, block: int, readable: bool) -> Iterator[Unit]:
    """The units of one block, in order, covering its non-space characters."""
    by_line = kind in ("table", "code")
    if by_line:
        spans = _joined(_lines(text, start, end), _SHORTEST_LINES, keep_first=kind == "table")
    else:
        spans = _joined(sentences(text, start, end), _SHORTEST_SENTENCE)
    for index, (begin, stop) in enumerate(spans):
        cost = _PARAGRAPH if index == 0 else _SENTENCE
        if by_line and index > 0:
            cost = _HEADER if index == 1 and kind == "table" else _LINE
        unit = Unit(begin, stop, kind, block, readable, cost)
        if stop - begin > 2 * _LONGEST:
            yield from divided(text, unit, -(-(stop - begin) // _LONGEST))
        else:
            yield unit


def divided(text: str, unit: Unit, parts: int) -> list[Unit]:
    """The unit in about `parts` (at least two) even pieces, cut at the best places near the even ones."""
    parts = max(2, min(parts, unit.end - unit.start))
    step = (unit.end - unit.start) / parts
    cuts: list[tuple[int, bool]] = []
    previous = unit.start
    for number in range(1, parts):
        ideal = unit.start + round(number * step)
        slack = max(1, int(step * 0.4))
        cut, clean = _cut_near(text, max(previous + 1, ideal - slack), ideal, min(unit.end - 1, ideal + slack))
        if previous < cut < unit.end:
            cuts.append((cut, clean))
            previous = cut
    pieces: list[Unit] = []
    begin, apart, cost = unit.start, unit.apart, unit.break_cost
    for cut, clean in [*cuts, (unit.end, True)]:
        left, right = begin, cut
        while left < right and text[left].isspace():
            left += 1
        while right > left and text[right - 1].isspace():
            right -= 1
        if left < right:
            pieces.append(
                Unit(left, right, unit.kind, unit.block, unit.readable, cost, apart, unit.header, unit.header_tokens)
            )
            apart = False
        begin, cost = cut, _CLAUSE
        apart = apart or not clean
    return pieces


def _cut_near(text: str, low: int, ideal: int, high: int) -> tuple[int, bool]:
    """A place to cut, and whether it lies between words."""
    window = text[low:high]
    middle = ideal - low
    line = _nearest([i + 1 for i, sign in enumerate(window) if sign == "\n"], middle)
    if line is not None:
        return low + line, True
    clause = _nearest([match.end() for match in _CLAUSE_END.finditer(window)], middle)
    if clause is not None and abs(clause - middle) <= len(window) // 4:
        # A full-width comma has no space after it, but ends a word as well.
        return low + clause, True
    space = _nearest([i + 1 for i, sign in enumerate(window) if sign.isspace()], middle)
    if space is not None:
        return low + space, True
    cut = max(low, ideal)
    # Never between a letter and the marks on it.
    while cut < high and (unicodedata.combining(text[cut]) or text[cut] == "\u200d" or text[cut - 1] == "\u200d"):
        cut += 1
    return cut, False


def _nearest(places: list[int], middle: int) -> int | None:
    return min(places, key=lambda place: abs(place - middle)) if places else None


def _lines(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    while start < end:
        stop = text.find("\n", start, end)
        stop = end if stop == -1 else stop
        line = text[start:stop]
        left = len(line) - len(line.lstrip())
        right = len(line.rstrip())
        if left < right:
            yield start + left, start + right
        start = stop + 1


def _joined(spans: Iterable[tuple[int, int]], shortest: int, *, keep_first: bool = False) -> Iterator[tuple[int, int]]:
    """Short spans joined to the next one, so that a line of one word is not a unit of its own."""
    pending: tuple[int, int] | None = None
    first = keep_first
    for start, end in spans:
        pending = (start if pending is None else pending[0], end)
        if first or pending[1] - pending[0] >= shortest:
            yield pending
            pending = None
        first = False
    if pending is not None:
        yield pending
