"""DOCX and its kin (templates, documents with macros): text in order with automatic numbers, and what is beside it."""

import re
from pathlib import Path
from typing import Any, Final

from process.infrastructure.parsers.draft import Draft, Unreadable, one_line
from process.infrastructure.parsers.embedded import in_memory
from process.infrastructure.parsers.package import OLE_MAGIC, Package, local, relation_of
from process.infrastructure.parsers.tables.word import WordGrid
from process.infrastructure.parsers.word.names import W, number, value
from process.infrastructure.parsers.word.numbering import Numbering
from process.infrastructure.parsers.word.parts import Parts, transitional, words_drawn
from process.infrastructure.parsers.word.styles import Styles
from process.infrastructure.parsers.word.text import Insets, Texts, shown_children, with_label

_ENCRYPTED_PACKAGE: Final = "EncryptedPackage".encode("utf-16-le")
_JUNK_TITLE: Final = re.compile(
    r"\.\w{2,4}\Z|^untitled|^microsoft|^(?:word )?document\d*\Z|^제목 ?없음|^powerpoint", re.I
)
_DEEPEST_CHUNK: Final = 2
_NOTE_KINDS: Final = {"footnotes": "footnote", "endnotes": "footnote", "comments": "comment"}


def parse(path: Path, draft: Draft) -> None:
    """Fills the draft. Raises Unreadable."""
    _refuse_old(path)
    with Package(path, "Word document") as package:
        _read(package, draft, 0)
        if draft.title is None:
            draft.title = _property_title(package) or draft.first("heading", 1)


def _refuse_old(path: Path) -> None:
    with path.open("rb") as file:
        if file.read(len(OLE_MAGIC)) == OLE_MAGIC and _ENCRYPTED_PACKAGE not in file.read():
            raise Unreadable(
                "unsupported", "This is an old Word document (.doc). Save it as .docx in Word and upload the new file."
            )


def _read(package: Package, draft: Draft, depth: int) -> None:
    # The main part is what the package says it is, under any content type: with macros, or a template.
    main = next((name for kind, name in package.related("").values() if kind == "officeDocument"), "word/document.xml")
    root = transitional(package, main)
    if root is not None and local(root) in ("workbook", "presentation"):
        what = "an Excel workbook" if local(root) == "workbook" else "a PowerPoint presentation"
        raise Unreadable("unsupported", f"The file is no Word document but {what}. Give it its own extension.")
    body = root.find(W + "body") if root is not None and root.tag == W + "document" else None
    if body is None:
        raise Unreadable(
            "corrupt",
            "The Word document is damaged and cannot be opened. Open it in Word, save it again, and upload the result.",
        )
    reader = _Reader(draft, Parts(package, main, draft), depth)
    reader.walk(body)
    reader.finish(root)


def _property_title(package: Package) -> str | None:
    root = package.tree("docProps/core.xml")
    title = one_line(next((element.text or "" for element in root.iter("{*}title")), "")) if root is not None else ""
    return title if 2 <= len(title) <= 200 and not _JUNK_TITLE.search(title) else None


def _is_initial(properties: Any) -> bool:
    """Whether the paragraph is the large first letter of the next one."""
    frame = properties.find(W + "framePr") if properties is not None else None
    return frame is not None and frame.get(W + "dropCap", "none") != "none"


