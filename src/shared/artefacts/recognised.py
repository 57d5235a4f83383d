"""The OCR stage's artefact: the document with the text of its pictures."""

from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from shared.artefacts.parsed import Box, ParsedDocument

Word = tuple[int, int, Box]
"""Start and end in the document's text, and where on its page the word stands."""


class RecognisedPage(BaseModel):
    """One page that OCR has read."""

    model_config = ConfigDict(frozen=True)

    page: int
    """1-based."""
    confidence: float
    """0 to 1: the mean of its words', each weighing as much as it has characters; 0 where nothing was found."""
    words: tuple[Word, ...] = ()


class RecognisedDocument(ParsedDocument):
    """Text, blocks and tables as parsed, with blocks of what was recognised among them: those with a confidence.

    `unread` are the pages that could not be read.
    """

    schema_version: ClassVar[int] = 1

    recognised: tuple[RecognisedPage, ...] = ()
