"""HTML: headings, paragraphs, lists, code and tables in document order, without what only browsers need."""

import re
from pathlib import Path
from typing import Any, Final

from selectolax.lexbor import LexborHTMLParser

from process.infrastructure.parsers.draft import Draft, Unreadable, normalised, one_line
from process.infrastructure.parsers.encoding import read_text
from process.infrastructure.parsers.html_lists import ItemNumbers, says_itself
from process.infrastructure.parsers.html_nodes import (
    BLOCKS,
    BREAK,
    HEADINGS,
    KIND,
    children,
    is_shown,
    replaced_text,
    source_document,
    verbatim,
)
from process.infrastructure.parsers.html_tables import cells_of, is_data, own_rows
from process.infrastructure.parsers.pictures import add_inline_picture
from process.infrastructure.parsers.tables.grid import Grid
from process.infrastructure.parsers.xhtml import with_ends

_META_CHARSET: Final = re.compile(rb"<meta[^>]{0,300}?charset\s{0,9}=\s{0,9}[\"']?\s{0,9}([A-Za-z0-9_:.-]{2,40})", re.I)
_XML_ENCODING: Final = re.compile(rb"\A\s{0,99}<\?xml[^>]{0,200}encoding=[\"']([A-Za-z0-9_:.-]{2,40})")
_KINDS: Final = {"li": "list_item", "dd": "list_item", "figcaption": "caption", "caption": "caption"}
_PREFORMATTED: Final = frozenset(("pre", "xmp", "listing", "plaintext"))
_DEEPEST_FRAME: Final = 3
_SPACE: Final = "\x01"
"""Holds the place of a space in a piece of code until its line is put together."""


def parse(path: Path, draft: Draft) -> None:
    """Fills the draft. Raises Unreadable."""
    raw = path.read_bytes()
    declared = _META_CHARSET.search(raw[:4_096]) or _XML_ENCODING.search(raw[:400])
    read_page(read_text(raw, draft, declared=declared.group(1).decode() if declared else None), draft)


def read_page(text: str, draft: Draft) -> None:
    """A whole page: its title, then its body. Raises Unreadable (no_text) for one without any tree."""
    tree = LexborHTMLParser(with_ends(normalised(text)))
    titles = tree.css("head > title") or [node for node in tree.css("title") if not _in_drawing(node)]
    title = one_line(titles[0].text(deep=True)) if titles else ""
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
    _Walker(draft).walk(body)


def read_fragment(text: str, draft: Draft, *, depth: int = 0) -> None:
    """HTML that stands inside another document, which has a title of its own. Raises Unreadable as Draft.add."""
    body = LexborHTMLParser(f"<body>{text}").body
    if body is not None:
        _Walker(draft, depth).walk(body)


def line_of(text: str) -> str:
    """What a piece of HTML says, on one line."""
    body = LexborHTMLParser(f"<body>{text}").body
    return one_line(_cell_text(body)) if body is not None else ""


def _in_drawing(node: Any) -> bool:
    above = node.parent
    while above is not None and above.tag != "svg":
        above = above.parent
    return above is not None


