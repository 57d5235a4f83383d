"""ODT, ODS and ODP (OpenDocument 1.3): text, lists, tables, sheets and slides, notes, comments, page headers."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from process.domain.raised import raised
from process.infrastructure.parsers.draft import Draft, Unreadable, one_line
from process.infrastructure.parsers.grids import Span, add_grid
from process.infrastructure.parsers.odf_numbering import Numbering
from process.infrastructure.parsers.package import Package, local, refuse_locked
from process.infrastructure.parsers.pictures import add_members
from process.infrastructure.parsers.sheets import Cells, Merge, add_sheet

_SKIPPED: Final = frozenset(
    ("tracked-changes", "sequence-decls", "variable-decls", "forms", "hidden-text", "hidden-paragraph", "ruby-text",
     "bibliography-configuration", "alphabetical-index-mark", "table-of-content", "scripts", "event-listeners")
)  # fmt: skip
_ASIDE: Final = frozenset(("note", "annotation", "frame", "custom-shape", "g", "rect", "ellipse", "line", "text-box"))
"""What hangs in a line and is told behind it."""
_MOST_REPEATED: Final = 200
_DEEPEST: Final = 100


def parse(path: Path, draft: Draft) -> None:
    """Fills the draft. Raises Unreadable."""
    with Package(path, "OpenDocument file") as package:
        refuse_locked(package, draft, "The document")
        root = package.tree("content.xml")
        body = next(root.iter("{*}body"), None) if root is not None else None
        if body is None:
            raise Unreadable(
                "corrupt",
                "The document is damaged. Open it in the program that made it, save it, and upload the result.",
            )
        draft.title = _title(package)
        _raise_numbers(root)
        reader = _Reader(package, draft, _hidden_styles(root), Numbering(root, package.tree("styles.xml")))
        for content in body:
            match local(content):
                case "spreadsheet":
                    reader.sheets(content)
                case "presentation" | "drawing":
                    reader.slides(content)
                case _:
                    reader.walk(content)
                    _add_edges(package, draft)


def _title(package: Package) -> str | None:
    root = package.tree("meta.xml")
    title = one_line(next((one.text or "" for one in root.iter("{*}title")), "")) if root is not None else ""
    return title if len(title) > 1 else None


def _hidden_styles(root: Any) -> set[str]:
    """Names of styles that hide the sheet or slide that has them."""
    hidden = set[str]()
    for style in root.iter("{*}style"):
        for properties in style:
            if _value(properties, "display") == "false" or _value(properties, "visibility") == "hidden":
                hidden.add(_value(style, "name") or "")
    return hidden


def _raise_numbers(root: Any) -> None:
    """Those that stand above their line, in the tree."""
    names = {
        _value(style, "name")
        for style in root.iter("{*}style")
        for properties in style
        if (position := _value(properties, "text-position")) and not position.startswith(("sub", "-", "0"))
    }
    for span in root.iter("{*}span"):
        if names and not len(span) and span.text and _value(span, "style-name") in names:
            span.text = raised(span.text)


def _add_edges(package: Package, draft: Draft) -> None:
    """What stands above or below every page, once."""
    root = package.tree("styles.xml")
    said = set()
    for edge in root.iter("{*}header", "{*}footer") if root is not None else ():
        text = "\n".join(filter(None, (one_line(_line(line)) for line in edge.iter("{*}p", "{*}h"))))
        if any(map(str.isalpha, text)) and text not in said:
            said.add(text)
            draft.add(local(edge), text)


class _Reader:
    def __init__(self, package: Package, draft: Draft, hidden: set[str], numbering: Numbering) -> None:
        self._package = package
        self._draft = draft
        self._hidden = hidden
        self._numbering = numbering
        self._label = ""
        """The number that stands before the next line."""
        self._page: int | None = None

    def walk(self, parent: Any, *, kind: str = "paragraph", depth: int = 0) -> None:
        """Everything below, in its order."""
        if depth > _DEEPEST:
            return
        for element in parent:
            name = local(element)
            if not name or name in _SKIPPED:
                continue
            if name == "h":
                self._heading(element)
                self._asides(element, depth)
            elif name == "p":
                self._draft.add(kind, self._numbered(_line(element)), page=self._page)
                self._asides(element, depth)
            elif name == "list":
                self._numbering.begin(element)
                self.walk(element, kind=kind, depth=depth + 1)
                self._numbering.end()
            elif name in ("list-item", "list-header"):
                self._label = self._numbering.item(element) if name == "list-item" else ""
                self.walk(element, kind="list_item", depth=depth + 1)
                self._label = ""
            elif name == "table":
                self._table(element)
            elif name in ("title", "desc"):
                if local(parent) == "frame":
                    self._draft.add("picture", one_line(element.text or ""), page=self._page)
            elif name == "image":
                name_in_file = (_value(element, "href") or "").removeprefix("./")
                add_members(self._draft, self._package, [name_in_file], page=self._page)
                self.walk(element, kind=kind, depth=depth + 1)
            elif name in ("note", "annotation", "notes"):
                self._aside(element)
            else:
                self.walk(element, kind=kind, depth=depth + 1)

    def sheets(self, content: Any) -> None:
        """Of a spreadsheet."""
        for table in content:
            if local(table) != "table":
                continue
            cells, merges = Cells(), list[Merge]()
            self._rows(table, cells, merges)
            if cells.rows:
                mark = " (hidden sheet)" if _value(table, "style-name") in self._hidden else ""
                self._draft.add("heading", (_value(table, "name") or "") + mark, level=1)
            add_sheet(self._draft, cells, merges)
            for aside in table.iter("{*}annotation"):
                self._aside(aside)

    def slides(self, content: Any) -> None:
        """Of a presentation or a drawing: each is a page."""
        pages = [one for one in content if local(one) == "page"]
        for number, page in enumerate(pages, 1):
            self._page = number
            titles = [one for one in page.iter("{*}frame") if _value(one, "class") == "title"]
            title = one_line(" ".join(_line(line) for one in titles for line in one.iter("{*}p")))
            mark = " (hidden slide)" if _value(page, "style-name") in self._hidden else ""
            if title or mark:
                self._draft.add("heading", (title or f"Slide {number}") + mark, level=1, page=number)
            for element in page:
                if element not in titles:
                    self.walk([element])
        self._draft.pages = len(pages) or None

    def _heading(self, element: Any) -> None:
        written = _value(element, "outline-level") or "1"
        level = int(written) if written.isdigit() and len(written) < 4 and int(written) else 1
        text = one_line(_line(element))
        if text and not self._label:
            self._label = self._numbering.heading(element, level)
        self._draft.add("heading", self._numbered(text), level=min(6, level), page=self._page)

    def _numbered(self, text: str) -> str:
        label, self._label = self._label, ""
        return f"{label} {text}" if label and text.strip() else text

    def _asides(self, line: Any, depth: int) -> None:
        for element in _outermost(line, _ASIDE):
            if local(element) in ("note", "annotation"):
                self._aside(element)
            else:
                self.walk([element], depth=depth + 1)

    def _aside(self, element: Any) -> None:
        kind = {"note": "footnote", "notes": "note"}.get(local(element), "comment")
        bodies = list(element.iter("{*}note-body")) or [element]
        text = "\n".join(filter(None, (_line(line).strip() for body in bodies for line in body.iter("{*}p", "{*}h"))))
        self._draft.add(kind, text, page=self._page)

    def _table(self, table: Any) -> None:
        rows: list[list[str]] = []
        spans: list[Span] = []
        for row in _rows_of(table):
            cells: list[str] = []
            for cell in row:
                name = local(cell)
                if name not in ("table-cell", "covered-table-cell"):
                    continue
                across, down = (_count(cell, key) for key in ("number-columns-spanned", "number-rows-spanned"))
                if across > 1 or down > 1:
                    spans.append(Span(len(rows), len(cells), down, across))
                text = "" if name.startswith("covered") else one_line(" ".join(self._cell_lines(cell, 0)))
                cells += [text] * min(_MOST_REPEATED, _count(cell, "number-columns-repeated"))
            rows.append(cells)
        add_grid(self._draft, rows, spans=spans, page=self._page)
        for aside in table.iter("{*}note", "{*}annotation"):
            self._aside(aside)

    def _cell_lines(self, parent: Any, depth: int) -> Iterator[str]:
        """Of a cell of a text's table, with the numbers of lists; one that is left empty shows its number."""
        for element in parent if depth <= _DEEPEST else ():
            name = local(element)
            if name in ("p", "h"):
                label, text = self._label.strip(), _line(element)
                yield self._numbered(text) if text.strip() or not any(map(str.isalnum, label)) else label
                self._label = ""
            elif name == "list":
                self._numbering.begin(element)
                yield from self._cell_lines(element, depth + 1)
                self._numbering.end()
            elif name and name not in _SKIPPED and name != "annotation":
                if name == "list-item":
                    self._label = self._numbering.item(element)
                yield from self._cell_lines(element, depth + 1)
                self._label = ""

    def _rows(self, table: Any, cells: Cells, merges: list[Merge]) -> None:
        """Of a sheet, whose empty cells and rows are counted rather than written."""
        at = 0
        for row in _rows_of(table):
            column, found = 0, dict[int, str]()
            for cell in row:
                name = local(cell)
                if name not in ("table-cell", "covered-table-cell"):
                    continue
                repeated = _count(cell, "number-columns-repeated", most=20_000)
                text = "" if name.startswith("covered") else _cell(cell)
                if text:
                    found.update(dict.fromkeys(range(column, column + min(repeated, _MOST_REPEATED)), text))
                across, down = (_count(cell, key) for key in ("number-columns-spanned", "number-rows-spanned"))
                if across > 1 or down > 1:
                    merges.append(Merge(at, column, at + down - 1, column + across - 1))
                column += repeated
            repeated = _count(row, "number-rows-repeated", most=2_000_000)
            for number in range(min(repeated, _MOST_REPEATED) if found else 0):
                cells.add(at + number, found)
                self._draft.require_room(cells.characters)
            at += repeated


