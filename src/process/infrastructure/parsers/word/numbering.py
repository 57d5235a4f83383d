"""Automatic numbers of paragraphs, counted as Word counts them (ECMA-376-1, 17.9)."""

import re
from dataclasses import dataclass, field, replace
from typing import Any, Final

from process.infrastructure.parsers.number_text import number_text
from process.infrastructure.parsers.word.names import MC, W, number, switch, value
from process.infrastructure.parsers.word.styles import Look, Styles

_PLACE: Final = re.compile(r"%([1-9])")
_PRIVATE: Final = re.compile("[\ue000-\uf8ff]")
_LEVELS: Final = 9


@dataclass(slots=True)
class _Level:
    start: int = 1
    format_name: str = "decimal"
    zeros: int = 0
    """Digits that a custom format fills up to."""
    text: str = ""
    restart: int | None = None
    """1-based level after which it begins anew; 0 for never; None for after any above it."""
    legal: bool = False
    """All its numbers are shown as decimals."""
    style_id: str | None = None
    apart: bool = True
    """White space stands between the number and the text."""
    hidden: bool = False

    def written(self, count: int) -> str:
        if self.zeros:
            return f"{count:0{self.zeros}d}"
        return number_text(count, self.format_name)


@dataclass(slots=True)
class _Instance:
    """A numbering: levels, and the list whose count it goes on with."""

    list_id: str
    levels: dict[int, _Level]
    begins_anew: list[int] = field(default_factory=list)
    """Levels that do so where this numbering is used first."""
    used: bool = False


class Numbering:
    """The numbers of a whole document: asked paragraph by paragraph, in order."""

    def __init__(self, root: Any, styles: Styles) -> None:
        self._styles = styles
        self._lists: dict[str, dict[int, _Level]] = {}
        self._links: dict[str, str] = {}
        self._list_of: dict[int, str] = {}
        self._instances: dict[int, _Instance | None] = {}
        self._elements: dict[int, Any] = {}
        self._counts: dict[str, list[int | None]] = {}
        for element in root.iter(W + "abstractNum") if root is not None else ():
            name = element.get(W + "abstractNumId", "")
            self._lists[name] = _levels(element)
            link = value(element, "numStyleLink")
            if link:
                self._links[name] = link
        for element in root.iter(W + "num") if root is not None else ():
            name = element.get(W + "numId", "")
            if name.isascii() and name.isdigit():
                self._elements[int(name)] = element

    def label(self, properties: Any, look: Look) -> tuple[str, bool] | None:
        """What stands before the paragraph: "" and False for a bullet, the number and whether white space follows it.

        `properties` is its `w:pPr` or None, `look` what its style says. None for a paragraph that is in no list.
        """
        own = properties.find(W + "numPr") if properties is not None else None
        number_id = number(own, "numId") if own is not None else None
        level = number(own, "ilvl") if own is not None else None
        number_id = look.number_id if number_id is None else number_id
        instance = self._instance(number_id) if number_id else None
        if instance is None:
            return None
        if level is None:
            # Of styles that are based on one another, the paragraph's own one tells.
            by_style = {one.style_id: at for at, one in instance.levels.items()}
            linked = (by_style[style_id] for style_id in look.style_ids if style_id in by_style)
            level = next(linked, look.number_level or 0)
        if level >= _LEVELS:
            return None
        return self._next(instance, level)

    def _next(self, instance: _Instance, level: int) -> tuple[str, bool] | None:
        counts = self._counts.setdefault(instance.list_id, [None] * _LEVELS)
        if not instance.used:
            instance.used = True
            for at in instance.begins_anew:
                counts[at:] = [None] * (_LEVELS - at)
        about = instance.levels.get(level, _Level())
        before = counts[level]
        counts[level] = about.start if before is None else before + 1
        for deeper in range(level + 1, _LEVELS):
            restart = instance.levels.get(deeper, _Level()).restart
            if restart is None or (restart and level < restart):
                counts[deeper] = None
        if about.hidden or about.format_name == "bullet":
            return "", False
        text = _PLACE.sub(lambda found: self._shown(instance, about, counts, level, int(found[1]) - 1), about.text)
        return _PRIVATE.sub("", text).strip(), about.apart

    def _shown(self, instance: _Instance, about: _Level, counts: list[int | None], level: int, at: int) -> str:
        if at > level:
            return ""
        of = instance.levels.get(at, _Level())
        count = counts[at]
        # A level that has had no paragraph yet counts as the number before its first.
        count = of.start - 1 if count is None else count
        return str(count) if about.legal else of.written(count)

    def _instance(self, number_id: int) -> _Instance | None:
        if number_id not in self._instances:
            self._instances[number_id] = self._made(number_id, 0)
        return self._instances[number_id]

    def _made(self, number_id: int, depth: int) -> _Instance | None:
        element = self._elements.get(number_id)
        if element is None:
            return None
        list_id = value(element, "abstractNumId") or ""
        link = self._links.get(list_id)
        if link is not None and depth < _LEVELS:
            linked = self._styles.numbering_of(link)
            target = self._elements.get(linked) if linked is not None else None
            if target is not None and linked != number_id:
                list_id = value(target, "abstractNumId") or list_id
        instance = _Instance(list_id, dict(self._lists.get(list_id, {})))
        for override in element.iter(W + "lvlOverride"):
            name = override.get(W + "ilvl", "")
            if not (name.isascii() and name.isdigit() and int(name) < _LEVELS):
                continue
            level = override.find(W + "lvl")
            if level is not None:
                instance.levels[int(name)] = _level(level)
            begins = number(override, "startOverride")
            if begins is not None:
                instance.begins_anew.append(int(name))
                instance.levels[int(name)] = replace(instance.levels.get(int(name), _Level()), start=begins)
        return instance


def _levels(element: Any) -> dict[int, _Level]:
    levels = {}
    for level in element.iter(W + "lvl"):
        name = level.get(W + "ilvl", "")
        if name.isascii() and name.isdigit() and int(name) < _LEVELS:
            levels[int(name)] = _level(level)
    return levels


def _level(element: Any) -> _Level:
    format_element = element.find(W + "numFmt")
    if format_element is None:
        format_element = element.find(f"{MC}AlternateContent/{MC}Choice/{W}numFmt")
    format_name, zeros = "decimal", 0
    if format_element is not None:
        format_name = format_element.get(W + "val", "decimal")
        if format_name == "custom":
            # Such as "001, 002, 003, ...".
            first = format_element.get(W + "format", "").partition(",")[0].strip()
            format_name, zeros = "decimal", min(len(first), 20) if first.isdigit() else 0
    start = number(element, "start")
    return _Level(
        start=1 if start is None else start,
        format_name=format_name,
        zeros=zeros,
        text=value(element, "lvlText") or "",
        restart=number(element, "lvlRestart"),
        legal=bool(switch(element, "isLgl")),
        style_id=value(element, "pStyle"),
        apart=value(element, "suff") != "nothing",
        hidden=bool(switch(element.find(W + "rPr"), "vanish")),
    )
