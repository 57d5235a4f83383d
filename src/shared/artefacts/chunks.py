"""The chunk stage's artefact: the pieces of a document that are embedded, found and shown."""

import json
from typing import ClassVar

from pydantic import BaseModel, ConfigDict


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


class ChunkedDocument(BaseModel):
    """All chunks of one document, in order."""

    model_config = ConfigDict(frozen=True)

    schema_version: ClassVar[int] = 1

    title: str | None
    chunks: tuple[Chunk, ...]

    def to_bytes(self) -> bytes:
        """UTF-8 JSON; one chunk at a time, so that a thread can write a long one without stopping the others."""
        chunks = b",".join(chunk.model_dump_json().encode() for chunk in self.chunks)
        return b'{"title":%s,"chunks":[%s]}' % (json.dumps(self.title, ensure_ascii=False).encode(), chunks)

    @classmethod
    def from_bytes(cls, raw: bytes) -> "ChunkedDocument":
        """Raises pydantic.ValidationError for what is not this artefact."""
        return cls.model_validate_json(raw)
