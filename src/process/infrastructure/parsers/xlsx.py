"""XLSX: each sheet's tables with values as shown, comments, text of drawings and charts; hidden sheets are marked.

Read as a stream of rows (ECMA-376-1, 18.3), since a small file may hold a million cells.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from process.domain.raised import raised
from process.infrastructure.parsers.charts import add_chart
from process.infrastructure.parsers.draft import Draft, Unreadable, one_line
from process.infrastructure.parsers.number_formats import BUILT_IN, Show, plain_number, shower
from process.infrastructure.parsers.package import Package, local, relation_of
from process.infrastructure.parsers.pictures import add_members, described
from process.infrastructure.parsers.sheets import Cells, Merge, add_sheet

_REFERENCE: Final = re.compile(r"([A-Z]{1,3})(\d{1,7})")
_MOST_SHARED: Final = 5_000_000
_EDGE_CODE: Final = re.compile(r'&(?:"[^"]*"|K(?:[0-9A-Fa-f]{6}|\d\d[+-]\d{3})|\d{1,3} ?|[A-Za-z&])')
"""Of headers and footers (ECMA-376-1, 18.3.1.46): `&C`, `&"font,style"`, `&14`, `&P`."""
_PAGE_NUMBER: Final = re.compile(r"(?:page|페이지)?\s*[-–]?\s*&P(?:\s*(?:/|of|중)\s*&N)?\s*(?:페이지|쪽|[-–])?", re.I)
_STAND_IN: Final = "[Threaded comment]"
"""Begins what older versions show in place of a thread, which stands in a part of its own."""


@dataclass(slots=True)
class _Book:
    shared: list[str] = field(default_factory=list)
    shows: list[Show | None] = field(default_factory=list)
    """For each cell format; None shows numbers plainly."""
    from_1904: bool = False
    columns: dict[str, int] = field(default_factory=dict)
    """By its letters, the number of a column."""
    unsaved_values: int = 0
    """Cells whose formula was never worked out by the program that saved the file."""
    edges: set[tuple[str, str]] = field(default_factory=set)
    """Kind and text of what stands above or below printed pages, each told once."""


def parse(path: Path, draft: Draft) -> None:
    """Fills the draft. Raises Unreadable."""
    with Package(path, "Excel workbook") as package:
        main = next((target for kind, target in package.related("").values() if kind == "officeDocument"), None)
        main = main if main is not None and package.has(main) else "xl/workbook.xml"
        root = package.tree(main)
        if root is None:
            raise Unreadable(
                "corrupt", "The Excel workbook is damaged. Open it in Excel, save it again, and upload the result."
            )
        related = package.related(main)
        book = _Book(from_1904=_is_on(next((one.get("date1904") for one in root.iter("{*}workbookPr")), None)))
        _read_styles(package, _target(related, "styles"), book)
        _read_shared(package, _target(related, "sharedStrings"), book, draft)
        for sheet in root.iter("{*}sheet"):
            kind, target = related.get(relation_of(sheet), ("", ""))
            if kind in ("worksheet", "chartsheet"):
                _read_sheet(package, target, sheet, book, draft)
        if book.unsaved_values:
            draft.warnings.append(
                f"Formulas without a saved value, which were left out: {book.unsaved_values:,}. Open the workbook in a "
                "spreadsheet program, save it, and upload the result."
            )


def _target(related: dict[str, tuple[str, str]], kind: str) -> str | None:
    return next((target for found, target in related.values() if found == kind), None)


def _is_on(text: str | None) -> bool:
    return text in ("1", "true", "on")


def _read_styles(package: Package, name: str | None, book: _Book) -> None:
    root = package.tree(name) if name is not None else None
    if root is None:
        return
    codes = dict(BUILT_IN)
    for one in root.iter("{*}numFmt"):
        if (number := one.get("numFmtId") or "").isdigit():
            codes[int(number)] = one.get("formatCode") or "General"
    formats = next(root.iter("{*}cellXfs"), ())
    for one in formats:
        number = one.get("numFmtId") or "0"
        code = codes.get(int(number)) if number.isdigit() else None
        is_plain = code is None or code in ("General", "@")
        book.shows.append(None if is_plain or code is None else shower(code, from_1904=book.from_1904))


def _read_shared(package: Package, name: str | None, book: _Book, draft: Draft) -> None:
    if name is None or not package.has(name):
        return
    total = 0
    for item in package.elements(name, "si"):
        text = _rich_text(item)
        total += len(text)
        draft.require_room(total)
        if len(book.shared) >= _MOST_SHARED:
            break
        book.shared.append(text)


def _run_text(text: Any) -> str:
    place = text.getparent().find("{*}rPr/{*}vertAlign")
    is_raised = place is not None and place.get("val") == "superscript"
    return raised(text.text or "") if is_raised else text.text or ""


def _rich_text(item: Any) -> str:
    """Without the phonetic reading that stands beside Japanese and Chinese text."""
    if len(item) == 1 and local(item[0]) == "t":
        return item[0].text or ""
    return "".join(
        _run_text(one) for one in item.iter("{*}t") if local(one.getparent()) in ("si", "is", "r", "text")
    ) or (item.text or "")


def _read_sheet(package: Package, name: str, sheet: Any, book: _Book, draft: Draft) -> None:
    title = one_line(sheet.get("name") or "")
    state = sheet.get("state") or "visible"
    cells = Cells()
    merges: list[Merge] = []
    if not package.has(name):
        draft.warnings.append(f"The sheet {title!r} is missing in the file.")
        return
    edges: list[tuple[str, str]] = []
    for element in package.elements(name, "row", "mergeCell", "headerFooter"):
        if local(element) == "row":
            _read_row(element, cells, book, draft)
        elif local(element) == "headerFooter":
            edges += [(local(one), one.text or "") for one in element]
        elif len(merges) < 100_000:
            merge = _merge_of(element.get("ref") or "")
            if merge is not None:
                merges.append(merge)
    beside = package.related(name).values()
    if cells.rows or any(kind in ("comments", "drawing") for kind, _ in beside):
        draft.add("heading", title if state == "visible" else f"{title} (hidden sheet)", level=1)
    add_sheet(draft, cells, merges)
    _read_beside(package, beside, draft)
    for edge, code in edges:
        text = one_line(_EDGE_CODE.sub(_of_edge_code, _PAGE_NUMBER.sub("", code)))
        kind = "header" if edge.endswith("Header") else "footer"
        if any(map(str.isalpha, text)) and (kind, text) not in book.edges:
            book.edges.add((kind, text))
            draft.add(kind, text)


def _of_edge_code(code: re.Match[str]) -> str:
    """Places and fields part what is written; fonts and sizes say nothing."""
    return "&" if code[0] == "&&" else " " if code[0][1:2] in "LCRPNDTAFZG" else ""


def _read_row(row: Any, cells: Cells, book: _Book, draft: Draft) -> None:
    number = row.get("r") or ""
    at = int(number) - 1 if number.isdigit() else cells.last_row + 1
    column = -1
    columns = book.columns
    shared, shows = book.shared, book.shows
    found: dict[int, str] = {}
    for cell in row:
        reference = cell.get("r")
        if reference is None:
            column += 1
        else:
            letters = reference.rstrip("0123456789")
            if letters not in columns:
                columns[letters] = _column_of(letters)
            column = columns[letters]
        if not len(cell):
            continue
        kind = cell.get("t")
        value = cell[-1]  # behind the formula
        text = value.text
        if kind == "inlineStr" or text is None or not value.tag.endswith("}v"):
            text = _other_text(cell)
            if not text and kind != "str" and any(map(_is_formula, cell)):
                book.unsaved_values += 1
                continue
        if kind == "s":
            try:
                text = shared[int(text)]
            except (ValueError, IndexError):
                continue
        elif kind is None or kind == "n":
            style = cell.get("s")
            try:
                text = _number(text, shows[int(style)] if style else None)
            except (ValueError, IndexError):
                text = _number(text, None)
        elif kind == "b":
            text = "TRUE" if text == "1" else "FALSE"
        text = text.strip()
        if text:
            found[column] = text
    if found:
        cells.add(at, found)
        draft.require_room(cells.characters)


def _is_formula(element: Any) -> bool:
    return local(element) == "f"


def _other_text(cell: Any) -> str:
    """Of a string that stands in the cell itself, or of a value that is not its last part."""
    for child in cell:
        if local(child) == "v":
            return child.text or ""
        if local(child) == "is":
            return _rich_text(child)
    return ""


def _number(text: str, show: Show | None) -> str:
    if show is None and text.isdigit():
        return text
    try:
        value = float(text)
    except ValueError:
        return text
    return plain_number(value) if show is None else show(value)


def _column_of(reference: str) -> int:
    number = 0
    for sign in reference:
        if not "A" <= sign <= "Z":
            break
        number = number * 26 + ord(sign) - 64
    return max(0, min(number, 16_384) - 1)


def _merge_of(reference: str) -> Merge | None:
    corners = _REFERENCE.findall(reference)
    if len(corners) != 2:
        return None
    (left, top), (right, bottom) = corners
    return Merge(int(top) - 1, _column_of(left), int(bottom) - 1, _column_of(right))


def _read_beside(package: Package, related: Iterable[tuple[str, str]], draft: Draft) -> None:
    """What stands over the cells: comments, text boxes, charts."""
    for kind, target in related:
        if kind in ("comments", "threadedComment"):
            for reference, text in _comments(package, target):
                if not text.startswith(_STAND_IN):
                    draft.add("comment", f"{reference}: {text}")
        elif kind == "drawing":
            root = package.tree(target)
            for body in root.iter("{*}txBody") if root is not None else ():
                lines = ("".join(run.text or "" for run in line.iter("{*}t")) for line in body.iter("{*}p"))
                draft.add("paragraph", "\n".join(line for line in lines if line.strip()))
            for picture in root.iter("{*}pic") if root is not None else ():
                said = next((one.get("descr") or "" for one in picture.iter("{*}cNvPr")), "")
                draft.add("picture", described(said))
            for drawn_kind, drawn in package.related(target).values():
                if drawn_kind in ("chart", "chartEx"):
                    add_chart(draft, package.tree(drawn))
                elif drawn_kind == "image":
                    add_members(draft, package, [drawn])
        elif kind == "chart":
            add_chart(draft, package.tree(target))


def _comments(package: Package, name: str) -> Iterator[tuple[str, str]]:
    root = package.tree(name)
    for comment in root.iter("{*}comment", "{*}threadedComment") if root is not None else ():
        body = next(comment.iter("{*}text"), None)
        text = one_line(_rich_text(body)) if body is not None else ""
        if text:
            yield comment.get("ref") or "", text
