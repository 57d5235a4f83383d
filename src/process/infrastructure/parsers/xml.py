"""XML: the text of its elements with their names; references and CDATA resolved, nothing fetched."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from lxml import etree

from process.infrastructure.parsers.draft import Draft, Unreadable, one_line
from process.infrastructure.parsers.encoding import decoded_text
from process.infrastructure.parsers.html import line_of
from process.infrastructure.parsers.package import local

_DECLARATION: Final = re.compile(r"\A\s*<\?xml[^>]*\?>")
_NOT_TEXT: Final = frozenset(("style", "script", "binData", "binaryData"))
_ATTRIBUTE: Final = re.compile(r"[^\W\d_]{2}.*\s|[^\x00-\x7f]", re.S)
_NAMES: Final = frozenset(("name", "title", "label", "value", "text", "content", "description", "caption", "summary"))
_WORD: Final = re.compile(r"[^\W_]")
_MARKUP: Final = re.compile(
    r"</(?:p|div|span|a|b|i|u|em|strong|font|li|ul|ol|td|table|h[1-6]|blockquote|pre|code)\s*>|<(?:br|hr|img)\b[^<>]*>",
    re.I,
)
"""Of a page that stands in a text: ends of elements, and elements that have none."""
_MOST_LINES: Final = 40


def parse(path: Path, draft: Draft) -> None:
    """Fills the draft. Raises Unreadable."""
    raw = path.read_bytes()
    root, is_whole = _root(raw)
    if not is_whole:
        # It may be in another encoding than it says, or in two.
        decoded = decoded_text(raw)
        again, is_mended = _root(_DECLARATION.sub("", decoded.text).encode())
        if root is None or is_mended or (decoded.warnings and again is not None):
            root, is_whole = again, is_mended
            draft.warnings.extend(decoded.warnings)
    if root is None:
        raise Unreadable("corrupt", "The XML is damaged: nothing in it can be read. Save it again.")
    if not is_whole:
        draft.warnings.append("The XML is not well-formed; what is behind the first mistakes may be missing.")
    some: list[str] = []
    parent = None
    for owner, line in _lines(root):
        if some and (owner is not parent or len(some) >= _MOST_LINES):
            draft.add("paragraph", "\n".join(some))
            some = []
        parent = owner
        some.append(line)
    draft.add("paragraph", "\n".join(some))
    draft.title = next((one_line(one.text) for one in root if local(one).lower() == "title" and one.text), None)


def _root(raw: bytes) -> tuple[Any, bool]:
    # Entities that the file itself declares are resolved, within the bounds that libxml2 sets to their growth.
    parser = etree.XMLParser(
        recover=True,
        resolve_entities="internal",
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_comments=True,
    )
    try:
        root = etree.fromstring(raw, parser)
    except (etree.XMLSyntaxError, ValueError):
        return None, False
    return root, len(parser.error_log) == 0


def _lines(root: Any) -> Iterator[tuple[Any, str]]:
    """`name: text` of each element with text of its own, with the element around it."""
    stack = [root]
    while stack:
        element = stack.pop()
        name = local(element)
        if not name or name in _NOT_TEXT:
            continue
        children = [child for child in element if local(child)]
        said = _attributes(element, is_empty=not children and not (element.text or "").strip())
        is_mixed = any((child.tail or "").strip() for child in element) or (children and (element.text or "").strip())
        if is_mixed or not children:
            own = one_line(_mixed(element) if is_mixed else "".join(element.itertext()))
            # Feeds carry pages as text, escaped or in CDATA.
            said.append(line_of(own) if _MARKUP.search(own) else own)
        text = " ".join(filter(None, said))
        if text:
            yield element.getparent(), f"{name}: {text}"
        if not is_mixed:
            stack += reversed(children)


def _mixed(element: Any) -> str:
    """Text with elements in it: one with text right behind it stands in a sentence, another is a value of its own."""
    parts = [element.text or ""]
    for child in element:
        tail = child.tail or ""
        inner = _mixed(child) if local(child) else ""
        parts += (inner, tail) if tail.strip() else (" ", inner, " ")
    return "".join(parts)


def _attributes(element: Any, *, is_empty: bool) -> list[str]:
    """Values that are words; of an element that has nothing else and is a record, all of them."""
    values = [one_line(value) for value in element.attrib.values()]
    texts = [value for value in values if _ATTRIBUTE.search(value)]
    if not is_empty:
        return texts
    is_record = bool(texts) or any(name.rpartition("}")[2].lower() in _NAMES for name in element.attrib)
    return [value for value in values if _WORD.search(value)] if is_record else []
