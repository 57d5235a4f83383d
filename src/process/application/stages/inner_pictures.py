"""Pictures that stand in a document: what is written in them, and what they show where a model says so."""

import asyncio
from typing import Final, Protocol

from process.application.stages.recognised_text import SeenPicture, sure_words
from shared.artefacts.parsed import InnerPicture, ParsedDocument
from shared.kernel import NotFound, Refused, Unavailable, Unsupported
from shared.ports.images import PictureText

NOT_HERE: Final = frozenset(("not_installed", "weights_not_found"))
"""What a machine without OCR says. It is no reason to wait: a document is read once more when somebody asks for it."""
_AT_ONCE: Final = 2
_TELLING: Final = 0.6
"""Confidence of the words that are kept of a picture: below, it is a photograph of no text."""
_FEWEST_LETTERS: Final = 4


class Looking(Protocol):
    """What looks at pictures; each raises Refused, Unsupported, NotFound, Unavailable."""

    captions: bool
    """Whether there is a model that says what pictures show."""

    async def look(self, path: str, media_type: str, picture: InnerPicture, password: str | None) -> bytes:
        """A picture of the document as a file."""
        ...

    async def draw(self, path: str, media_type: str, page: int, password: str | None) -> bytes:
        """A page as a picture's file."""
        ...

    async def read_picture(self, data: bytes) -> PictureText:
        """What is written in it."""
        ...

    async def caption(self, data: bytes) -> str:
        """What it shows."""
        ...


class PictureReading:
    """Of one document's pictures."""

    def __init__(
        self, looking: Looking, path: str, parsed: ParsedDocument, *, password: str | None, is_reading: bool
    ) -> None:
        """`is_reading`: whether text in pictures can be read on this machine, as far as is known."""
        self._looking = looking
        self._path = path
        self._password = password
        self._parsed = parsed
        self._is_reading = is_reading
        self._is_captioning = looking.captions
        self._missing: set[str] = set()
        self._failed = 0
        self._why = ""

    async def all(self) -> list[SeenPicture]:
        """Those in which something was found. Raises Unavailable for what will be there again."""
        waiting = list(reversed(self._wanted()))
        seen: list[SeenPicture] = []

        async def work() -> None:
            while waiting and (self._is_reading or self._is_captioning):
                found = await self._one(waiting.pop())
                if found is not None:
                    seen.append(found)

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(min(_AT_ONCE, len(waiting))):
                    group.create_task(work())
        except ExceptionGroup as several:
            raise several.exceptions[0] from None
        place = {picture: number for number, picture in enumerate(self._wanted())}
        return sorted(seen, key=lambda one: place[one.picture])

    def warnings(self) -> list[str]:
        """What a reader of the document should know."""
        found = [f"Pictures in the document were not looked at: {why}" for why in sorted(self._missing)]
        if self._failed:
            what = "1 picture" if self._failed == 1 else f"{self._failed:,} pictures"
            found.append(f"{what} in the document could not be looked at: {self._why}")
        return found

    def _wanted(self) -> list[InnerPicture]:
        """A document that is a picture is said something of, too; its text is read page by page."""
        if self._looking.captions and self._parsed.media_type.startswith("image/"):
            return [InnerPicture(source="", after=0, page=page.page) for page in self._parsed.unread]
        return list(self._parsed.pictures)

    async def _one(self, picture: InnerPicture) -> SeenPicture | None:
        looking, media_type = self._looking, self._parsed.media_type
        is_page = not picture.source and picture.box is None and picture.page is not None
        reading, caption = None, ""
        try:
            if is_page and picture.page is not None:
                data = await looking.draw(self._path, media_type, picture.page, self._password)
            else:
                data = await looking.look(self._path, media_type, picture, self._password)
            if self._is_reading and not is_page:
                reading = await self._read(data)
            if self._is_captioning:
                caption = await self._caption(data)
        except (Refused, Unsupported, NotFound) as error:
            self._failed += 1
            self._why = self._why or error.detail
        return SeenPicture(picture, reading, caption) if reading is not None or caption else None

    async def _read(self, data: bytes) -> PictureText | None:
        try:
            reading = await self._looking.read_picture(data)
        except Unavailable as error:
            self._is_reading = False
            self._note_missing(error)
            return None
        return reading if _is_telling(reading) else None

    async def _caption(self, data: bytes) -> str:
        try:
            return await self._looking.caption(data)
        except Unavailable as error:
            self._is_captioning = False
            self._note_missing(error)
            return ""

    def _note_missing(self, error: Unavailable) -> None:
        if error.specific_code not in NOT_HERE:
            raise error
        self._missing.add(error.detail)


def _is_telling(reading: PictureText) -> bool:
    words = sure_words(reading)
    letters = sum(sum(map(str.isalnum, word.text)) for word in words)
    weight = sum(len(word.text) for word in words)
    return letters >= _FEWEST_LETTERS and sum(len(word.text) * word.confidence for word in words) >= _TELLING * weight
