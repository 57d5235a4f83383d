"""Automatic numbers of lists and headings in OpenDocument files (ODF 1.3 part 3, 16.31 to 16.37, and 19.500)."""

import re
from dataclasses import dataclass, field
from typing import Any, Final

from process.infrastructure.parsers.number_text import number_text
from process.infrastructure.parsers.package import local

_LEVELS: Final = 10
_PLACE: Final = re.compile(r"%(\d{1,2})%")
# By the first sign of how a format is named: its own first number ("가, 나, 다, ..." is written out by LibreOffice).
_FORMATS: Final = {
    "1": "decimal", "a": "lowerLetter", "A": "upperLetter", "i": "lowerRoman", "I": "upperRoman", "가": "ganada",
    "ㄱ": "chosung", "일": "koreanDigital", "하": "koreanLegal", "①": "decimalEnclosedCircle", "一": "japaneseCounting",
    "壹": "japaneseLegal", "甲": "ideographTraditional", "子": "ideographZodiac", "１": "decimalFullWidth",
    "ア": "aiueoFullWidth", "イ": "irohaFullWidth", "ｱ": "aiueo", "ｲ": "iroha",
    "А": "russianUpper", "а": "russianLower",
}  # fmt: skip

_ENCLOSED: Final = frozenset("㉠㉮㈀㈎")
"""First ones of Korean letters in circles and brackets, which follow one another in Unicode."""
_LAST_ENCLOSED: Final = 14


@dataclass(frozen=True, slots=True)
class _Level:
    format_name: str = ""
    """Empty: no number is shown."""
    prefix: str = ""
    suffix: str = ""
    pattern: str = ""
    """LibreOffice's own: 제%1%조; it says more than prefix and suffix."""
    shown_levels: int = 1
    start: int = 1


@dataclass(slots=True)
class _List:
    """A list that is being read, with those inside it."""

    style: str
    counts: list[int | None] = field(default_factory=lambda: [None] * _LEVELS)


class Numbering:
    """The numbers of a document, asked list by list and item by item, in order."""

    def __init__(self, *roots: Any) -> None:
        self._styles: dict[str, dict[int, _Level]] = {}
        self._outline: dict[int, _Level] = {}
        self._headings = _List("")
        self._open: list[_List] = []
        self._last: dict[str, _List] = {}
        """The last list of each style."""
        self._by_id: dict[str, _List] = {}
        for root in roots:
            for style in root.iter("{*}list-style", "{*}outline-style") if root is not None else ():
                levels = dict(filter(None, map(_level, style)))
                if local(style) == "outline-style":
                    self._outline = levels
                else:
                    self._styles.setdefault(_value(style, "name"), levels)

    def begin(self, element: Any) -> None:
        """A `text:list`, until `end`."""
        style = _value(element, "style-name") or (self._open[-1].style if self._open else "")
        if self._open:
            inner = _List(style, self._open[-1].counts)
        else:
            continued = _value(element, "continue-list")
            former = self._by_id.get(continued) if continued else None
            if former is None and _value(element, "continue-numbering") == "true":
                former = self._last.get(style)
            inner = _List(style, former.counts if former is not None else [None] * _LEVELS)
            self._last[style] = inner
            self._by_id[_value(element, "id")] = inner
        self._open.append(inner)

    def end(self) -> None:
        """The list that was begun last has no more items."""
        self._open.pop()

    def item(self, element: Any) -> str:
        """What stands before the first line of a `text:list-item`."""
        depth = len(self._open)
        begins = next((local(child) for child in element if local(child)), "")
        if not 0 < depth <= _LEVELS or begins not in ("p", "h"):
            return ""
        here = self._open[-1]
        return _next(here, self._styles.get(here.style, {}), depth, _value(element, "start-value"))

    def heading(self, element: Any, level: int) -> str:
        """What stands before a heading that is in no list."""
        if _value(element, "is-list-header") == "true" or not 0 < level <= _LEVELS:
            return ""
        return _next(self._headings, self._outline, level, _value(element, "start-value"))


def _next(of: _List, levels: dict[int, _Level], depth: int, start: str) -> str:
    about = levels.get(depth, _Level())
    before = of.counts[depth - 1]
    of.counts[depth - 1] = int(start) if _is_number(start) else about.start if before is None else before + 1
    of.counts[depth:] = [None] * (_LEVELS - depth)
    if not about.format_name:
        return ""

    def shown(level: int) -> str:
        if not 0 < level <= depth:
            return ""
        one, count = levels.get(level, _Level()), of.counts[level - 1]
        count = one.start if count is None else count
        if one.format_name in _ENCLOSED:
            return chr(ord(one.format_name) + count - 1) if 0 < count <= _LAST_ENCLOSED else str(count)
        return number_text(count, one.format_name or "none")

    if _PLACE.search(about.pattern):
        return _PLACE.sub(lambda found: shown(int(found[1])), about.pattern).strip()
    first = max(1, depth - about.shown_levels + 1)
    numbers = filter(None, map(shown, range(first, depth + 1)))
    return f"{about.prefix}{'.'.join(numbers)}{about.suffix}".strip()


def _level(element: Any) -> tuple[int, _Level] | None:
    level = _value(element, "level")
    if local(element) not in ("list-level-style-number", "outline-level-style") or not _is_number(level):
        return None
    named, shown, start = (_value(element, name) for name in ("num-format", "display-levels", "start-value"))
    return int(level), _Level(
        format_name=named[0] if named[:1] in _ENCLOSED else _FORMATS.get(named[:1], "decimal") if named else "",
        prefix=_value(element, "num-prefix"),
        suffix=_value(element, "num-suffix"),
        pattern=_value(element, "num-list-format"),
        shown_levels=int(shown) if _is_number(shown) else 1,
        start=int(start) if _is_number(start) else 1,
    )


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 9


def _value(element: Any, name: str) -> str:
    return next((str(value) for key, value in element.attrib.items() if key.rpartition("}")[2] == name), "")
