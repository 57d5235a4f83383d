"""The OCR stage: pages and pictures are read, and what is in them takes its place in the document."""

import asyncio
from collections.abc import Sequence
from typing import Any, Final

from typing_extensions import override

from process.application.stages.doubted_text import says_something_else
from process.application.stages.inner_pictures import NOT_HERE, PictureReading
from process.application.stages.kept_readings import KeptReadings
from process.application.stages.recognised_text import with_recognised
from process.application.stages.stage import Stage, Way
from shared.artefacts.address import original_key
from shared.artefacts.parsed import InnerPicture, ParsedDocument, UnreadPage
from shared.artefacts.recognised import RecognisedDocument
from shared.kernel import NotFound, Refused, Unavailable, Unsupported
from shared.ports.images import ImageModels, PictureText
from shared.ports.pages import PagePictures
from shared.ports.storage import BlobStore
from shared.vocabulary import OCR

_AT_ONCE: Final = 2
"""Pages, of all documents together: one is drawn while another is read."""
_SAMPLES: Final = 2
"""Pages of doubtful text that are read before the rest is."""
_DOUBTFUL: Final = 0.6
_MOST_NAMED: Final = 10


class OcrStage(Stage[RecognisedDocument]):
    """Reads what is in pictures only; most documents have nothing for it."""

    name = OCR
    version = 3
    artefact = RecognisedDocument
    made_from = (ParsedDocument,)
    reads_original = True

    def __init__(
        self, blobs: BlobStore, pages: PagePictures, images: ImageModels, *, reader: str, captions: bool = False
    ) -> None:
        """`reader` says which engine reads which languages, and what captions: other ones say other things."""
        self._blobs = blobs
        self._pages = pages
        self._images = images
        self._reader = reader
        self.captions = captions
        self._turns = asyncio.Semaphore(_AT_ONCE)

    @override
    def depends_on(self, way: Way) -> dict[str, Any]:
        return {"reader": self._reader}

    @override
    def is_needed(self, way: Way) -> bool:
        parsed = way.left(ParsedDocument)
        return bool(parsed.unread or parsed.pictures)

    @override
    async def work(self, way: Way) -> RecognisedDocument:
        parsed = way.left(ParsedDocument)
        path = await self._path(way)
        kept = KeptReadings(self._blobs, self, way, [page.page for page in parsed.unread])
        await kept.load()
        reading = _Reading(self, path, parsed, kept, way.password)
        readings = await reading.all()
        unread = [page for page in parsed.unread if page.page not in readings and page.page not in reading.right]
        inner = PictureReading(self, path, parsed, password=way.password, is_reading=reading.missing is None)
        seen = await inner.all()
        document = await asyncio.to_thread(
            with_recognised,
            parsed,
            readings,
            seen=seen,
            unread=unread,
            warnings=[*reading.warnings(readings), *inner.warnings()],
        )
        way.leftovers.extend(kept.keys)
        if not document.text and not document.parts:
            raise Refused(reading.why_nothing(), code="no_text", stage=OCR)
        return document

    async def read(self, path: str, media_type: str, page: int, password: str | None) -> PictureText:
        """One page. Raises Refused, NotFound, Unavailable."""
        # Who has more pages waiting than readers is told "busy" after a while, and would begin anew.
        async with self._turns:
            picture = await self._pages.page(path, media_type, page, password=password)
            return (await self._images.read_text([picture.data]))[0]

    async def look(self, path: str, media_type: str, picture: InnerPicture, password: str | None) -> bytes:
        """A picture of the document as a file. Raises Refused, NotFound, Unavailable."""
        async with self._turns:
            seen = await self._pages.picture(
                path, media_type, picture.source, page=picture.page, box=picture.box, password=password
            )
        return seen.data

    async def draw(self, path: str, media_type: str, page: int, password: str | None) -> bytes:
        """A page as a picture's file. Raises Refused, NotFound, Unavailable."""
        async with self._turns:
            return (await self._pages.page(path, media_type, page, password=password)).data

    async def read_picture(self, data: bytes) -> PictureText:
        """What is written in it. Raises Refused, Unsupported, Unavailable."""
        async with self._turns:
            return (await self._images.read_text([data]))[0]

    async def caption(self, data: bytes) -> str:
        """What it shows. Raises Refused, Unsupported, Unavailable."""
        return (await self._images.caption([data]))[0].text

    async def _path(self, way: Way) -> str:
        try:
            return await self._blobs.local_path(original_key(way.event.sha256))
        except NotFound as error:
            raise Refused(
                "The uploaded bytes are not there any more: upload the file again.", code="original_missing", stage=OCR
            ) from error


