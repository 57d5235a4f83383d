"""HTML: headings, paragraphs, lists, code and tables in document order, without what only browsers need."""

import re
from pathlib import Path
from typing import Any, Final

from selectolax.lexbor import LexborHTMLParser

from process.infrastructure.parsers.draft import Draft, Unreadable, normalised, one_line
from process.infrastructure.parsers.encoding import decode

_META_CHARSET: Final = re.compile(rb"<meta[^>]{0,300}?charset\s{0,9}=\s{0,9}[\"']?\s{0,9}([A-Za-z0-9_:.-]{2,40})", re.I)
_XML_ENCODING: Final = re.compile(rb"\A\s{0,99}<\?xml[^>]{0,200}encoding=[\"']([A-Za-z0-9_:.-]{2,40})")
_DROPPED_NAMES: Final = (
    "script style noscript template svg math iframe object embed head select button input textarea audio video "
    "canvas map dialog -comment -doctype"
)
_BLOCK_NAMES: Final = (
    "address article aside blockquote body center dd details div dl dt fieldset figcaption figure footer form header "
    "hgroup hr html li main menu nav ol p section summary ul caption legend tr td th tbody thead tfoot"
)
_DROPPED: Final = frozenset(_DROPPED_NAMES.split())
_BLOCKS: Final = frozenset(_BLOCK_NAMES.split())
_KINDS: Final = {"li": "list_item", "dd": "list_item", "figcaption": "caption", "caption": "caption"}
_HEADINGS: Final = {f"h{level}": level for level in range(1, 7)}
_HIDDEN_STYLE: Final = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.I)


def parse(path: Path, draft: Draft) -> None:
    """Fills the draft. Raises Unreadable."""
    raw = path.read_bytes()
    declared = _META_CHARSET.search(raw[:4_096]) or _XML_ENCODING.search(raw[:400])
    text, _ = decode(raw, declared=declared.group(1).decode() if declared else None)
    tree = LexborHTMLParser(normalised(text))
    titles = tree.css("head > title") or tree.css("title")
    title = one_line(titles[0].text(deep=True)) if titles else ""
    walker = _Walker(draft)
    body = tree.body or tree.root
    if body is None:
        raise Unreadable("no_text", "The page has no text in it. Check that it is the right file.")
    first_heading = tree.css_first("h1")
    name = one_line(first_heading.text(deep=True)) if first_heading is not None else ""
    if title:
        draft.title = title
        if title.casefold() != name.casefold():
            draft.add("title", title)
    elif name:
        draft.title = name
    walker.walk(body)


class _Walker:
    """Goes through the tree with a stack of its own: a page may be nested deeper than Python may recurse."""

    def __init__(self, draft: Draft) -> None:
        self._draft = draft
        self._inline: list[str] = []
        self._kind, self._level = "paragraph", 0

    def walk(self, root: Any) -> None:
        """Every text node under `root`, once, in order."""
        stack: list[tuple[Any, bool]] = [(root, False)]
        while stack:
            node, leaving = stack.pop()
            tag = node.tag
            if leaving:
                self._leave(tag)
                continue
            if tag == "-text":
                self._inline.append(node.text_content or "")
                continue
            if tag in _DROPPED or tag is None or self._is_hidden(node):
                continue
            if (tag == "nav" or node.attributes.get("role") == "navigation") and not _is_contents(node):
                continue
            if tag == "br":
                self._inline.append("\x0b")
                continue
            if tag == "pre":
                self._flush()
                self._draft.add("code", node.text(deep=True))
                continue
            if tag == "table" and _is_data(node):
                self._flush()
                self._table(node)
                continue
            self._enter(tag)
            stack.append((node, True))
            child = node.last_child
            while child is not None:
                stack.append((child, False))
                child = child.prev
        self._flush()

    def _enter(self, tag: str) -> None:
        if tag in _HEADINGS:
            self._flush()
            self._kind, self._level = "heading", _HEADINGS[tag]
        elif tag in _BLOCKS or tag == "table":
            if self._kind != "heading":
                inside_item = self._kind == "list_item" and not "".join(self._inline).strip()
                self._flush()
                self._kind = _KINDS.get(tag, "list_item" if inside_item else "paragraph")
            else:
                self._inline.append(" ")

    def _leave(self, tag: str) -> None:
        if tag in _HEADINGS or ((tag in _BLOCKS or tag == "table") and self._kind != "heading"):
            self._flush()

    def _flush(self) -> None:
        text = "".join(self._inline)
        kind, level = self._kind, self._level
        self._inline.clear()
        self._kind, self._level = "paragraph", 0
        lines = [one_line(line) for line in text.split("\x0b")]
        joined = "\n".join(line for line in lines if line)
        if joined:
            self._draft.add(kind, one_line(joined) if kind == "heading" else joined, level=level)

    def _is_hidden(self, node: Any) -> bool:
        attributes = node.attributes
        if not attributes:
            return False
        return "hidden" in attributes or bool(_HIDDEN_STYLE.search(attributes.get("style") or ""))

    def _table(self, table: Any) -> None:
        caption = table.css_first("caption")
        if caption is not None:
            self._draft.add("caption", one_line(_cell_text(caption)))
        rows = []
        for row in table.css("tr"):
            cells = []
            cell = row.first_child
            while cell is not None:
                if cell.tag in ("td", "th"):
                    cells.append(one_line(_cell_text(cell)))
                cell = cell.next
            if any(cells):
                rows.append("\t".join(cells).rstrip())
        self._draft.add("table", "\n".join(rows))


def _is_contents(navigation: Any) -> bool:
    """A table of contents: its links stay on the page. Other navigation is about the site, not the document."""
    links = navigation.css("a[href]")
    inner = sum((link.attributes.get("href") or "").startswith("#") for link in links)
    return bool(inner * 2 > len(links))


def _is_data(table: Any) -> bool:
    """A table of values, not one that lays out a page: no tables or headings inside, more than one cell."""
    if table.css_first("table table, h1, h2, h3") is not None:
        return False
    return len(table.css("td, th")) > 1


def _cell_text(cell: Any) -> str:
    parts: list[str] = []
    stack = [cell]
    while stack:
        node = stack.pop()
        if node.tag == "-text":
            parts.append(node.text_content or "")
            continue
        if node.tag in _DROPPED:
            continue
        if node.tag in _BLOCKS or node.tag == "br":
            parts.append(" ")
        child = node.last_child
        while child is not None:
            stack.append(child)
            child = child.prev
    return "".join(parts)
