"""The parse stage's artefact: a document's normalised text and the blocks, tables and pages in it."""

from typing import ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, model_validator

BlockKind = Literal[
    "title",
    "heading",
    "paragraph",
    "list_item",
    "table",
    "code",
    "caption",
    "quote",
    "footnote",
    "header",
    "footer",
    "comment",
    "note",
    "field",
    "formula",
    "picture",
]
"""What a block is. Not of the running text: `footnote` (endnotes too), `header` and `footer` of pages (once),
`comment` (of a reviewer, an annotation), `note` (a speaker's), `field` (what somebody filled into a form), `picture`
(what stands in one: read by OCR, or said of it)."""

Box = tuple[float, float, float, float]
"""Left, top, right, bottom as fractions of the page's width and height, from its upper left corner."""


class Block(BaseModel):
    """One piece of structure; offsets are code points into the normalised text, end exclusive."""

    model_config = ConfigDict(frozen=True)

    kind: BlockKind
    start: int
    end: int
    level: int = 0
    """1–6 for headings, 0 otherwise."""
    page: int | None = None
    """1-based."""
    box: Box | None = None
    """Where it stands on `page`."""
    language: str | None = None
    """ISO 639-1, None when it cannot be told."""
    confidence: float | None = None
    """0 to 1, as OCR says of what it has read; None for text that the file itself holds."""


class Part(BaseModel):
    """A file in the file: a member of an archive, an attachment of a mail. Its bytes are kept as an original."""

    model_config = ConfigDict(frozen=True)

    path: str
    """Relative, with forward slashes."""
    sha256: str
    size: int


class Span(BaseModel):
    """A cell over several rows or columns; 0-based, what it covers beside its first cell is empty."""

    model_config = ConfigDict(frozen=True)

    row: int
    column: int
    row_span: int = 1
    column_span: int = 1


class TablePart(BaseModel):
    """Where a table goes on, on another page or in another column."""

    model_config = ConfigDict(frozen=True)

    row: int
    """The first row that stands there."""
    page: int | None = None
    box: Box | None = None


class Table(BaseModel):
    """A grid: `text[start:end]` has one row a line and a tab between two cells, empty cells at a row's end left out.

    No cell has a tab or a line break in it, so that rows and cells are where the text says.
    """

    model_config = ConfigDict(frozen=True)

    start: int
    end: int
    columns: int
    header_rows: int = 0
    """How many rows at its top name what stands below them."""
    caption: str | None = None
    page: int | None = None
    """On which it begins; 1-based."""
    box: Box | None = None
    """Where its part on `page` stands."""
    spans: tuple[Span, ...] = ()
    parts: tuple[TablePart, ...] = ()
    """Where it goes on; empty for a table that stands in one place."""

    def cells(self, text: str) -> list[list[tuple[int, int]]]:
        """Start and end of every cell in the document's text, row by row, each row as long as there are columns."""
        rows = []
        position = self.start
        for line in text[self.start : self.end].split("\n"):
            row = []
            for cell in line.split("\t"):
                row.append((position, position + len(cell)))
                position += len(cell) + 1
            row.extend([(position - 1, position - 1)] * (self.columns - len(row)))
            rows.append(row)
        return rows

    def rows(self, text: str) -> list[list[str]]:
        """The text of every cell, row by row."""
        return [[text[start:end] for start, end in row] for row in self.cells(text)]


class UnreadPage(BaseModel):
    """A page whose text only OCR can tell."""

    model_config = ConfigDict(frozen=True)

    page: int
    """1-based."""
    instead: bool = False
    """The text that the file has for it is garbage: what OCR reads takes its place."""
    doubtful: bool = False
    """Its text may be garbage, and is unless OCR reads the same: garbage of good letters is not told by itself."""


class InnerPicture(BaseModel):
    """A picture that stands in the document, large enough to say something."""

    model_config = ConfigDict(frozen=True)

    source: str
    """Where in the file it is; empty for what is drawn at `box` of `page`."""
    after: int
    """How many blocks stand before it."""
    page: int | None = None
    """1-based."""
    box: Box | None = None


class ParsedDocument(BaseModel):
    """Normalised text (NFC, "\\n" line ends) with its blocks and tables in order, none overlapping another."""

    model_config = ConfigDict(frozen=True)

    schema_version: ClassVar[int] = 2

    text: str
    blocks: tuple[Block, ...]
    media_type: str
    language: str | None
    """ISO 639-1 of most of the text, None when unknown."""
    pages: int | None = None
    title: str | None = None
    warnings: tuple[str, ...] = ()
    parts: tuple[Part, ...] = ()
    """Files in the file."""
    tables: tuple[Table, ...] = ()
    """Each lies in a block of kind `table` of the same start and end; artefacts of version 1 have none."""
    unread: tuple[UnreadPage, ...] = ()
    """In the order of their pages; there may be no other text."""
    pictures: tuple[InnerPicture, ...] = ()
    """In the order of the blocks. What is in them only OCR and a captioning model can tell."""

    @model_validator(mode="after")
    def _lies_in_its_text(self) -> Self:
        # A parser that a file made stumble must not leave what those behind it would stumble over.
        for spans in (self.blocks, self.tables):
            position = 0
            for each in spans:
                if not position <= each.start <= each.end <= len(self.text):
                    raise ValueError(f"what begins at {each.start} is not in its order, or not in the text")
                position = each.end
        return self

    def to_bytes(self) -> bytes:
        """UTF-8 JSON; what is as usual is left out."""
        return self.model_dump_json(exclude_defaults=True).encode()

    @classmethod
    def from_bytes(cls, raw: bytes) -> Self:
        """Raises pydantic.ValidationError for what is not this artefact; version 1 is read too."""
        return cls.model_validate_json(raw)
