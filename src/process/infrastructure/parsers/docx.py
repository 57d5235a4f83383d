"""DOCX (python-docx): headings, lists and tables in document order, text boxes, notes, page headers."""

import io
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import docx
from docx.opc.exceptions import OpcError
from docx.oxml.parser import parse_xml

from process.infrastructure.parsers.draft import Draft, Unreadable, one_line
from process.infrastructure.parsers.zip_limits import check_zip

_W: Final = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_MATH: Final = "{http://schemas.openxmlformats.org/officeDocument/2006/math}"
_MC: Final = "{http://schemas.openxmlformats.org/markup-compatibility/2006}"
_OLE_MAGIC: Final = bytes.fromhex("d0cf11e0a1b11ae1")
_ENCRYPTED_PACKAGE: Final = "EncryptedPackage".encode("utf-16-le")
_HEADING_STYLE: Final = re.compile(r"(?:heading|제목|überschrift|titre) ?(\d)\Z", re.I)
_JUNK_TITLE: Final = re.compile(r"\.\w{2,4}\Z|^untitled|^microsoft|^document\d*\Z|^제목 ?없음|^powerpoint", re.I)
_WRAPPERS: Final = frozenset(_W + name for name in ("sdt", "sdtContent", "customXml", "smartTag", "ins", "moveTo"))
_SKIPPED: Final = frozenset(
    (_W + "del", _W + "moveFrom", _W + "instrText", _W + "delText", _W + "pPr", _W + "rPr", _MC + "Fallback")
)
# ISO/IEC 29500 Strict uses other names for the same things; python-docx knows the transitional ones.
_STRICT: Final = (
    (
        b"http://purl.oclc.org/ooxml/officeDocument/relationships",
        b"http://schemas.openxmlformats.org/officeDocument/2006/relationships",
    ),
    (
        b"http://purl.oclc.org/ooxml/wordprocessingml/main",
        b"http://schemas.openxmlformats.org/wordprocessingml/2006/main",
    ),
    (b"http://purl.oclc.org/ooxml/drawingml/", b"http://schemas.openxmlformats.org/drawingml/2006/"),
    (
        b"http://purl.oclc.org/ooxml/officeDocument/math",
        b"http://schemas.openxmlformats.org/officeDocument/2006/math",
    ),
)


def parse(path: Path, draft: Draft) -> None:
    """Fills the draft. Raises Unreadable."""
    _refuse_ole(path)
    check_zip(path)
    try:  # lxml's XMLSyntaxError is a SyntaxError
        document = docx.Document(_transitional(path))
        body = document.element.body
    except (KeyError, ValueError, AttributeError, OpcError, zipfile.BadZipFile, SyntaxError) as error:
        raise Unreadable(
            "corrupt",
            "The Word document is damaged and cannot be opened. Open it in Word, save it again, and upload the result.",
        ) from error
    reader = _Reader(draft, document)
    if body is not None:
        reader.walk(body)
    reader.add_notes()
    reader.add_page_headers()
    if draft.title is None:
        draft.title = _property_title(document) or draft.first("heading", 1)


def _refuse_ole(path: Path) -> None:
    with path.open("rb") as file:
        head = file.read(len(_OLE_MAGIC))
        if head != _OLE_MAGIC:
            return
        content = file.read()
    if _ENCRYPTED_PACKAGE in content:
        raise Unreadable(
            "encrypted",
            "The Word document is protected with a password. Save it without a password and upload it again.",
        )
    raise Unreadable(
        "unsupported", "This is an old Word document (.doc). Save it as .docx in Word and upload the new file."
    )


def _transitional(path: Path) -> io.BytesIO | str:
    """The document itself, or a copy in the transitional namespaces when it is a Strict one."""
    with zipfile.ZipFile(path) as source:
        names = source.namelist()
        if not any(b"purl.oclc.org/ooxml" in source.read(name) for name in ("_rels/.rels",) if name in names):
            return str(path)
        copy = io.BytesIO()
        with zipfile.ZipFile(copy, "w") as target:
            for entry in source.infolist():
                content = source.read(entry)
                if entry.filename.endswith((".xml", ".rels")):
                    for strict, transitional in _STRICT:
                        content = content.replace(strict, transitional)
                target.writestr(entry.filename, content)
    copy.seek(0)
    return copy


def _property_title(document: Any) -> str | None:
    try:
        title = one_line(document.core_properties.title or "")
    except (KeyError, ValueError, AttributeError, SyntaxError):
        return None
    return title if 2 <= len(title) <= 200 and not _JUNK_TITLE.search(title) else None


