"""HWP: version 5 from its records ("Hangul document file format 5.0", Hancom), version 3 through unhwp."""

import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import olefile

from process.infrastructure.parsers import hwp_styles
from process.infrastructure.parsers.draft import Draft, Unreadable
from process.infrastructure.parsers.embedded import add_markdown
from process.infrastructure.parsers.hancom import Cell, Inset, InsetKind, Paragraph, Teller, title_of
from process.infrastructure.parsers.hwp_records import Record, records_of, tree_of
from process.infrastructure.parsers.pictures import add_picture
from process.infrastructure.parsers.private_use import as_unicode, tell_private_letters

_PARA_HEADER: Final = 66
_PARA_TEXT: Final = 67
_PARA_CHAR_SHAPES: Final = 68
_CTRL_HEADER: Final = 71
_LIST_HEADER: Final = 72
_TABLE: Final = 77
_EQUATION: Final = 88
_BINARY: Final = 18
_EMBEDDED: Final = 1
_PICTURE: Final = 85
_PICTURE_NUMBER: Final = 71
"""Where in a picture's record the number stands by which the document knows its bytes."""
_COMPRESSED, _PASSWORD, _DISTRIBUTION, _DRM = 1, 2, 4, 16
_MOST_STREAM: Final = 200 << 20
_DEEPEST: Final = 40
_NOTES: Final[dict[bytes, InsetKind]] = {
    b"head": "header",
    b"foot": "footer",
    b"fn  ": "footnote",
    b"en  ": "endnote",
    b"tcmt": "comment",
}
_NUMBERED: Final = frozenset((3, 4, 5))
"""Kinds of automatic numbers that are text: of pictures, tables and equations."""
_SIGNS: Final = {9: "\t", 10: "\n", 24: "-", 30: " ", 31: " "}
# Control characters that take the room of eight; the others of the first 32 stand alone.
_WIDE: Final = frozenset((*range(1, 10), 11, 12, *range(14, 24)))
_EXTENDED: Final = frozenset((1, 2, 3, 11, 12, *range(14, 19), 21, 22, 23))
"""Those of the wide ones that a control record belongs to, in their order."""


def parse(path: Path, draft: Draft) -> None:
    """Fills the draft. Raises Unreadable."""
    if not olefile.isOleFile(str(path)):
        _through_unhwp(path, draft)
        tell_private_letters(draft)
        return
    try:
        with olefile.OleFileIO(str(path)) as file:
            _parse_5(file, draft)
        tell_private_letters(draft)
    except (OSError, ValueError, TypeError, IndexError, KeyError, struct.error, RecursionError) as error:
        raise _damaged() from error


def _parse_5(file: olefile.OleFileIO, draft: Draft) -> None:
    header = _stream(file, ["FileHeader"])
    flags = struct.unpack_from("<I", header, 36)[0] if len(header) >= 40 else 0
    if flags & (_PASSWORD | _DRM):
        raise Unreadable(
            "encrypted",
            "The Hancom document is protected with a password or by DRM. Save it without that and upload it again.",
        )
    if flags & _DISTRIBUTION:
        raise Unreadable(
            "distribution_document",
            "This is a Hancom document for distribution: its text is locked for other programs. Ask its author for the "
            "document itself, or save it as PDF from the viewer, and upload that.",
        )
    is_packed = bool(flags & _COMPRESSED)
    information = _unpacked(_stream(file, ["DocInfo"]), is_packed=is_packed)
    teller = Teller(draft, lambda source: _add_picture(file, draft, source))
    reader = _Reader(hwp_styles.read(information), _pictures_of(information, is_packed=is_packed))
    sections = sorted(
        (int(entry[1][7:]), entry) for entry in file.listdir() if entry[0] == "BodyText" and entry[1][7:].isdigit()
    )
    if not sections:
        raise _damaged()
    for number, (_, entry) in enumerate(sections, 1):
        raw = _unpacked(_stream(file, entry), is_packed=is_packed)
        records = records_of(raw)
        if not records:
            draft.warnings.append(f"Section {number} could not be read.")
        teller.tell(reader.paragraphs(tree_of(records)))
    teller.finish()
    draft.title = _title(file)


