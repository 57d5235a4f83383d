"""The chunk stage's artefact: the pieces of a document that are embedded, found and shown."""

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
        """UTF-8 JSON."""
        return self.model_dump_json().encode()

    @classmethod
    def from_bytes(cls, raw: bytes) -> "ChunkedDocument":
        """Raises pydantic.ValidationError for what is not this artefact."""
        return cls.model_validate_json(raw)
