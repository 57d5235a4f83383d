"""The parse stage's artefact: a document's normalised text and the blocks and pages in it."""

from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict

BlockKind = Literal["title", "heading", "paragraph", "list_item", "table", "code", "caption"]


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


class ParsedDocument(BaseModel):
    """Normalised text (NFC, "\\n" line ends) with its blocks in order, never overlapping."""

    model_config = ConfigDict(frozen=True)

    schema_version: ClassVar[int] = 1

    text: str
    blocks: tuple[Block, ...]
    media_type: str
    language: str | None
    """ISO 639-1 of most of the text, None when unknown."""
    pages: int | None = None
    title: str | None = None
    warnings: tuple[str, ...] = ()

    def to_bytes(self) -> bytes:
        """UTF-8 JSON."""
        return self.model_dump_json().encode()

    @classmethod
    def from_bytes(cls, raw: bytes) -> "ParsedDocument":
        """Raises pydantic.ValidationError for what is not this artefact."""
        return cls.model_validate_json(raw)
