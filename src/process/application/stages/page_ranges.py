"""A document of many pages is read a range at a time, side by side; what was read once is not read again."""

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from process.application.ports import DocumentParser, PageRange
from process.application.stages.stage import Artefact, Beginnings, Stage, Way
from shared.artefacts.parsed import ParsedDocument
from shared.kernel import Damaged, NotFound, Refused
from shared.ports.storage import BlobStore
from shared.telemetry import get_log

MOST_PAGES_AT_ONCE: Final = 64
"""A document with more is read in ranges: half a second of work."""
PAGES_OF_A_RANGE: Final = 32
"""A part of what makes its address."""
_log = get_log("process")


def ranges_of(pages: int, size: int) -> Sequence[PageRange]:
    """Of a document of so many pages and bytes, in order."""
    return [
        PageRange(first, min(pages, first + PAGES_OF_A_RANGE - 1), size * PAGES_OF_A_RANGE // pages)
        for first in range(1, pages + 1, PAGES_OF_A_RANGE)
    ]


@dataclass(frozen=True, slots=True)
class RangedReading:
    """One document's pages."""

    blobs: BlobStore
    parser: DocumentParser
    stage: Stage[Artefact]
    way: Way
    path: str
    """Of the original."""
    pages: int

    async def parsed(self, parts_folder: str) -> ParsedDocument:
        """The document. Raises as the parser does, and as telling of progress does."""
        ranges = ranges_of(self.pages, self.way.event.size)
        keys = [self.way.piece(self.stage, "pages", first=each.first, last=each.last) for each in ranges]
        try:
            found = await self._left_behind(keys)
            if self.way.beginnings is not None:
                await self._show_beginnings(self.way.beginnings, ranges, keys, found)
            await self._read(ranges, keys, found)
            document = await self._assembled([found[number] for number in range(len(ranges))], parts_folder)
        except Refused as error:
            if not error.retryable:
                self.way.leftovers.extend(keys)
            raise
        self.way.leftovers.extend(keys)
        return document

    async def _show_beginnings(
        self, beginnings: Beginnings, ranges: Sequence[PageRange], keys: Sequence[str], found: dict[int, bytes]
    ) -> None:
        for pages in await beginnings.due(self.pages):
            some = [number for number, each in enumerate(ranges) if each.last <= pages]
            await self._read(ranges, keys, found, some)
            try:
                parsed = await self._assembled([found[number] for number in some])
            except Refused as error:
                # It is the whole that is refused or not.
                _log.info("first pages not read", action="document.early", pages=pages, reason=error.detail)
                continue
            await beginnings.show(parsed, pages)

    async def _assembled(self, ranges: Sequence[bytes], parts_folder: str | None = None) -> ParsedDocument:
        labels = self.way.event.labels
        return await self.parser.assemble(
            self.path,
            labels.media_type,
            labels.document_name,
            ranges,
            parts_folder=parts_folder,
            password=self.way.password,
        )

    async def _read(
        self,
        ranges: Sequence[PageRange],
        keys: Sequence[str],
        found: dict[int, bytes],
        wanted: Sequence[int] | None = None,
    ) -> None:
        """Adds those that are `wanted` (None: all) to what was found."""
        numbers = range(len(ranges)) if wanted is None else wanted
        waiting = [number for number in reversed(numbers) if number not in found]
        done = sum(ranges[number].last - ranges[number].first + 1 for number in found)

        async def work() -> None:
            nonlocal done
            while waiting:
                number = waiting.pop()
                found[number] = await self._one(ranges[number], keys[number])
                done += ranges[number].last - ranges[number].first + 1
                await self.way.advanced(self.stage.name, done, self.pages)

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(min(self.parser.at_once, len(waiting))):
                    group.create_task(work())
        except BaseExceptionGroup as several:
            raise several.exceptions[0] from None

    async def _one(self, pages: PageRange, key: str) -> bytes:
        labels = self.way.event.labels
        raw = await self.parser.read_pages(
            self.path, labels.media_type, labels.document_name, pages, password=self.way.password
        )
        await self.blobs.put(key, raw)
        return raw

    async def _left_behind(self, keys: Sequence[str]) -> dict[int, bytes]:
        """By number, the ranges that an earlier attempt has read."""
        found = {}
        for number, key in enumerate(keys):
            with contextlib.suppress(NotFound, Damaged):
                found[number] = await self.blobs.read(key)
        return found