def _rows_of(table: Any) -> Iterator[Any]:
    """Also those in groups and headers, not those of tables in cells."""
    for element in table:
        name = local(element)
        if name == "table-row":
            yield element
        elif name in ("table-rows", "table-header-rows", "table-row-group"):
            yield from _rows_of(element)


def _cell(cell: Any) -> str:
    lines = (_line(line) for line in _outermost(cell, frozenset(("p", "h"))))
    return one_line(" ".join(lines))


def _outermost(element: Any, names: frozenset[str]) -> Iterator[Any]:
    stack = list(reversed(element))
    while stack:
        one = stack.pop()
        name = local(one)
        if name in names:
            yield one
        elif name and name not in _SKIPPED and name != "annotation":
            stack += reversed(one)


def _line(line: Any) -> str:
    parts: list[str] = []
    stack: list[Any] = [line]
    while stack:
        one = stack.pop()
        if isinstance(one, str):
            parts.append(one)
            continue
        name = local(one)
        if one is not line:
            if one.tail:
                stack.append(one.tail)
            if not name or name in _SKIPPED or name in _ASIDE:
                continue
        if name == "s":
            parts.append(" " * _count(one, "c"))
        elif name in ("tab", "line-break"):
            parts.append("\t" if name == "tab" else "\n")
        stack += reversed(one)
        if one.text:
            stack.append(one.text)
    return "".join(parts)


def _value(element: Any, name: str) -> str | None:
    return next((str(value) for key, value in element.attrib.items() if key.rpartition("}")[2] == name), None)


def _count(element: Any, name: str, *, most: int = 1_000) -> int:
    text = _value(element, name) or "1"
    return max(1, min(most, int(text))) if text.isdigit() and len(text) < 9 else 1
