"""The first pages of a large document go past the stages before the rest is read, so that they are searchable early.

They are told each time there are twice as many, from the first page on: what is told later stands in the place of what
was told before, and in the end the whole stands there. So cheap work is done again, two and a half times in all at
most; pages are read, pictures recognised and texts embedded once. What is not over where they end is left out.
"""

import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from pydantic import ValidationError
from typing_extensions import override

from process.application.stages.embed import texts_to_embed
from process.application.stages.page_ranges import MOST_PAGES_AT_ONCE, PAGES_OF_A_RANGE
from process.application.stages.stage import Beginnings, Way
from process.application.stages.text import text_kind, text_of
from shared.artefacts.chunks import ChunkedDocument
from shared.artefacts.parsed import BlockKind, ParsedDocument
from shared.artefacts.vectors import ChunkVectors
from shared.events.process import PagesProcessed
from shared.kernel import Damaged, NotFound, Refused
from shared.ports.storage import BlobStore
from shared.telemetry import get_log

_MOST_SHARE: Final = 0.75
"""Of the document; when so much of it was told, the whole is near."""
_BESIDE: Final[frozenset[BlockKind]] = frozenset(
    ("header", "footer", "footnote", "comment", "note", "field", "picture")
)
"""Kinds of blocks that are not of the running text."""
_NAMING: Final[frozenset[BlockKind]] = frozenset(("title", "heading", "caption"))
"""Kinds that say what follows them."""
_log = get_log("process")


def steps_of(pages: int) -> Sequence[int]:
    """How many first pages of a document of so many are told together, one step after the other."""
    steps = []
    step = PAGES_OF_A_RANGE
    while pages > MOST_PAGES_AT_ONCE and step <= _MOST_SHARE * pages:
        steps.append(step)
        step *= 2
    return steps


def without_its_end(parsed: ParsedDocument) -> ParsedDocument | None:
    """What will not change when more pages follow, as far as its own pages can tell; None: nothing is left.

    Running text ends before its last block, which may go on. What stands behind it (headers and footers, which are
    told once for the whole) is left out, as are pictures and files in it: they come with the whole.
    """
    body = [place for place, block in enumerate(parsed.blocks) if block.kind not in _BESIDE]
    blocks = parsed.blocks[: body[-1]] if body else ()
    while blocks and blocks[-1].kind in _NAMING:
        blocks = blocks[:-1]
    if not blocks and not parsed.unread:
        return None
    end = blocks[-1].end if blocks else 0
    return parsed.model_copy(
        update={
            "text": parsed.text[:end],
            "blocks": blocks,
            "tables": tuple(table for table in parsed.tables if table.end <= end),
            "pictures": (),
            "parts": (),
        }
    )