class _Styles:
    """Heading level, title and list membership of each style, inherited ones included."""

    def __init__(self, document: Any) -> None:
        self._elements: dict[str, Any] = {}
        self._known: dict[str, tuple[str, int]] = {}
        try:
            for style in document.styles.element.iter(_W + "style"):
                self._elements[style.get(_W + "styleId", "")] = style
        except (KeyError, AttributeError, ValueError, SyntaxError):
            self._elements = {}

    def role(self, style_id: str | None) -> tuple[str, int]:
        """The block kind and heading level a paragraph of this style has."""
        if style_id is None:
            return ("paragraph", 0)
        if style_id not in self._known:
            self._known[style_id] = self._find(style_id)
        return self._known[style_id]

    def _find(self, style_id: str) -> tuple[str, int]:
        for _ in range(20):  # chains may be circular in a damaged file
            style = self._elements.get(style_id)
            if style is None:
                break
            name = _value(style, "name") or ""
            heading = _HEADING_STYLE.search(name)
            if heading and int(heading.group(1)) > 0:
                return ("heading", min(6, int(heading.group(1))))
            if name.lower() == "title":
                return ("title", 0)
            if name.lower() == "caption":
                return ("caption", 0)
            properties = style.find(_W + "pPr")
            if properties is not None:
                outline = _value(properties, "outlineLvl")
                if outline is not None and outline.isdigit() and int(outline) < 6:
                    return ("heading", int(outline) + 1)
                if properties.find(_W + "numPr") is not None:
                    return ("list_item", 0)
            style_id = _value(style, "basedOn") or ""
        return ("paragraph", 0)


def _value(parent: Any, name: str) -> str | None:
    child = parent.find(_W + name)
    value: str | None = child.get(_W + "val") if child is not None else None
    return value


class _Reader:
    def __init__(self, draft: Draft, document: Any) -> None:
        self._draft = draft
        self._document = document
        self._styles = _Styles(document)

    def walk(self, container: Any) -> None:
        """Every paragraph and table under `container`, in order."""
        for child in container:
            if child.tag == _W + "p":
                self._paragraph(child)
            elif child.tag == _W + "tbl":
                self._table(child)
            elif child.tag in _WRAPPERS:
                self.walk(child)
            elif child.tag == _MC + "AlternateContent":
                choice = child.find(_MC + "Choice")
                self.walk(choice if choice is not None else child)

    def add_notes(self) -> None:
        """Footnotes and endnotes, after the text."""
        for part in self._related("footnotes", "endnotes"):
            for note in _parsed(part):
                if note.get(_W + "type") in (None, "normal"):
                    self._draft.add("paragraph", one_line("".join(_text_of(note))))

    def add_page_headers(self) -> None:
        """What stands above or below every page, once."""
        seen = set()
        for part in self._related("header", "footer"):
            text = "\n".join(one_line("".join(_text_of(child))) for child in _parsed(part)).strip()
            if any(map(str.isalpha, text)) and text not in seen:
                seen.add(text)
                self._draft.add("caption", text)

    def _related(self, *names: str) -> Iterator[Any]:
        for relationship in self._document.part.rels.values():
            if not relationship.is_external and relationship.reltype.rsplit("/", 1)[-1] in names:
                yield relationship.target_part

    def _paragraph(self, paragraph: Any) -> None:
        boxes: list[Any] = []
        text = "".join(_text_of(paragraph, boxes)).strip()
        if text:
            kind, level = self._role(paragraph)
            if kind == "title":
                text = one_line(text)
                self._draft.title = self._draft.title or text
            self._draft.add(kind, one_line(text) if kind == "heading" else text, level=level)
        for box in boxes:
            self.walk(box)

    def _role(self, paragraph: Any) -> tuple[str, int]:
        properties = paragraph.find(_W + "pPr")
        if properties is None:
            return ("paragraph", 0)
        outline = _value(properties, "outlineLvl")
        if outline is not None and outline.isdigit() and int(outline) < 6:
            return ("heading", int(outline) + 1)
        kind, level = self._styles.role(_value(properties, "pStyle"))
        if kind == "paragraph" and properties.find(_W + "numPr") is not None:
            return ("list_item", 0)
        return kind, level

    def _table(self, table: Any) -> None:
        rows = [list(_children(row, _W + "tc")) for row in _children(table, _W + "tr")]
        if len(rows) == 1 and len(rows[0]) == 1:
            self.walk(rows[0][0])  # a frame around text, not a table
            return
        lines = ["\t".join(one_line("".join(_text_of(cell))) for cell in row).rstrip() for row in rows]
        self._draft.add("table", "\n".join(line for line in lines if line.strip()))


def _parsed(part: Any) -> Any:
    element = getattr(part, "element", None)
    if element is not None:
        return element
    try:
        return parse_xml(part.blob)
    except SyntaxError:
        return ()


def _children(parent: Any, tag: str) -> Iterator[Any]:
    for child in parent:
        if child.tag == tag:
            yield child
        elif child.tag in _WRAPPERS:
            yield from _children(child, tag)


def _text_of(element: Any, boxes: list[Any] | None = None) -> Iterator[str]:
    """The element's text; text boxes go to `boxes`, or come in line where nobody collects them."""
    for child in element:
        tag = child.tag
        if tag in (_W + "t", _MATH + "t"):
            yield child.text or ""
        elif tag == _W + "tab":
            yield "\t"
        elif tag in (_W + "br", _W + "cr"):
            yield "\n"
        elif tag == _W + "noBreakHyphen":
            yield "-"
        elif tag == _W + "txbxContent" and boxes is not None:
            boxes.append(child)
        elif tag in _SKIPPED or not isinstance(tag, str):
            continue
        else:
            if tag in (_W + "p", _W + "tc"):
                yield " "
            yield from _text_of(child, boxes)