class _Walker:
    """Goes through the tree with a stack of its own: a page may be nested deeper than Python may recurse."""

    def __init__(self, draft: Draft, depth: int = 0) -> None:
        self._draft = draft
        self._depth = depth
        self._numbers = ItemNumbers()
        self._inline: list[str] = []
        self._kind, self._level = "paragraph", 0
        self._mark = ""
        """What stands before the item that is being read."""
        self._only_pictures = True
        """What stands in the block so far is the text of pictures alone."""

    def walk(self, root: Any) -> None:
        """Every text node under `root`, once, in order."""
        stack: list[tuple[Any, bool]] = [(root, False)]
        while stack:
            node, leaving = stack.pop()
            tag = node.tag
            if leaving:
                self._leave(tag)
            elif tag == "-text":
                self._words(node.text_content or "")
            elif tag is not None and (node is root or is_shown(node)) and not self._special(node, tag):
                self._enter(node, tag)
                stack.append((node, True))
                stack.extend((child, False) for child in children(node))
        self._flush()

    def _words(self, text: str) -> None:
        self._inline.append(text)
        self._only_pictures = self._only_pictures and (not text or text.isspace())

    def _special(self, node: Any, tag: str) -> bool:
        """Whether the element is dealt with as a whole."""
        if tag == "br":
            self._inline.append(BREAK)
        elif tag in _PREFORMATTED:
            self._flush()
            self._draft.add("code", verbatim(node))
        elif tag == "table" and is_data(node):
            self._flush()
            self._table(node)
        elif tag == "code" and "  " in (code := node.text(deep=True)):
            self._words(code.replace(" ", _SPACE))
        elif tag == "iframe":
            inner = source_document(node)
            if inner and self._depth < _DEEPEST_FRAME:
                self._flush()
                read_fragment(inner, self._draft, depth=self._depth + 1)
        elif (said := replaced_text(node, tag)) is not None:
            if tag == "img":
                add_inline_picture(self._draft, node.attributes.get("src") or "")
            self._inline.append(said)
            self._only_pictures = self._only_pictures and (tag == "img" or not said.strip())
        else:
            return False
        return True

    def _enter(self, node: Any, tag: str) -> None:
        if tag in HEADINGS:
            self._flush()
            self._kind, self._level = "heading", HEADINGS[tag]
        elif tag not in BLOCKS:
            return
        elif self._kind == "heading":
            self._inline.append(" ")
        else:
            # An item's first words may stand in a paragraph of their own.
            waits = self._kind == "list_item" and not "".join(self._inline).strip()
            mark = self._mark
            self._flush()
            attributes = node.attributes
            self._kind = attributes.get(KIND) or _KINDS.get(tag, "list_item" if waits else "paragraph")
            self._mark = self._numbers.mark(node) if tag == "li" else mark if waits else ""

    def _leave(self, tag: str) -> None:
        if tag in HEADINGS or (tag in BLOCKS and self._kind != "heading"):
            self._flush()

    def _flush(self) -> None:
        text = "".join(self._inline)
        kind, level, only_pictures = self._kind, self._level, self._only_pictures
        self._inline.clear()
        mark, self._mark = self._mark, ""
        self._kind, self._level, self._only_pictures = "paragraph", 0, True
        lines = [one_line(line) for line in text.split(BREAK)]
        joined = "\n".join(line for line in lines if line).replace(_SPACE, " ")
        if joined:
            if kind == "paragraph" and only_pictures:
                kind = "picture"
            if mark and not says_itself(joined, mark):
                joined = f"{mark} {joined}"
            self._draft.add(kind, one_line(joined) if kind == "heading" else joined, level=level)

    def _table(self, table: Any) -> None:
        caption = next((child for child in children(table) if child.tag == "caption"), None)
        grid, header_rows = Grid(), 0
        for row in own_rows(table):
            if not is_shown(row):
                continue
            grid.row()
            names = True
            for cell in cells_of(row):
                names = names and cell.tag == "th"
                row_span, column_span = (_span(cell.attributes.get(name)) for name in ("rowspan", "colspan"))
                grid.cell(_cell_text(cell), row_span=row_span, column_span=column_span)
            only_headers = row.parent is not None and row.parent.tag == "thead"
            if header_rows == len(grid.rows) - 1 and (only_headers or names):
                header_rows += 1
        self._draft.add_table(
            grid.rows,
            spans=grid.spans,
            header_rows=header_rows or None,
            caption=None if caption is None else _cell_text(caption),
        )


def _span(declared: str | None) -> int:
    """As HTML parses it; 0 (to the end of the group) is rare and counts as 1."""
    number = re.match(r"\s*(\d{1,6})", declared or "")
    return int(number.group(1)) if number else 1


def _cell_text(cell: Any) -> str:
    parts: list[str] = []
    stack: list[Any] = [cell]
    while stack:
        node = stack.pop()
        if node is None:  # the end of a block
            parts.append(" ")
            continue
        tag = node.tag
        if tag == "-text":
            parts.append(node.text_content or "")
            continue
        if tag is None or not is_shown(node):
            continue
        said = replaced_text(node, tag)
        if said is not None:
            parts.append(said)
            continue
        if tag in BLOCKS or tag in HEADINGS or tag == "br":
            parts.append(" ")
            stack.append(None)
        stack.extend(children(node))
    return "".join(parts)