class FirstPages(Beginnings):
    """Of one run of a document's job."""

    def __init__(self, way: Way, blobs: BlobStore, report: Callable[[PagesProcessed], Awaitable[None]]) -> None:
        """`report` tells it durably."""
        self._way = way
        self._blobs = blobs
        self._report = report
        self._told: dict[int, PagesProcessed] = {}
        self._is_recalled = False
        self.seconds = 0.0
        """Of work on them."""

    @override
    async def due(self, pages: int) -> Sequence[int]:
        steps = steps_of(pages)[: self._way.event.early_versions]
        await self.recall(pages)
        newest = max(self._told, default=0)
        return [step for step in steps if step > newest]

    async def recall(self, pages: int | None) -> None:
        """What an earlier run has told is known, and told once more: whoever was to hear it may not have."""
        if self._is_recalled:
            return
        self._is_recalled = True
        for step in steps_of(pages or 0):
            try:
                told = PagesProcessed.model_validate_json(await self._blobs.read(self._mark(step)))
            except (NotFound, Damaged, ValidationError):
                continue
            self._told[step] = told
        if self._told:
            newest = self._told[max(self._told)]
            await self._recall_vectors(newest)
            await self._report(newest)

    @override
    async def show(self, parsed: ParsedDocument, pages: int) -> None:
        started = time.perf_counter()
        try:
            beginning = without_its_end(parsed)
            if beginning is not None:
                await self._show(beginning, pages)
        except Refused as error:
            # It is the whole that is refused or not.
            _log.info("first pages not told", action="document.early", pages=pages, reason=error.detail)
        finally:
            self.seconds += time.perf_counter() - started

    def keys(self, *, but_newest: bool = False) -> list[str]:
        """Where what was told lies; but for the newest, which searches serve."""
        steps = sorted(self._told)[:-1] if but_newest else sorted(self._told)
        return [key for step in steps for key in (self._mark(step), *_artefacts(self._told[step]))]

    async def _show(self, beginning: ParsedDocument, pages: int) -> None:
        way = Way(
            self._way.event,
            self._way.model,
            self._way.stages,
            password=self._way.password,
            is_unlocked=self._way.is_unlocked,
            embedded=self._way.embedded,
        )
        way.keep(beginning)
        for stage in way.stages:
            if stage.artefact is not ParsedDocument and stage.is_needed(way):
                way.keep(await stage.work(way))
        chunks = way.left(ChunkedDocument)
        if not chunks.chunks:
            return
        kinds = [kind for kind in (text_kind(way), ChunkedDocument, ChunkVectors) if way.has_left(kind)]
        lie = {kind: self._place(way, kind, pages) for kind in kinds}
        await self._blobs.put_all({lie[kind]: way.left(kind).to_bytes() for kind in kinds})
        told = self._event(way, pages, lie[text_kind(way)], lie[ChunkedDocument], lie.get(ChunkVectors))
        # Last: what it names is there.
        await self._blobs.put(self._mark(pages), told.model_dump_json().encode())
        self._told[pages] = told
        if way.has_left(ChunkVectors):
            self._remember(chunks, way.left(ChunkVectors))
        await self._report(told)

    def _event(self, way: Way, pages: int, text: str, chunks: str, vectors: str | None) -> PagesProcessed:
        event, parsed = self._way.event, text_of(way)
        first_version = event.document_version - event.early_versions
        return PagesProcessed(
            document_id=event.document_id,
            document_version=first_version + (pages // PAGES_OF_A_RANGE).bit_length() - 1,
            whole_version=event.document_version,
            base_version=first_version - 1,
            revision=event.revision,
            sha256=event.sha256,
            labels=event.labels,
            language=parsed.language,
            pages=parsed.pages,
            pages_done=pages,
            characters=len(parsed.text),
            chunk_count=len(way.left(ChunkedDocument).chunks),
            chunks_artefact=chunks,
            vectors_artefact=vectors,
            fingerprint=way.model.fingerprint,
            warnings=parsed.warnings,
            text_artefact=text,
            asked_at=event.asked_at,
        )

    async def _recall_vectors(self, told: PagesProcessed) -> None:
        if told.vectors_artefact is None or told.fingerprint != self._way.model.fingerprint:
            return
        try:
            chunks, vectors = await self._blobs.read_all((told.chunks_artefact, told.vectors_artefact))
            self._remember(ChunkedDocument.from_bytes(chunks), ChunkVectors.from_bytes(vectors))
        except (NotFound, Damaged, ValueError, EOFError):
            return  # they are embedded again

    def _remember(self, document: ChunkedDocument, vectors: ChunkVectors) -> None:
        embedded = [document.chunks[ordinal] for ordinal in vectors.ordinals]
        self._way.embedded.update(zip(texts_to_embed(document, embedded), vectors.vectors, strict=True))

    def _mark(self, pages: int) -> str:
        """Where it lies that these were told."""
        stage = self._way.maker_of(ParsedDocument)
        return self._way.piece(stage, "told", pages=pages, **self._whose())

    def _place(self, way: Way, kind: type[ParsedDocument | ChunkedDocument | ChunkVectors], pages: int) -> str:
        return way.piece(way.maker_of(kind), "early", pages=pages, **self._whose())

    def _whose(self) -> dict[str, str | int]:
        # Others with the same bytes clear up when they are done.
        return {"document": self._way.event.document_id, "version": self._way.event.document_version}


def _artefacts(told: PagesProcessed) -> list[str]:
    return [key for key in (told.text_artefact, told.chunks_artefact, told.vectors_artefact) if key is not None]
