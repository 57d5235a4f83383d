"""HWPX (OWPML, KS X 6101): paragraphs, numbers, tables, notes, headers and boxes, from the file's own XML."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from process.domain.raised import raised
from process.infrastructure.parsers.charts import add_chart
from process.infrastructure.parsers.draft import Draft, Unreadable
from process.infrastructure.parsers.hancom import (
    Cell,
    Counters,
    Inset,
    InsetKind,
    Numbering,
    Paragraph,
    Teller,
    outline_of,
    title_of,
)
from process.infrastructure.parsers.hancom_forms import FORM_PARTS, form_text
from process.infrastructure.parsers.package import Package, local, refuse_locked
from process.infrastructure.parsers.pictures import add_members
from process.infrastructure.parsers.private_use import tell_private_letters

_SECTION: Final = re.compile(r"Contents/section(\d+)\.xml\Z", re.I)
_NOTES: Final[dict[str, InsetKind]] = {
    "header": "header",
    "footer": "footer",
    "footNote": "footnote",
    "endNote": "endnote",
    "hiddenComment": "comment",
}
_SIGNS: Final = {"tab": "\t", "lineBreak": "\n", "nbSpace": " ", "fwSpace": " ", "hyphen": "-"}
_SHAPES: Final = frozenset(
    ("rect", "ellipse", "arc", "polygon", "curve", "line", "connectLine", "container", "pic", "ole", "video", "chart")
)
_DEEPEST: Final = 40


def parse(path: Path, draft: Draft) -> None:
    """Fills the draft. Raises Unreadable."""
    with Package(path, "Hancom document") as package:
        refuse_locked(package, draft, "The Hancom document")
        sections = _sections(package)
        if not sections:
            raise Unreadable(
                "corrupt", "The Hancom document is damaged. Open it in Hangul, save it again, and upload the result."
            )
        draft.title = _title(package)
        reader = _Reader(package.tree("Contents/header.xml"))
        items = _items(package)
        teller = Teller(draft, lambda name: _add_drawn(draft, package, items.get(name, name)))
        for number, name in enumerate(sections, 1):
            root = package.tree(name)
            if root is None:
                draft.warnings.append(f"Section {number} could not be read.")
                continue
            teller.tell(reader.paragraphs(root))
        teller.finish()
    tell_private_letters(draft)


def _add_drawn(draft: Draft, package: Package, name: str) -> None:
    """A picture or a chart by its name in the file."""
    if name.lower().endswith(".xml"):
        add_chart(draft, package.tree(name))
    else:
        add_members(draft, package, [name])


def _sections(package: Package) -> list[str]:
    """In the order of the spine, and those it forgets behind them."""
    numbered = sorted((int(found[1]), name) for name in package.names if (found := _SECTION.search(name)))
    root = package.tree("Contents/content.hpf")
    items = _items(package)
    spine = [items.get(item.get("idref"), "") for item in root.iter("{*}itemref")] if root is not None else []
    ordered = [name for name in spine if _SECTION.search(name) and package.has(name)]
    known = {name.casefold() for name in ordered}
    return [*ordered, *(name for _, name in numbered if name.casefold() not in known)]


def _items(package: Package) -> dict[str, str]:
    """By its id, where a part of the document lies."""
    root = package.tree("Contents/content.hpf")
    return {item.get("id") or "": item.get("href") or "" for item in root.iter("{*}item")} if root is not None else {}


def _title(package: Package) -> str | None:
    root = package.tree("Contents/content.hpf")
    return title_of(next((one.text or "" for one in root.iter("{*}title")), "")) if root is not None else None


class _Reader:
    """Knows the document's styles and how far its numbers have come."""

    def __init__(self, header: Any) -> None:
        self._counters = Counters()
        self._outlines: dict[str, int] = {}
        self._headings: dict[str, tuple[str, str, int]] = {}
        """By paragraph shape: type, numbering and level (from 0)."""
        self._numberings: dict[str, Numbering] = {}
        self._outline_numbering = "1"
        self._raised: set[str | None] = set()
        """Shapes of signs that stand above their line."""
        if header is None:
            return
        for style in header.iter("{*}style"):
            level = outline_of(style.get("name") or "") or outline_of(style.get("engName") or "")
            if level:
                self._outlines[style.get("id") or ""] = level
        for shape in header.iter("{*}paraPr"):
            heading = next(shape.iter("{*}heading"), None)
            if heading is not None and heading.get("type") not in (None, "NONE"):
                level_text = heading.get("level") or "0"
                level = int(level_text) if level_text.isdigit() else 0
                self._headings[shape.get("id") or ""] = (heading.get("type"), heading.get("idRef") or "", level)
        self._raised |= {shape.getparent().get("id") for shape in header.iter("{*}supscript")}
        for numbering in header.iter("{*}numbering"):
            self._numberings[numbering.get("id") or ""] = _numbering(numbering)

    def paragraphs(self, parent: Any, depth: int = 0) -> Iterator[Paragraph]:
        """Of a section, a cell, a note."""
        for element in parent:
            if local(element) == "p":
                yield self._paragraph(element, depth)

    def _paragraph(self, element: Any, depth: int) -> Paragraph:
        paragraph = Paragraph()
        parts: list[str] = []
        for run in element:
            if local(run) != "run":
                continue
            said: list[str] = []
            for child in run:
                self._child(child, said, paragraph, depth)
            parts += [raised("".join(said))] if run.get("charPrIDRef") in self._raised else said
        paragraph.text = "".join(parts)
        self._number(element, paragraph)
        return paragraph

    def _child(self, child: Any, parts: list[str], paragraph: Paragraph, depth: int) -> None:
        match local(child):
            case "t":
                parts.extend(_text_of(child))
            case "secPr":
                self._outline_numbering = child.get("outlineShapeIDRef") or self._outline_numbering
            case "ctrl":
                for control in child:
                    self._control(control, parts, paragraph, depth)
            case "tbl":
                paragraph.insets.append(self._table(child, depth + 1))
            case "equation":
                parts.extend(script.text or "" for script in child.iter("{*}script"))
            case "compose":
                parts.append(child.get("composeText") or "")
            case "dutmal":
                texts = {local(one): one.text or "" for one in child}
                parts.append(f"{texts.get('mainText', '')}({texts.get('subText', '')})")
            case "textart":
                paragraph.insets.append(Inset("box", [Paragraph(child.get("text") or "")]))
            case name if name in FORM_PARTS:
                parts.append(form_text(child))
            case name if name in _SHAPES and depth < _DEEPEST:
                pictures = [one.get("binaryItemIDRef") or "" for one in child.iter("{*}img")]
                charts = [child.get("chartIDRef") or ""] if name == "chart" else []
                said = list(_said(child))
                inside = list(self._inside(child, depth + 1))
                paragraph.insets.append(Inset("box", inside, pictures=[*pictures, *charts], said=said))

    def _control(self, control: Any, parts: list[str], paragraph: Paragraph, depth: int) -> None:
        name = local(control)
        if name in _NOTES:
            inside = [one for body in _bodies(control) for one in self.paragraphs(body, depth + 1)]
            paragraph.insets.append(Inset(_NOTES[name], inside))
        elif name == "fieldBegin" and control.get("type") == "MEMO":
            inside = [one for body in _bodies(control) for one in self.paragraphs(body, depth + 1)]
            paragraph.insets.append(Inset("comment", inside))
        elif name == "autoNum" and control.get("numType") not in ("PAGE", "TOTAL_PAGE", "FOOTNOTE", "ENDNOTE"):
            parts.append(control.get("num") or "")

    def _inside(self, shape: Any, depth: int) -> Iterator[Paragraph]:
        """Of a drawn thing: its text, its caption, and what is grouped in it."""
        for child in shape:
            name = local(child)
            if name in ("drawText", "caption"):
                for body in _bodies(child):
                    yield from self.paragraphs(body, depth)
            elif name in _SHAPES and depth < _DEEPEST:
                yield from self._inside(child, depth + 1)

    def _table(self, element: Any, depth: int) -> Inset:
        table = Inset("table")
        if depth > _DEEPEST:
            return table
        for child in element:
            if local(child) == "caption":
                table.paragraphs += [one for body in _bodies(child) for one in self.paragraphs(body, depth)]
            elif local(child) == "tr":
                table.cells += [self._cell(cell, depth) for cell in child if local(cell) == "tc"]
        return table

    def _cell(self, element: Any, depth: int) -> Cell:
        parts = {local(child): child for child in element}
        paragraphs = [one for body in _bodies(element) for one in self.paragraphs(body, depth)]
        if len(paragraphs) == 1 and not paragraphs[0].text.strip() and not paragraphs[0].insets:
            # A cell that is left empty shows the number of its row.
            line = next(line for body in _bodies(element) for line in body if local(line) == "p")
            self._number(line, paragraphs[0], alone=True)
        address, span = parts.get("cellAddr"), parts.get("cellSpan")
        return Cell(
            row=_number(address, "rowAddr"),
            column=_number(address, "colAddr"),
            row_span=max(1, _number(span, "rowSpan")),
            column_span=max(1, _number(span, "colSpan")),
            paragraphs=paragraphs,
            is_header=element.get("header") == "1",
        )

    def _number(self, element: Any, paragraph: Paragraph, *, alone: bool = False) -> None:
        paragraph.outline = self._outlines.get(element.get("styleIDRef") or "", 0)
        kind, numbering_id, level = self._headings.get(element.get("paraPrIDRef") or "", ("", "", 0))
        if kind == "BULLET":
            paragraph.is_item = True
        if kind not in ("OUTLINE", "NUMBER") or not (alone or paragraph.text.strip()):
            return
        if kind == "OUTLINE":
            paragraph.outline = paragraph.outline or level + 1
            numbering_id = self._outline_numbering
        numbering = self._numberings.get(numbering_id)
        if numbering is not None:
            label = self._counters.label((kind, numbering_id), numbering, level)
            if alone:
                paragraph.text = label
            else:
                paragraph.label = label


