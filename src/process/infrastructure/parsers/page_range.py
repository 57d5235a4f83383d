"""What was read on some pages of a document, on its way to where all of them are put together."""

from dataclasses import dataclass, field
from typing import Any, Final

import msgpack

from process.infrastructure.parsers.layout.segment import Line, Note, Page, PictureOnPage
from process.infrastructure.parsers.tables.found import FoundTable
from process.infrastructure.parsers.tables.going_on import TableOnPage

_FORM: Final = 1
"""Raised when what is written changes its form."""


@dataclass(slots=True)
class ReadPages:
    """Those that could be read, in order."""

    pages: list[Page] = field(default_factory=list)
    broken: int = 0
    """How many could not."""
    warnings: list[str] = field(default_factory=list)

    def add(self, following: "ReadPages") -> None:
        """What was read of the pages behind these."""
        self.pages += following.pages
        self.broken += following.broken
        self.warnings += following.warnings


def packed(read: ReadPages) -> bytes:
    """As msgpack; numbers are kept to the last bit."""
    raw: bytes = msgpack.packb((_FORM, list(map(_page_fields, read.pages)), read.broken, read.warnings))
    return raw


def unpacked(raw: bytes) -> ReadPages:
    """The inverse; raises ValueError for anything else."""
    try:
        form, pages, broken, warnings = msgpack.unpackb(raw)
        if form != _FORM:
            raise ValueError(f"pages of the form {form}")
        return ReadPages(list(map(_page, pages)), broken, warnings)
    except (TypeError, LookupError, msgpack.UnpackException) as error:
        raise ValueError(f"no pages: {error}") from error


def _page_fields(page: Page) -> tuple[Any, ...]:
    return (
        (page.number, page.width, page.height),
        [_line_fields(line) for line in page.lines],
        [(note.kind, note.text, note.key) for note in page.notes],
        # One that nothing tells from others is like no other.
        [(picture.identity if isinstance(picture.identity, tuple) else None, picture.box) for picture in page.pictures],
        (page.is_picture, page.is_garbage, page.is_doubtful, page.holds_files),
    )


def _page(fields: list[Any]) -> Page:
    (number, width, height), lines, notes, pictures, marks = fields
    is_picture, is_garbage, is_doubtful, holds_files = marks
    return Page(
        number,
        width,
        height,
        [_line(number, line) for line in lines],
        [Note(kind, text, None if key is None else (key[0], key[1])) for kind, text, key in notes],
        [PictureOnPage(tuple(identity) if identity else object(), tuple(box)) for identity, box in pictures],
        is_picture,
        is_garbage,
        is_doubtful,
        holds_files,
    )


def _line_fields(line: Line) -> tuple[Any, ...]:
    place = (line.left, line.right, line.top, line.bottom, line.column)
    plain = (line.text, line.spaced, place)
    if line.table is None:
        return (*plain, line.cells) if line.cells else plain
    return (*plain, line.cells, _table_fields(line.table))


def _line(page: int, fields: list[Any]) -> Line:
    text, spaced, (left, right, top, bottom, column), *more = fields
    cells = more[0] if more else []
    table = _table(page, more[1]) if len(more) > 1 else None
    return Line(text, spaced, page, left, right, top, bottom, column, cells, table)


def _table_fields(on_page: TableOnPage) -> tuple[Any, ...]:
    table = on_page.table
    place = (table.left, table.top, table.right, table.bottom)
    said = (table.is_ruled, table.title, table.notes)
    return (on_page.width, on_page.height), table.rows, place, table.spans, table.columns, said


def _table(page: int, fields: list[Any]) -> TableOnPage:
    (width, height), rows, (left, top, right, bottom), spans, columns, (is_ruled, title, notes) = fields
    found = FoundTable(
        rows,
        left,
        top,
        right,
        bottom,
        [(row, column, down, across) for row, column, down, across in spans],
        tuple(columns),
        is_ruled,
        title,
        notes,
    )
    return TableOnPage(found, page, width, height)