def _stream(file: olefile.OleFileIO, name: Sequence[str]) -> bytes:
    if not file.exists(list(name)):
        return b""
    with file.openstream(list(name)) as stream:
        raw: bytes = stream.read(_MOST_STREAM)
    return raw


def _pictures_of(information: bytes, *, is_packed: bool) -> list[str]:
    """Where each picture lies that the document's information lists; empty for one that is only referred to."""
    found = []
    for record in records_of(information):
        if record.tag != _BINARY:
            continue
        source = ""
        if len(record.data) >= 6:
            flags, number, length = struct.unpack_from("<HHH", record.data)
            extension = record.data[6 : 6 + 2 * length].decode("utf-16-le", "replace")
            if flags & 15 == _EMBEDDED:
                packing = flags >> 4 & 3
                is_packed_too = packing == 1 or (packing == 0 and is_packed)
                source = f"{'ole-packed' if is_packed_too else 'ole'}:BinData/BIN{number:04X}.{extension}"
        found.append(source)
    return found


def _add_picture(file: olefile.OleFileIO, draft: Draft, source: str) -> None:
    kind, _, name = source.partition(":")
    if name:
        add_picture(draft, source, _unpacked(_stream(file, name.split("/")), is_packed=kind == "ole-packed"))


def _unpacked(raw: bytes, *, is_packed: bool) -> bytes:
    """What can be had of a stream, also of one that is cut. Raises Unreadable for one that is too long."""
    if not is_packed:
        return raw
    unpacking = zlib.decompressobj(-15)
    parts: list[bytes] = []
    total = 0
    try:
        for start in range(0, len(raw), 1 << 16):
            part = unpacking.decompress(raw[start : start + (1 << 16)], _MOST_STREAM - total + 1)
            parts.append(part)
            total += len(part)
            if total > _MOST_STREAM:
                raise Unreadable(
                    "too_large_inside",
                    f"The file unpacks to more than {_MOST_STREAM >> 20} MB. Split it into smaller ones.",
                )
    except zlib.error:
        pass
    return b"".join(parts)


def _title(file: olefile.OleFileIO) -> str | None:
    name = "\x05HwpSummaryInformation"
    if not file.exists(name):
        return None
    try:
        title = file.getproperties(name, convert_time=False).get(2)
    except Exception:  # a damaged property set gives any error; it is only a title
        return None
    return title_of(title.partition("\0")[0]) if isinstance(title, str) else None


def _through_unhwp(path: Path, draft: Draft) -> None:
    import unhwp

    try:
        text = unhwp.to_markdown(str(path))
    except unhwp.UnhwpError as error:
        if "encrypted" in str(error).lower():
            raise Unreadable(
                "encrypted",
                "The Hancom document is protected with a password. Save it without one and upload it again.",
            ) from error
        raise _damaged() from error
    add_markdown(draft, as_unicode(text))


def _damaged() -> Unreadable:
    return Unreadable(
        "corrupt", "The Hancom document is damaged. Open it in Hangul, save it again, and upload the result."
    )