class _Reading:
    """Of one document's pages."""

    def __init__(
        self, stage: OcrStage, path: str, parsed: ParsedDocument, kept: KeptReadings, password: str | None
    ) -> None:
        self._kept = kept
        self._password = password
        self._stage = stage
        self._path = path
        self._parsed = parsed
        self._failed: dict[int, str] = {}
        self.missing: str | None = None
        """Why no page can be read on this machine."""
        self.right: set[int] = set()
        """Pages whose text was doubted, and is what OCR reads."""

    async def all(self) -> dict[int, PictureText]:
        """By page, what could be read. Raises Unavailable for what will be there again."""
        readings = await self._read([page for page in self._parsed.unread if not page.doubtful])
        doubtful = [page for page in self._parsed.unread if page.doubtful]
        wrong: dict[int, PictureText] = {}
        for some in (doubtful[:_SAMPLES], doubtful[_SAMPLES:]):
            found = await self._read(some)
            wrong |= {page: reading for page, reading in found.items() if self._is_wrong(page, reading)}
            if not wrong:
                break
        self.right = {page.page for page in doubtful} - wrong.keys()
        return readings | wrong

    def _is_wrong(self, page: int, reading: PictureText) -> bool:
        own = (self._parsed.text[block.start : block.end] for block in self._parsed.blocks if block.page == page)
        return says_something_else(" ".join(own), reading)

    async def _read(self, pages: Sequence[UnreadPage]) -> dict[int, PictureText]:
        readings = dict(self._kept.of([page.page for page in pages]))
        waiting = [page for page in reversed(pages) if page.page not in readings]

        async def work() -> None:
            while waiting and self.missing is None:
                page = waiting.pop()
                reading = await self._one(page)
                if reading is not None:
                    readings[page.page] = reading
                await self._kept.add(page.page, reading)

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(min(_AT_ONCE, len(waiting))):
                    group.create_task(work())
        except BaseExceptionGroup as several:
            raise several.exceptions[0] from None
        return readings

    async def _one(self, page: UnreadPage) -> PictureText | None:
        try:
            return await self._stage.read(self._path, self._parsed.media_type, page.page, self._password)
        except Unavailable as error:
            if error.specific_code not in NOT_HERE:
                raise
            self.missing = error.detail
        except (Refused, Unsupported, NotFound) as error:
            self._failed[page.page] = error.detail
        return None

    def warnings(self, readings: dict[int, PictureText]) -> list[str]:
        """What a reader of the document should know."""
        found = []
        if self.missing is not None:
            count = sum(not page.doubtful for page in self._parsed.unread) - len(readings)
            if count > 0:
                found.append(f"{count} pages are pictures whose text could not be read here: {self.missing}")
        if self._failed:
            page, why = min(self._failed.items())
            found.append(f"{_pages(self._failed)} could not be read as pictures; page {page}: {why}")
        instead = {page.page for page in self._parsed.unread if page.instead or page.doubtful} & readings.keys()
        if instead:
            found.append(f"{_pages(list(instead))}: the text in the file is garbage; it was read from the picture.")
        doubtful = [page for page, reading in readings.items() if reading.text and reading.confidence < _DOUBTFUL]
        if doubtful:
            found.append(f"{_pages(doubtful)}: the text was recognised with doubt and may be wrong.")
        empty = [page for page, reading in readings.items() if not reading.text]
        if empty:
            found.append(f"{_pages(empty)}: no text was found in the picture.")
        return found

    def why_nothing(self) -> str:
        """For a document that is left without any text."""
        if self.missing is not None:
            return f"The document is a scan or a picture, and its text could not be read: {self.missing}"
        if self._failed:
            return f"The document is a scan or a picture, and could not be read: {min(self._failed.items())[1]}"
        return (
            "No text was found in the document's pictures. If there is some, scan it again with 300 dots per inch and "
            "more contrast."
        )


def _pages(numbers: Sequence[int] | dict[int, str]) -> str:
    some = sorted(numbers)
    named = ", ".join(map(str, some[:_MOST_NAMED])) + (" …" if len(some) > _MOST_NAMED else "")
    return f"Page {named}" if len(some) == 1 else f"Pages {named}"
