"""The chunk stage's artefact: the pieces of a document that are embedded, found and shown."""

import json
from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from shared.artefacts.parsed import Box


class TableSlice(BaseModel):
    """What of a table lies in a chunk: whole rows, but where a row alone is larger than a chunk."""

    model_config = ConfigDict(frozen=True)

    start: int
    end: int
    """In the document's text."""
    header: str = ""
    """What the table calls its columns, a tab between two; empty where it does not say."""
    own_header_rows: int = 0
    """How many of its rows are the table's header rows: 0 in what goes on with a table."""


class Chunk(BaseModel):
    """`document_text[start:end] == text`; offsets in code points of the normalised text."""

    model_config = ConfigDict(frozen=True)

    ordinal: int
    """0-based, in reading order."""
    kind: str
    """The kind of most of its blocks."""
    text: str
    start: int
    end: int
    page: int | None
    """1-based page on which it begins."""
    headings: tuple[str, ...]
    """The heading path above it, outermost first."""
    language: str | None
    """ISO 639-1 of this chunk's text."""
    box: Box | None = None
    """Where its part on `page` stands."""
    tables: tuple[TableSlice, ...] = ()

    def to_json(self) -> str:
        """What is as usual is left out."""
        return self.model_dump_json(exclude_defaults=True)

    @property
    def table_header(self) -> str:
        """What the columns of the table that it goes on with are called; empty where the chunk itself says so."""
        if not self.tables or self.tables[0].own_header_rows or self.tables[0].start > self.start:
            return ""
        return " | ".join(filter(None, self.tables[0].header.split("\t")))


class ChunkedDocument(BaseModel):
    """All chunks of one document, in order."""

    model_config = ConfigDict(frozen=True)

    schema_version: ClassVar[int] = 1

    title: str | None
    chunks: tuple[Chunk, ...]

    def to_bytes(self) -> bytes:
        """UTF-8 JSON; one chunk at a time, so that a thread can write a long one without stopping the others."""
        chunks = b",".join(chunk.to_json().encode() for chunk in self.chunks)
        return b'{"title":%s,"chunks":[%s]}' % (json.dumps(self.title, ensure_ascii=False).encode(), chunks)

    @classmethod
    def from_bytes(cls, raw: bytes) -> "ChunkedDocument":
        """Raises pydantic.ValidationError for what is not this artefact."""
        return cls.model_validate_json(raw)
