"""What the styles of a document say of its paragraphs, inherited ones included (ECMA-376-1, 17.7)."""

import re
from dataclasses import dataclass
from typing import Any, Final

from process.infrastructure.parsers.word.names import W, number, switch, value

_HEADING: Final = re.compile(r"(?:heading|제목|überschrift|titre) ?(\d)\Z", re.I)
_LONGEST_CHAIN: Final = 20
"""Chains may be circular in a damaged file."""


@dataclass(frozen=True, slots=True)
class Look:
    """What a style makes of a paragraph or a run."""

    kind: str = "paragraph"
    level: int = 0
    """Of a heading."""
    number_id: int | None = None
    number_level: int | None = None
    style_ids: tuple[str, ...] = ()
    """Itself and those it is based on, nearest first."""
    hidden: bool = False


class Styles:
    """All styles of a document; the root element of its part may be None."""

    def __init__(self, root: Any) -> None:
        self._elements: dict[str, Any] = {}
        self._known: dict[str, Look] = {}
        self._default: str | None = None
        for style in root.iter(W + "style") if root is not None else ():
            name = style.get(W + "styleId", "")
            self._elements[name] = style
            if style.get(W + "type") == "paragraph" and style.get(W + "default", "0") in ("1", "true", "on"):
                self._default = name

    def look(self, style_id: str | None) -> Look:
        """Of a paragraph without one: what the default style says."""
        name = style_id if style_id is not None else self._default
        if name is None:
            return Look()
        if name not in self._known:
            self._known[name] = self._find(name)
        return self._known[name]

    def numbering_of(self, style_id: str) -> int | None:
        """The numbering that a style of numberings stands for."""
        style = self._elements.get(style_id)
        properties = style.find(W + "pPr") if style is not None else None
        return number(properties.find(W + "numPr"), "numId") if properties is not None else None

    def _find(self, style_id: str) -> Look:
        role: tuple[str, int] | None = None
        number_id = number_level = None
        hidden: bool | None = None
        chain: list[str] = []
        while style_id in self._elements and len(chain) < _LONGEST_CHAIN:
            style = self._elements[style_id]
            chain.append(style_id)
            role = role or _role(style)
            properties = style.find(W + "pPr")
            numbering = properties.find(W + "numPr") if properties is not None else None
            if numbering is not None:
                number_id = number(numbering, "numId") if number_id is None else number_id
                number_level = number(numbering, "ilvl") if number_level is None else number_level
            if hidden is None:
                hidden = switch(style.find(W + "rPr"), "vanish")
            style_id = value(style, "basedOn") or ""
        kind, level = role or ("list_item" if number_id else "paragraph", 0)
        return Look(kind, level, number_id, number_level, tuple(chain), bool(hidden))


def _role(style: Any) -> tuple[str, int] | None:
    """The block kind and heading level that the style itself gives."""
    name = value(style, "name") or ""
    heading = _HEADING.search(name)
    if heading and int(heading.group(1)) > 0:
        return ("heading", min(6, int(heading.group(1))))
    if name.lower() in ("title", "caption"):
        return (name.lower(), 0)
    outline = number(style.find(W + "pPr"), "outlineLvl")
    return ("heading", outline + 1) if outline is not None and outline < 6 else None
