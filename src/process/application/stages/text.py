"""The text of a document on its way: as parsed, or with what OCR added to it."""

from process.application.stages.stage import Way
from shared.artefacts.parsed import ParsedDocument
from shared.artefacts.recognised import RecognisedDocument


def text_kind(way: Way) -> type[ParsedDocument]:
    """Which artefact has it."""
    return RecognisedDocument if way.has_left(RecognisedDocument) else ParsedDocument


def text_of(way: Way) -> ParsedDocument:
    """What chunks are slices of."""
    return way.left(text_kind(way))
