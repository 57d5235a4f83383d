"""The parse stage: the original's text and structure, read in a child process."""

import asyncio
import hashlib
import shutil
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any, Final

from typing_extensions import override

from process.application.ports import DocumentParser, ManyPages
from process.application.stages.page_ranges import MOST_PAGES_AT_ONCE, RangedReading
from process.application.stages.stage import Stage, Way
from shared.artefacts.address import original_key
from shared.artefacts.parsed import ParsedDocument, Part
from shared.kernel import Damaged, NotFound, Refused, new_id
from shared.ports.storage import BlobStore
from shared.vocabulary import PARSE

_LOCKED: Final = "encrypted"
"""What a parser says of a file with a password."""
_PARTS_AT_ONCE: Final = 8
_PIECE: Final = 1 << 20


class ParseStage(Stage[ParsedDocument]):
    """Reads the original."""

    name = PARSE
    version = 8
    artefact = ParsedDocument
    made_from = ()
    reads_original = True

    def __init__(self, blobs: BlobStore, parser: DocumentParser, scratch: Path) -> None:
        """Below `scratch`, parts of documents lie between the parser and the store."""
        self._blobs = blobs
        self._parser = parser
        self._scratch = scratch

    @override
    def depends_on(self, way: Way) -> dict[str, Any]:
        # The type may have been chosen by the name: the same bytes are Markdown to one person, plain text to another.
        return {"media_type": way.event.labels.media_type, "most_characters": self._parser.most_characters} | (
            {"unlocked_for": way.event.document_id} if way.is_unlocked else {}
        )

    @override
    def is_needed(self, way: Way) -> bool:
        return True

    @override
    async def work(self, way: Way) -> ParsedDocument:
        try:
            return await self._parsed(way)
        except Refused as error:
            if error.specific_code != _LOCKED or way.password is not None:
                raise
            # Its password was sent once, and what it opened is still here.
            way.is_unlocked = True
            earlier = await self._unlocked_earlier(way)
            if earlier is None:
                raise
            return earlier

    async def _unlocked_earlier(self, way: Way) -> ParsedDocument | None:
        try:
            artefact = ParsedDocument.from_bytes(await self._blobs.read(way.address(ParsedDocument)))
        except (NotFound, Damaged, ValueError):
            return None
        return artefact if await self.is_whole(artefact) else None

    async def _parsed(self, way: Way) -> ParsedDocument:
        labels, sha256 = way.event.labels, way.event.sha256
        try:
            path = await self._blobs.local_path(original_key(sha256))
        except NotFound as error:
            raise _lost("missing", "The uploaded bytes are not there any more") from error
        if way.event.document_version > 1 and not await asyncio.to_thread(_is_whole, path, sha256):
            # The first time they have just been hashed.
            raise _lost("damaged", "The uploaded bytes have changed since")
        folder = self._scratch / new_id()
        try:
            parsed = await self._parser.parse(
                path,
                labels.media_type,
                labels.document_name,
                parts_folder=str(folder.absolute()),
                password=way.password,
                most_pages=MOST_PAGES_AT_ONCE,
            )
            if isinstance(parsed, ManyPages):
                reading = RangedReading(self._blobs, self._parser, self, way, path, parsed.pages)
                parsed = await reading.parsed(str(folder.absolute()))
            await self._keep(parsed.parts, folder)
        finally:
            if folder.exists():
                await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
        return parsed

    @override
    async def is_whole(self, artefact: ParsedDocument) -> bool:
        for part in artefact.parts:
            if not await self._blobs.exists(original_key(part.sha256)):
                return False
        return True

    async def _keep(self, parts: Sequence[Part], folder: Path) -> None:
        """Each becomes an original, before anybody hears of it."""
        enough = asyncio.Semaphore(_PARTS_AT_ONCE)

        async def one(sha256: str, size: int) -> None:
            async with enough:
                stored = await self._blobs.store(_pieces(folder / sha256), max_bytes=size)
            if stored.sha256 != sha256:
                raise RuntimeError(f"a parser gave a part another hash than its bytes have: {sha256}")

        async with asyncio.TaskGroup() as tasks:
            for sha256, size in {part.sha256: part.size for part in parts}.items():
                tasks.create_task(one(sha256, size))


async def _pieces(path: Path) -> AsyncIterator[bytes]:
    with path.open("rb") as file:
        while piece := await asyncio.to_thread(file.read, _PIECE):
            yield piece


def _is_whole(path: str, sha256: str) -> bool:
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == sha256


def _lost(how: str, what: str) -> Refused:
    # Search goes on with what was made of it before; an upload of the same bytes sets it going again.
    return Refused(f"{what}: upload the file again.", code=f"original_{how}", stage=PARSE)