@dataclass(slots=True)
class _Reader:
    """From records to paragraphs."""

    styles: hwp_styles.Styles
    pictures: Sequence[str]
    """By the document's numbers of them, which begin with 1."""
    outline_numbering: int = 1
    _depth: int = field(default=0)

    def paragraphs(self, records: Sequence[Record]) -> Iterator[Paragraph]:
        """Of a section, a cell, a note: every paragraph's header has its own parts below it."""
        for record in records:
            if record.tag == _PARA_HEADER:
                yield self._paragraph(record)

    def _paragraph(self, header: Record) -> Paragraph:
        paragraph = Paragraph()
        controls = [child for child in header.children if child.tag == _CTRL_HEADER]
        text, shapes = (
            next((child.data for child in header.children if child.tag == tag), b"")
            for tag in (_PARA_TEXT, _PARA_CHAR_SHAPES)
        )
        numbers: list[str] = []
        for control in controls:
            numbers.append(self._control(control, paragraph))
        paragraph.text = _text_of(self.styles.with_raised(text, shapes), numbers)
        if len(header.data) >= 11:
            shape, style = struct.unpack_from("<HB", header.data, 8)
            self.styles.number(paragraph, shape, style, self.outline_numbering)
        return paragraph

    def _control(self, control: Record, paragraph: Paragraph) -> str:
        """What the control shows in the line of text itself."""
        kind = control.data[3::-1] if len(control.data) >= 4 else b""
        if self._depth > _DEEPEST:
            return ""
        self._depth += 1
        try:
            if kind == b"tbl ":
                paragraph.insets.append(self._table(control))
            elif kind in _NOTES:
                inside = [one for _, some in _lists(control) for one in self.paragraphs(some)]
                paragraph.insets.append(Inset(_NOTES[kind], inside))
            elif kind == b"secd" and len(control.data) >= 20:
                self.outline_numbering = struct.unpack_from("<H", control.data, 18)[0] or 1
            elif kind == b"atno" and len(control.data) >= 10:
                flags, number = struct.unpack_from("<IH", control.data, 4)
                return str(number) if flags & 15 in _NUMBERED else ""
            elif kind == b"eqed":
                return " ".join(_script(child.data) for child in control.children if child.tag == _EQUATION)
            elif kind == b"gso ":
                inside = [one for some in _lists_below(control) for one in self.paragraphs(some)]
                paragraph.insets.append(Inset("box", inside, pictures=list(self._pictures(control))))
        finally:
            self._depth -= 1
        return ""

    def _pictures(self, record: Record, depth: int = 0) -> Iterator[str]:
        for child in record.children:
            if child.tag == _PICTURE and len(child.data) >= _PICTURE_NUMBER + 2:
                number = struct.unpack_from("<H", child.data, _PICTURE_NUMBER)[0]
                if 1 <= number <= len(self.pictures):
                    yield self.pictures[number - 1]
            elif depth < _DEEPEST and child.tag not in (_PARA_HEADER, _LIST_HEADER):
                yield from self._pictures(child, depth + 1)

    def _table(self, control: Record) -> Inset:
        table = Inset("table")
        is_caption = True
        for child, some in _lists(control):
            if child.tag == _TABLE:
                is_caption = False
            elif is_caption:
                table.paragraphs += self.paragraphs(some)
            elif len(child.data) >= 16:
                flags = struct.unpack_from("<I", child.data, 4)[0]
                column, row, column_span, row_span = struct.unpack_from("<4H", child.data, 8)
                table.cells.append(
                    Cell(
                        row, column, max(1, row_span), max(1, column_span), list(self.paragraphs(some)),
                        is_header=bool(flags >> 18 & 1),
                    )
                )  # fmt: skip
            else:
                table.paragraphs += self.paragraphs(some)
        return table


def _lists(control: Record) -> Iterator[tuple[Record, list[Record]]]:
    """Each list's header with the paragraphs behind it; the table's own record with none."""
    header: Record | None = None
    some: list[Record] = []
    for child in control.children:
        if child.tag in (_LIST_HEADER, _TABLE):
            if header is not None:
                yield header, some
            header, some = child, [one for one in child.children if one.tag == _PARA_HEADER]
        elif header is not None:
            some.append(child)
    if header is not None:
        yield header, some


def _lists_below(record: Record, depth: int = 0) -> Iterator[list[Record]]:
    for _, some in _lists(record):
        yield some
    if depth < _DEEPEST:
        for child in record.children:
            if child.tag not in (_PARA_HEADER, _LIST_HEADER):
                yield from _lists_below(child, depth + 1)


def _text_of(raw: bytes, numbers: Sequence[str]) -> str:
    """UTF-16 with control characters in it; each extended one stands for the next control."""
    units = struct.unpack(f"<{len(raw) // 2}H", raw[: len(raw) & ~1])
    parts: list[str] = []
    at, start, control = 0, 0, 0
    while at < len(units):
        unit = units[at]
        if unit >= 32:
            at += 1
            continue
        parts.append(raw[2 * start : 2 * at].decode("utf-16-le", "replace"))
        if unit in _EXTENDED:
            parts.append(numbers[control] if control < len(numbers) else "")
            control += 1
        parts.append(_SIGNS.get(unit, ""))
        at += 8 if unit in _WIDE else 1
        start = at
    parts.append(raw[2 * start : 2 * len(units)].decode("utf-16-le", "replace"))
    return "".join(parts)


def _script(raw: bytes) -> str:
    length = struct.unpack_from("<H", raw, 4)[0] if len(raw) >= 6 else 0
    return raw[6 : 6 + 2 * length].decode("utf-16-le", "replace")
