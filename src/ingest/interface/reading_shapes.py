"""What is asked for, and answered, about the text, the tables and the pages of a document."""

from typing import Annotated

from pydantic import Field

from shared.artefacts.parsed import Table
from shared.artefacts.tables import markdown_of
from shared.ports.pages import PictureFormat
from shared.web.requests import RequestFields
from shared.web.shapes import Shape

_LONGEST_TEXT = 1 << 40


class TextQuery(RequestFields):
    """Which part of the text, in code points."""

    start: Annotated[
        int, Field(ge=0, le=_LONGEST_TEXT, description="Where it begins; what lies beyond the end is empty.")
    ] = 0
    end: Annotated[
        int | None,
        Field(ge=0, le=_LONGEST_TEXT, description="Where it ends, exclusive; the end of the text if left out."),
    ] = None


class PageImageQuery(RequestFields):
    """How the picture is to be."""

    width: Annotated[
        int,
        Field(
            ge=16,
            le=4_096,
            description="Its width in pixels; a document that is a picture itself is not made larger than it is.",
        ),
    ] = 1_024
    format: Annotated[PictureFormat, Field(description="`png` or `webp`.")] = "png"
    revision: Annotated[
        int | None,
        Field(ge=1, le=1 << 53, description="The number of a revision; the newest one if left out."),
    ] = None


class TableSpan(Shape):
    """A cell over several rows or columns; what it covers beside its first cell is empty."""

    row: int
    """Of its first cell, from 0."""
    column: int
    """Of its first cell, from 0."""
    row_span: int
    """Over how many rows it goes."""
    column_span: int
    """Over how many columns it goes."""


class TableView(Shape):
    """One table as a grid."""

    ordinal: int
    """Its place among the document's tables, from 0."""
    page: int | None
    """The page it begins on, from 1; null where there are none."""
    caption: str | None
    """What it is called, where the document says so."""
    header_rows: int
    """How many rows at its top name what stands below them."""
    rows: list[list[str]]
    """The text of every cell, row by row; every row has all columns."""
    spans: list[TableSpan]
    """Cells over several rows or columns."""
    markdown: str
    """The same as Markdown, with one header row and without spans."""
    start: int
    """Where it begins in the document's text, in code points."""
    end: int
    """Where it ends, exclusive."""


class TableList(Shape):
    """A page of tables, in reading order."""

    items: list[TableView]
    """One page."""
    next_cursor: str | None
    """For `cursor` of the next page; null on the last one."""
    total: int
    """How many there are on all pages."""
    revision: int
    """The revision they are of."""


def table_view(text: str, table: Table, ordinal: int) -> TableView:
    """`text` is the document's."""
    rows = table.rows(text)
    return TableView(
        ordinal=ordinal,
        page=table.page,
        caption=table.caption,
        header_rows=table.header_rows,
        rows=rows,
        spans=[TableSpan(**span.model_dump()) for span in table.spans],
        markdown=markdown_of(rows, table.header_rows, table.spans),
        start=table.start,
        end=table.end,
    )
