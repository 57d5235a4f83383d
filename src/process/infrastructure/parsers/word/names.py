"""Names of WordprocessingML, and how its properties are read."""

from typing import Any, Final

W: Final = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
MC: Final = "{http://schemas.openxmlformats.org/markup-compatibility/2006}"
WRAPPERS: Final = frozenset(W + name for name in ("sdt", "sdtContent", "customXml", "smartTag", "ins", "moveTo"))
"""Elements around paragraphs, rows or cells that change nothing of what is read."""
_OFF: Final = frozenset(("0", "false", "off", "none"))
_MOST: Final = 100_000_000


def value(parent: Any, name: str) -> str | None:
    """The `w:val` of a child; None where there is none."""
    child = parent.find(W + name) if parent is not None else None
    found: str | None = child.get(W + "val") if child is not None else None
    return found


def number(parent: Any, name: str) -> int | None:
    """The same as a whole number; None for what is none."""
    text = value(parent, name)
    return int(text) if text is not None and text.isascii() and text.isdigit() and int(text) < _MOST else None


def switch(parent: Any, name: str) -> bool | None:
    """A property that is on or off; None where nothing is said."""
    child = parent.find(W + name) if parent is not None else None
    return None if child is None else child.get(W + "val", "1").lower() not in _OFF
