"""What single elements of HTML are to a reader: shown or not, a block or in line, text that stands in attributes."""

import re
from collections.abc import Iterator
from typing import Any, Final

from process.domain.raised import raised
from process.infrastructure.parsers.formulas import grouped

_DROPPED_NAMES: Final = (
    "script style noscript template embed head button audio video noembed noframes datalist param track source link "
    "meta base title meter progress -comment -doctype"
)
_BLOCK_NAMES: Final = (
    "address article aside blockquote body center dd details dialog dir div dl dt fieldset figcaption figure footer "
    "form header hgroup hr html legend li main menu nav object ol optgroup option p search section summary svg table "
    "tbody td text tfoot th thead tr ul caption"
)
_DROPPED: Final = frozenset(_DROPPED_NAMES.split())
BLOCKS: Final = frozenset(_BLOCK_NAMES.split())
"""Elements whose text stands apart from what is around them."""
HEADINGS: Final = {f"h{level}": level for level in range(1, 7)}
"""The level of each."""
BREAK: Final = "\x0b"
"""A line break inside a block."""
MARKER: Final = "data-item-mark"
"""What the Markdown reader gives its list items: the mark that stands before them."""
KIND: Final = "data-block-kind"
"""What it gives paragraphs that are something else."""
_HIDDEN_STYLE: Final = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*(?:hidden|collapse)|mso-hide\s*:\s*all|font-size\s*:\s*0(?![.\d])"
    r"|max-height\s*:\s*0(?![.\d])",
    re.I,
)
_IN_DRAWING_ONLY: Final = frozenset(("metadata", "defs", "desc", "symbol", "clippath", "mask", "marker"))
"""Of SVG: what is not drawn where it stands. `desc` says of the drawing what its title says shorter."""
_MATH_NOTES: Final = frozenset(("annotation", "annotation-xml"))
_TYPED: Final = frozenset(("", "text", "search", "email", "tel", "url", "number", "date", "month", "week", "time"))
_LONGEST_ALT: Final = 2_000


def children(node: Any) -> Iterator[Any]:
    """From the last to the first, as a stack wants them; a node's own order is that of its stack."""
    child = node.last_child
    while child is not None:
        yield child
        child = child.prev


def is_shown(node: Any) -> bool:
    """Whether a browser without scripts shows the element, and it is about the document and not the site."""
    tag = node.tag
    if tag in _DROPPED:
        return tag == "title" and node.parent is not None and node.parent.tag in ("svg", "g")
    if tag in _IN_DRAWING_ONLY or tag in _MATH_NOTES:
        return False
    attributes = node.attributes
    if attributes:
        # What "until-found" hides is there for who looks for it.
        if "hidden" in attributes and (attributes["hidden"] or "").strip().lower() != "until-found":
            return False
        if _HIDDEN_STYLE.search(attributes.get("style") or ""):
            return False
    if tag == "dialog" and "open" not in attributes:
        return False
    if tag == "nav" or attributes.get("role") == "navigation":
        return _is_contents(node)
    return True


def replaced_text(node: Any, tag: str) -> str | None:
    """The text that stands for an element which has no text inside, or another; None for an ordinary one."""
    if node.attributes.get("role") == "img" and (label := node.attributes.get("aria-label")) and tag != "img":
        return f" {label[:_LONGEST_ALT]} "
    if tag in ("img", "area", "image"):
        alt = (node.attributes.get("alt") or "")[:_LONGEST_ALT]
        return f" {alt} " if alt.strip() else " "
    if tag == "input":
        kind = (node.attributes.get("type") or "").strip().lower()
        if kind in ("checkbox", "radio"):
            return " ☑ " if "checked" in node.attributes else " "
        return f" {node.attributes.get('value') or ''} " if kind in _TYPED else " "
    if tag == "select":
        chosen = node.css("option[selected]")
        return " " + " ".join(option.text(deep=True) for option in chosen) + " "
    if tag in ("canvas", "iframe"):
        return " "
    if tag in ("rt", "rp"):
        # A reading above the word it belongs to; between parentheses where the page itself has none.
        text = node.text(deep=True)
        return text if tag == "rp" or _has_parenthesis(node) or not text.strip() else f"({text.strip()})"
    if tag == "textarea":
        return f" {node.text(deep=True)} ".replace("\n", BREAK)
    if tag == "title":  # of a drawing
        return f" {node.text(deep=True)} "
    if tag == "tspan" and any(name in node.attributes for name in ("x", "y", "dy")):
        return f" {node.text(deep=True)} "
    if tag == "sup":
        number = node.text(deep=True)
        return said if (said := raised(number)) != number else None
    if tag == "wbr":
        return ""
    if tag == "msqrt":
        return f"√{grouped(node.text(deep=True).strip())}"
    if tag == "mfrac":
        parts = [child.text(deep=True).strip() for child in children(node) if child.tag != "-text"]
        return "/".join(map(grouped, reversed(parts)))
    return None


def source_document(frame: Any) -> str | None:
    """The HTML that an inline frame carries itself."""
    return frame.attributes.get("srcdoc") or None


def verbatim(node: Any) -> str:
    """The text of a preformatted element: its white space and line breaks as they stand."""
    parts: list[str] = []
    stack = [node]
    while stack:
        here = stack.pop()
        if here.tag == "-text":
            parts.append(here.text_content or "")
        elif here.tag == "br":
            parts.append("\n")
        elif here is node or (here.tag is not None and is_shown(here)):
            stack.extend(children(here))
    return "".join(parts)


def _has_parenthesis(reading: Any) -> bool:
    before = reading.prev
    while before is not None and before.tag == "-text":
        before = before.prev
    return before is not None and before.tag == "rp"


def _is_contents(navigation: Any) -> bool:
    """A table of contents: its links stay on the page. Other navigation is about the site, not the document."""
    links = navigation.css("a[href]")
    inner = sum((link.attributes.get("href") or "").startswith("#") for link in links)
    return bool(inner * 2 > len(links))
