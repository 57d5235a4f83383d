"""The parse stage: the original's text and structure, read in a child process."""

from typing import Any

from typing_extensions import override

from process.application.ports import DocumentParser
from process.application.stages.stage import Stage, Way
from shared.artefacts.address import original_key
from shared.artefacts.parsed import ParsedDocument
from shared.ports.storage import BlobStore
from shared.vocabulary import PARSE


class ParseStage(Stage[ParsedDocument]):
    """Reads the original."""

    name = PARSE
    version = 1
    artefact = ParsedDocument
    made_from = ()

    def __init__(self, blobs: BlobStore, parser: DocumentParser) -> None:
        self._blobs = blobs
        self._parser = parser

    @override
    def depends_on(self, way: Way) -> dict[str, Any]:
        # The type may have been chosen by the name: the same bytes are Markdown to one person, plain text to another.
        return {"media_type": way.event.labels.media_type, "most_characters": self._parser.most_characters}

    @override
    def is_needed(self, way: Way) -> bool:
        return True

    @override
    async def work(self, way: Way) -> ParsedDocument:
        labels = way.event.labels
        path = await self._blobs.local_path(original_key(way.event.sha256))
        return await self._parser.parse(path, labels.media_type, labels.document_name)
