"""XHTML as HTML's reader wants it: there, `<title/>` begins an element and does not end it."""

import re
from typing import Final

_IS_XHTML: Final = re.compile(r"\A\s{0,99}<\?xml\b|<html\b[^>]{0,999}http://www\.w3\.org/1999/xhtml")
_HEAD: Final = 4_000
"""Characters in which the root element stands."""
_EMPTY: Final = re.compile(r"""<([A-Za-z][A-Za-z0-9]{0,20})((?:\s[^<>]{0,2000}["'\s])?)/>""")
_VOID_NAMES: Final = (
    "area base basefont bgsound br col embed frame hr img input keygen link meta param source track wbr"
)
_VOID: Final = frozenset(_VOID_NAMES.split())


def with_ends(page: str) -> str:
    """The page with an end for each element that XML calls empty; other pages as they are."""
    return _EMPTY.sub(_ended, page) if "/>" in page and _IS_XHTML.search(page[:_HEAD]) else page


def _ended(tag: re.Match[str]) -> str:
    name = tag[1]
    return tag[0] if name.lower() in _VOID else f"<{name}{tag[2]}></{name}>"
