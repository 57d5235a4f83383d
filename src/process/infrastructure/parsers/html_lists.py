"""What stands before the items of HTML lists: numbers that a browser counts, marks that the Markdown reader gives."""

import re
from typing import Any, Final

from process.infrastructure.parsers.html_nodes import MARKER, children
from process.infrastructure.parsers.number_text import number_text

_TYPES: Final = {"1": "decimal", "a": "lowerLetter", "A": "upperLetter", "i": "lowerRoman", "I": "upperRoman"}
_STYLES: Final = {
    "decimal": "decimal", "lower-alpha": "lowerLetter", "lower-latin": "lowerLetter", "upper-alpha": "upperLetter",
    "upper-latin": "upperLetter", "lower-roman": "lowerRoman", "upper-roman": "upperRoman",
    "hangul": "ganada", "hangul-consonant": "chosung", "korean-hangul-formal": "koreanDigital",
}  # fmt: skip
"""Names of CSS Counter Styles Level 3."""
_STYLE: Final = re.compile(r"list-style(?:-type)?\s*:\s*([^;]{1,100})", re.I)
_NO_NUMBERS: Final = re.compile(
    r"(?:^|[},;\s])(?:ol|li|\*)\s*(?:,[^{}]{0,500})?\{[^{}]{0,2000}list-style(?:-type)?\s*:\s*none", re.I
)
_WRITTEN: Final = re.compile(r"\(?(?:\d{1,3}|[A-Za-z가-하ivxIVX]{1,4})[.)]\s|[①-⑳㉠-㉭]|제\s?\d+")
_LARGEST: Final = 1_000_000


class ItemNumbers:
    """Counts the items of the ordered lists of one page, which is walked in its order."""

    def __init__(self) -> None:
        self._next: dict[int, int] = {}
        self._are_shown: bool | None = None

    def mark(self, item: Any) -> str:
        """What stands before an `li`; nothing where the page takes numbers away, or writes them itself."""
        given: str | None = item.attributes.get(MARKER)
        if given is not None:
            return given
        parent = item.parent
        if parent is None or parent.tag != "ol":
            return ""
        attributes, step = parent.attributes, -1 if "reversed" in parent.attributes else 1
        known = self._next.get(parent.mem_id)
        if known is None:
            known = _whole(attributes.get("start"))
        if known is None:
            known = 1 if step == 1 else sum(child.tag == "li" for child in children(parent))
        number = _whole(item.attributes.get("value"))
        number = known if number is None else number
        self._next[parent.mem_id] = number + step
        form = _form(item, parent)
        if not form or not self._shows_numbers(item):
            return ""
        return f"{number_text(number, form)}."

    def _shows_numbers(self, item: Any) -> bool:
        if self._are_shown is None:
            root = item
            while root.parent is not None:
                root = root.parent
            sheets = (sheet.text(deep=True) for sheet in root.css("style"))
            self._are_shown = not any(map(_NO_NUMBERS.search, sheets))
        return self._are_shown


def says_itself(text: str, mark: str) -> bool:
    """Whether an item's text begins with a number of its own, so that a counted one would be told beside it."""
    return mark[0] not in "-*+" and _WRITTEN.match(text) is not None


def _form(item: Any, parent: Any) -> str:
    for element in (item, parent):
        style = _STYLE.search(element.attributes.get("style") or "")
        if style is not None:
            words = style[1].lower().split()
            return "" if "none" in words else next((_STYLES[word] for word in words if word in _STYLES), "decimal")
        kind = (element.attributes.get("type") or "").strip()
        if kind in _TYPES:
            return _TYPES[kind]
    return "decimal"


def _whole(written: str | None) -> int | None:
    found = re.match(r"\s*(-?\d{1,7})", written or "")
    return int(found[1]) if found is not None and abs(int(found[1])) < _LARGEST else None