class _Reader:
    def __init__(self, draft: Draft, parts: Parts, depth: int) -> None:
        self._draft = draft
        self._parts = parts
        self._depth = depth
        styles = Styles(parts.root("styles"))
        self._texts = Texts(styles, Numbering(parts.root("numbering"), styles))
        # Text of paragraphs whose mark was deleted: it goes on in the next one.
        self._open = ""

    def walk(self, container: Any) -> None:
        """Every paragraph and table under `container`, in order."""
        for child in shown_children(container):
            if child.tag == W + "p":
                self._paragraph(child)
            elif child.tag == W + "tbl":
                self._table(child)
            elif child.tag == W + "altChunk":
                self._parts.add_chunk(child, self._word)
            elif child.tag == W + "subDoc":
                self._parts.leave_out("linked document")

    def finish(self, root: Any) -> None:
        """What no place in the text shows: comments on nothing, and the pages' headers and footers, each once."""
        if self._open.strip():
            self._draft.add("paragraph", self._open)
        for comment in self._parts.rest("comments"):
            self._note("comments", comment)
        seen: set[str] = set()
        for reference in root.iter(W + "headerReference", W + "footerReference"):
            part = self._parts.by_id(relation_of(reference))
            if part is None:
                continue
            insets = Insets()
            text = self._texts.block(part, insets)
            lines = [text, *(self._texts.block(box, Insets()) for box in insets.boxes)]
            lines.extend(words for drawing in insets.drawings for words in words_drawn(drawing))
            text = "\n".join(one_line(line) for line in "\n".join(lines).splitlines() if line.strip())
            if any(map(str.isalpha, text)) and text not in seen:
                seen.add(text)
                self._draft.add("header" if reference.tag == W + "headerReference" else "footer", text)
        self._parts.warn()

    def _paragraph(self, paragraph: Any) -> None:
        insets = Insets()
        text = self._open + self._texts.paragraph(paragraph, insets)
        self._open = ""
        properties = paragraph.find(W + "pPr")
        mark = properties.find(W + "rPr") if properties is not None else None
        if mark is not None and (mark.find(W + "del") is not None or mark.find(W + "moveFrom") is not None):
            self._open = text
        elif text and _is_initial(properties):
            self._open = text.strip()
        else:
            self._add(paragraph, properties, text.strip())
        self._insets(insets)

    def _add(self, paragraph: Any, properties: Any, text: str) -> None:
        label = self._texts.label(paragraph, text)
        if not text:
            return
        kind, level = self._role(paragraph, properties)
        if kind == "title":
            text = one_line(text)
            self._draft.title = self._draft.title or text
        if kind == "paragraph" and label is not None:
            kind = "list_item"
        text = with_label(label, one_line(text) if kind == "heading" else text)
        self._draft.add(kind, text, level=level)

    def _role(self, paragraph: Any, properties: Any) -> tuple[str, int]:
        outline = number(properties, "outlineLvl")
        if outline is not None and outline < 6:
            return ("heading", outline + 1)
        look = self._texts.look(paragraph)
        return look.kind, look.level

    def _insets(self, insets: Insets) -> None:
        for box in insets.boxes:
            self.walk(box)
        for drawing in insets.drawings:
            self._parts.add_drawing(drawing)
        for kind, note_id in insets.references:
            note = self._parts.note(kind, note_id)
            if note is not None:
                self._note(kind, note)

    def _note(self, kind: str, note: Any) -> None:
        insets = Insets()
        text = "\n".join(one_line(line) for line in self._texts.block(note, insets).splitlines())
        author = one_line(note.get(W + "author") or "")
        if kind == "comments" and author and text:
            text = f"{author}: {text}"
        self._draft.add(_NOTE_KINDS[kind], text)
        self._insets(insets)

    def _table(self, table: Any) -> None:
        rows = [row for row in shown_children(table) if row.tag == W + "tr"]
        cells = [[cell for cell in shown_children(row) if cell.tag == W + "tc"] for row in rows]
        if len(rows) == 1 and len(cells[0]) == 1:
            self.walk(cells[0][0])  # a frame around text, not a table
            return
        grid, insets = WordGrid(), Insets()
        for row, row_cells in zip(rows, cells, strict=True):
            grid.row(row, [(cell, self._cell(cell, insets)) for cell in row_cells])
        properties = table.find(W + "tblPr")
        alternative = dict.fromkeys(value(properties, name) for name in ("tblCaption", "tblDescription"))
        self._draft.add_table(
            grid.rows,
            spans=grid.spans,
            header_rows=grid.header_rows or None,
            caption=" – ".join(filter(None, alternative)) or None,
        )
        self._insets(insets)

    def _cell(self, cell: Any, insets: Insets) -> str:
        """Its text, that of its text boxes included; pictures and notes in it are told behind the table."""
        own = Insets()
        lines = [self._texts.block(cell, own)]
        lines.extend(self._texts.block(box, insets) for box in own.boxes)
        insets.drawings.extend(own.drawings)
        insets.references.extend(own.references)
        return "\n".join(lines)

    def _word(self, raw: bytes) -> bool:
        """Reads a Word document that stands inside this one; False where that cannot be."""
        if self._depth >= _DEEPEST_CHUNK:
            return False
        title = self._draft.title
        try:
            with in_memory(raw) as path, Package(path, "Word document") as package:
                _read(package, self._draft, self._depth + 1)
        except Unreadable as error:
            if error.data["code"] == "too_much_text":
                raise
            return False
        finally:
            self._draft.title = title
        return True
