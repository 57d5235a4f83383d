"""DOC of Word 97 to 2003 (MS-DOC): the text by its piece table, cells as tables, notes and page headers behind it."""

import re
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import olefile

from process.infrastructure.parsers.draft import Draft, Unreadable, locked, one_line
from process.infrastructure.parsers.grids import add_grid
from process.infrastructure.parsers.private_use import as_unicode, tell_private_letters

_WORD: Final = 0xA5EC
_LEAST_VERSION: Final = 0x00C1
"""Word 97; older ones keep their text otherwise."""
_ENCRYPTED, _WHICH_TABLE = 0x0100, 0x0200
_COUNTS: Final = 0x4C
"""Of characters: main text, footnotes, headers, macros, comments, endnotes (each four bytes)."""
_CLX: Final = 0x01A2
_COMPRESSED: Final = 0x4000_0000
_MOST_PIECES: Final = 1_000_000
_MOST_BYTES: Final = 200 << 20
_INSTRUCTION: Final = re.compile("\x13[^\x13\x14\x15]*(?:\x14|(?=\x15))")
_SIGNS: Final = {0x0B: "\n", 0x0C: "\r", 0x0E: "\n", 0x1E: "-", 0x1F: "", 0xA0: " "}
_DROPPED: Final = dict.fromkeys((0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x08, 0x13, 0x14, 0x15))


def parse(path: Path, draft: Draft) -> None:
    """Fills the draft. Raises Unreadable."""
    try:
        with olefile.OleFileIO(str(path)) as file:
            text, counts = _text(file)
            draft.title = _title(file)
    except (OSError, ValueError, TypeError, IndexError, KeyError, struct.error) as error:
        raise Unreadable(
            "corrupt", "The Word document is damaged. Open it in Word, save it as DOCX, and upload the result."
        ) from error
    draft.require_room(len(text))
    at = 0
    for kind, count in zip(("paragraph", "footnote", "header", "", "comment", "footnote"), counts, strict=True):
        part = _readable(text[at : at + count])
        at += count
        if kind == "paragraph":
            _add_main(draft, part)
        elif kind:
            said = set()
            for line in part.split("\r"):
                line = one_line(line)
                if any(map(str.isalpha, line)) and line not in said:
                    said.add(line)
                    draft.add(kind, line)
    tell_private_letters(draft)


def _text(file: olefile.OleFileIO) -> tuple[str, tuple[int, ...]]:
    main = _stream(file, "WordDocument")
    word, version = struct.unpack_from("<HH", main)
    flags = struct.unpack_from("<H", main, 10)[0]
    if word != _WORD or version < _LEAST_VERSION:
        raise Unreadable("unsupported", "This is a document of Word 95 or older. Save it as DOCX and upload that.")
    if flags & _ENCRYPTED:
        raise locked("The Word document", None)
    table = _stream(file, "1Table" if flags & _WHICH_TABLE else "0Table")
    counts = struct.unpack_from("<6i", main, _COUNTS)
    start, length = struct.unpack_from("<II", main, _CLX)
    return "".join(_pieces(main, table[start : start + length])), tuple(max(0, count) for count in counts)


def _stream(file: olefile.OleFileIO, name: str) -> bytes:
    with file.openstream(name) as stream:
        raw: bytes = stream.read(_MOST_BYTES)
    return raw


def _pieces(main: bytes, clx: bytes) -> Iterator[str]:
    """The text in its order: where each piece of it lies, and whether a character has one byte there or two."""
    at = 0
    while at < len(clx) and clx[at] == 1:  # changes of properties
        at += 3 + struct.unpack_from("<H", clx, at + 1)[0]
    if at >= len(clx) or clx[at] != 2:
        raise ValueError("no piece table")
    length = struct.unpack_from("<I", clx, at + 1)[0]
    plc = clx[at + 5 : at + 5 + length]
    count = min(_MOST_PIECES, (len(plc) - 4) // 12)
    ends = struct.unpack_from(f"<{count + 1}I", plc)
    for number in range(count):
        characters = ends[number + 1] - ends[number]
        where = struct.unpack_from("<I", plc, 4 * (count + 1) + 8 * number + 2)[0]
        if characters < 0 or characters > len(main):
            raise ValueError("a piece is longer than the file")
        if where & _COMPRESSED:
            begin = (where & ~_COMPRESSED) // 2
            yield main[begin : begin + characters].decode("cp1252", "replace")
        else:
            yield main[where : where + 2 * characters].decode("utf-16-le", "replace")


def _readable(text: str) -> str:
    """Without the instructions of fields; their results stay."""
    for _ in range(5):  # fields in fields
        text, changed = _INSTRUCTION.subn("", text)
        if not changed:
            break
    return as_unicode(text.translate(_DROPPED).translate(_SIGNS))


def _add_main(draft: Draft, text: str) -> None:
    rows: list[list[str]] = []
    row: list[str] = []
    for line in re.split("(?<=[\r\x07])", text):
        if line == "\x07" and row:  # the mark of a row's end has no text; that of an empty cell neither
            rows.append(row)
            row = []
        elif line.endswith("\x07"):
            row.append(one_line(line[:-1]))
        elif row:
            row[-1] += " " + one_line(line)
        else:
            if rows:
                add_grid(draft, rows)
                rows = []
            draft.add("paragraph", line)
    if row:
        rows.append(row)
    if rows:
        add_grid(draft, rows)


def _title(file: olefile.OleFileIO) -> str | None:
    try:
        title = file.get_metadata().title
    except Exception:  # a damaged property set gives any error; it is only a title
        return None
    if not isinstance(title, bytes):
        return None
    for encoding in ("utf-8", "cp949"):
        try:
            return one_line(title.decode(encoding)) or None
        except UnicodeDecodeError:
            continue
    return None
