"""What OCR has read of a document of many pages, kept a few pages at a time until the whole is there."""

from collections import Counter
from collections.abc import Collection, Mapping
from typing import Final

from pydantic import TypeAdapter

from process.application.stages.stage import Artefact, Stage, Way
from shared.kernel import Damaged, NotFound
from shared.ports.images import PictureText
from shared.ports.storage import BlobStore

_PAGES: Final = 4
"""Of a range: some seconds of work. A part of what makes its address."""
_RANGE: Final = TypeAdapter(dict[int, PictureText])


class KeptReadings:
    """Of one document; nothing is kept of one with no more pages to read than a range has that is told all at once."""

    def __init__(self, blobs: BlobStore, stage: Stage[Artefact], way: Way, pages: Collection[int]) -> None:
        """`pages` (1-based) are those that may be read."""
        self._blobs = blobs
        # Its first pages are told before the whole: they are read once, however few of them are to be read.
        self._is_large = len(pages) > _PAGES or way.event.early_versions > 0
        self._keys = (
            {first: way.piece(stage, "pages", first=first) for first in sorted(set(map(_first_of, pages)))}
            if self._is_large
            else {}
        )
        self._readings: dict[int, PictureText] = {}
        self._unsaved: Counter[int] = Counter()
        """By first page of a range, how many of its pages are being read."""
        self._way, self._stage, self._total = way, stage, len(pages)

    @property
    def keys(self) -> list[str]:
        """Where the ranges lie, of no use once the document is whole."""
        return list(self._keys.values())

    async def load(self) -> None:
        """Takes what an earlier attempt has left."""
        for key in self.keys:
            try:
                self._readings |= _RANGE.validate_json(await self._blobs.read(key))
            except (NotFound, Damaged, ValueError):
                continue

    def of(self, pages: Collection[int]) -> Mapping[int, PictureText]:
        """What is known of these; the others are to be read now, and each is told to `add`, read or not."""
        self._unsaved = Counter(_first_of(page) for page in pages if page not in self._readings)
        return {page: self._readings[page] for page in pages if page in self._readings}

    async def add(self, page: int, reading: PictureText | None) -> None:
        """One more was tried. Raises as telling of progress does."""
        if reading is not None:
            self._readings[page] = reading
        if not self._is_large:
            return
        first = _first_of(page)
        self._unsaved[first] -= 1
        if self._unsaved[first] == 0:
            some = {number: known for number, known in self._readings.items() if _first_of(number) == first}
            if some:
                await self._blobs.put(self._keys[first], _RANGE.dump_json(some))
        await self._way.advanced(self._stage.name, len(self._readings), self._total)


def _first_of(page: int) -> int:
    return (page - 1) // _PAGES * _PAGES + 1