def _said(shape: Any) -> Iterator[str]:
    """What is said instead of a drawn thing and those that are grouped in it."""
    for child in shape:
        if local(child) == "shapeComment":
            yield child.text or ""
        elif local(child) in _SHAPES:
            yield from _said(child)


def _bodies(element: Any) -> Iterator[Any]:
    return (child for child in element if local(child) == "subList")


def _text_of(element: Any) -> Iterator[str]:
    """Text and the signs in it, without what a tracked change has deleted."""
    is_deleted = False
    yield element.text or ""
    for child in element:
        name = local(child)
        if name == "deleteBegin":
            is_deleted = True
        elif name == "deleteEnd":
            is_deleted = False
        elif not is_deleted:
            yield _SIGNS.get(name, "")
        if not is_deleted:
            yield child.tail or ""


def _numbering(element: Any) -> Numbering:
    heads = {head.get("level") or "": head for head in element.iter("{*}paraHead")}
    numbering = Numbering()
    for level in range(1, 11):
        head = heads.get(str(level))
        start = (head.get("start") or "") if head is not None else ""
        numbering.patterns.append((head.text or "") if head is not None else "")
        numbering.formats.append((head.get("numFormat") or "DIGIT") if head is not None else "DIGIT")
        numbering.starts.append(int(start) if start.isdigit() else 1)
    return numbering


def _number(element: Any, name: str) -> int:
    text = (element.get(name) or "") if element is not None else ""
    return int(text) if text.isdigit() and len(text) < 7 else 0
