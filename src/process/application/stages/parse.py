"""The parse stage: the original's text and structure, read in a child process."""

import asyncio
import hashlib
from pathlib import Path
from typing import Any

from typing_extensions import override

from process.application.ports import DocumentParser
from process.application.stages.stage import Stage, Way
from shared.artefacts.address import original_key
from shared.artefacts.parsed import ParsedDocument
from shared.kernel import NotFound, Refused
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
        labels, sha256 = way.event.labels, way.event.sha256
        try:
            path = await self._blobs.local_path(original_key(sha256))
        except NotFound as error:
            raise _lost("missing", "The uploaded bytes are not there any more") from error
        if way.event.document_version > 1 and not await asyncio.to_thread(_is_whole, path, sha256):
            # The first time they have just been hashed.
            raise _lost("damaged", "The uploaded bytes have changed since")
        return await self._parser.parse(path, labels.media_type, labels.document_name)


def _is_whole(path: str, sha256: str) -> bool:
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == sha256


def _lost(how: str, what: str) -> Refused:
    # Search goes on with what was made of it before; an upload of the same bytes sets it going again.
    return Refused(f"{what}: upload the file again.", code=f"original_{how}", stage=PARSE)
