"""The chunk stage: the pure rules of domain/chunking.py, fed with the model's token counts."""

import asyncio
from collections.abc import Sequence
from typing import Any, Final

from typing_extensions import override

from process.application.stages.stage import Stage, Way
from process.domain.chunking import Limits, Piece, Plan, plan_chunks
from shared.artefacts.chunks import Chunk, ChunkedDocument
from shared.artefacts.parsed import ParsedDocument
from shared.ports.model import Model, ModelDescription
from shared.vocabulary import CHUNK

_SPECIAL_TOKENS: Final = 2
"""What the model puts around every text: [CLS] and [SEP], or their like."""
_AT_ONCE: Final = 30_000
"""Characters that are cut on the event loop itself (some milliseconds); longer texts go to a thread."""


class ChunkStage(Stage[ChunkedDocument]):
    """Cuts the text into pieces that the model reads whole."""

    name = CHUNK
    version = 1
    artefact = ChunkedDocument
    made_from = (ParsedDocument,)

    def __init__(self, model: Model) -> None:
        self._model = model

    @override
    def depends_on(self, way: Way) -> dict[str, Any]:
        return {"model": way.model.fingerprint}

    @override
    def is_needed(self, way: Way) -> bool:
        return True

    @override
    async def work(self, way: Way) -> ChunkedDocument:
        return await _chunked(way.left(ParsedDocument), self._model, way.model)


async def _chunked(parsed: ParsedDocument, model: Model, description: ModelDescription) -> ChunkedDocument:
    limits = Limits(tokens=description.max_tokens - _SPECIAL_TOKENS, languages=description.languages)
    plan = plan_chunks(parsed.text, parsed.blocks, title=parsed.title, language=parsed.language, limits=limits)
    in_thread = len(parsed.text) > _AT_ONCE
    step = await _step(plan, None, in_thread=in_thread)
    while isinstance(step, _Wanted):
        counts = await model.count_tokens(step.texts) if step.texts else []
        step = await _step(plan, counts, in_thread=in_thread)
    if in_thread:
        return await asyncio.to_thread(_document, parsed, step)
    return _document(parsed, step)


class _Wanted:
    """Texts whose tokens the plan wants counted."""

    def __init__(self, texts: Sequence[str]) -> None:
        self.texts = texts


async def _step(plan: Plan, counts: Sequence[int] | None, *, in_thread: bool) -> _Wanted | list[Piece]:
    def advance() -> _Wanted | list[Piece]:
        try:
            return _Wanted(next(plan) if counts is None else plan.send(counts))
        except StopIteration as done:
            pieces: list[Piece] = done.value
            return pieces

    return await asyncio.to_thread(advance) if in_thread else advance()


def _document(parsed: ParsedDocument, pieces: list[Piece]) -> ChunkedDocument:
    chunks = tuple(
        Chunk(
            ordinal=ordinal,
            kind=piece.kind,
            text=parsed.text[piece.start : piece.end],
            start=piece.start,
            end=piece.end,
            page=piece.page,
            headings=piece.headings,
            language=piece.language,
        )
        for ordinal, piece in enumerate(pieces)
    )
    return ChunkedDocument(title=parsed.title, chunks=chunks)
