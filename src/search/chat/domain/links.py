"""Answers link to their citations and to nothing else: addresses that a language model writes are taken out."""

import re
from typing import Final

_TARGET: Final = re.compile(r"\]\([^)\s]*\)?")
_ADDRESS: Final = re.compile(
    r"<?\b(?:[a-z][a-z0-9+.\-]*://|www\.|javascript:|data:|mailto:)[^\s<>\"']*>?", re.IGNORECASE
)
_ELEMENT: Final = re.compile(r"<(?:/\s*)?[a-z!][^<>]{0,300}>", re.IGNORECASE)
_BEGUN: Final = re.compile(r"<(?:/\s*)?(?:[a-z!][^<>]{0,300})?\Z", re.IGNORECASE)
REMOVED: Final = "…"
"""Stands where an address stood."""


class WithoutLinks:
    """Fed with pieces; gives words once they are whole, so that no address passes in parts."""

    def __init__(self) -> None:
        self._open = ""

    def feed(self, piece: str) -> str:
        """What is whole now."""
        text = self._open + piece
        end = max(text.rfind(" "), text.rfind("\n"), text.rfind("\t")) + 1
        # Of an element in angle brackets all words belong together.
        begun = _BEGUN.search(text, 0, end)
        end = begun.start() if begun else end
        self._open = text[end:]
        return _clean(text[:end])

    def finish(self) -> str:
        """The rest."""
        rest, self._open = self._open, ""
        return _BEGUN.sub("", _clean(rest))


def _clean(text: str) -> str:
    text = _TARGET.sub("]", text)
    text = _ADDRESS.sub(REMOVED, text)
    return _ELEMENT.sub("", text)
