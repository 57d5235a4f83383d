"""The chunk stage: the pure rules of domain/chunking.py, fed with the model's token counts."""

import asyncio
from collections.abc import Sequence
from typing import Any, Final

from typing_extensions import override

from process.application.stages.placing import Placing
from process.application.stages.stage import Stage, Way
from process.application.stages.text import text_of
from process.domain.chunking import Piece, Plan, plan_chunks
from process.domain.sizes import Limits
from shared.artefacts.chunks import Chunk, ChunkedDocument
from shared.artefacts.parsed import ParsedDocument
from shared.artefacts.recognised import RecognisedDocument
from shared.ports.model import Model, ModelDescription
from shared.vocabulary import CHUNK

_SPECIAL_TOKENS: Final = 2
"""What the model puts around every text: [CLS] and [SEP], or their like."""
_MOST_TOKENS: Final = 254
"""Of a chunk, however much more the model reads at once: what is found is a passage that is read at a glance, and
one vector of several subjects is near none of them. Leaves room for the model's prompt, too."""
_AT_ONCE: Final = 30_000
"""Characters that are cut on the event loop itself (some milliseconds); longer texts go to a thread."""


class ChunkStage(Stage[ChunkedDocument]):
    """Cuts the text into pieces that the model reads whole."""

    name = CHUNK
    version = 4
    artefact = ChunkedDocument
    made_from = (ParsedDocument, RecognisedDocument)

    def __init__(self, model: Model) -> None:
        self._model = model

    @override
    def depends_on(self, way: Way) -> dict[str, Any]:
        is_cut = _tokens(way.model) < way.model.max_tokens - _SPECIAL_TOKENS
        return {"model": way.model.fingerprint} | ({"tokens": _tokens(way.model)} if is_cut else {})

    @override
    def is_needed(self, way: Way) -> bool:
        return True

    @override
    async def work(self, way: Way) -> ChunkedDocument:
        return await _chunked(text_of(way), self._model, way.model)


async def _chunked(parsed: ParsedDocument, model: Model, description: ModelDescription) -> ChunkedDocument:
    limits = Limits(tokens=_tokens(description), languages=description.languages)
    placing = Placing(parsed)
    plan = plan_chunks(
        parsed.text,
        parsed.blocks,
        title=parsed.title,
        language=parsed.language,
        limits=limits,
        headers=placing.headers(),
    )
    in_thread = len(parsed.text) > _AT_ONCE
    step = await _step(plan, None, in_thread=in_thread)
    while isinstance(step, _Wanted):
        counts = await model.count_tokens(step.texts) if step.texts else []
        step = await _step(plan, counts, in_thread=in_thread)
    if in_thread:
        return await asyncio.to_thread(_document, parsed, placing, step)
    return _document(parsed, placing, step)


def _tokens(description: ModelDescription) -> int:
    return min(_MOST_TOKENS, description.max_tokens - _SPECIAL_TOKENS)


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


def _document(parsed: ParsedDocument, placing: Placing, pieces: list[Piece]) -> ChunkedDocument:
    places = [placing.page_and_box(piece.start, piece.end) for piece in pieces]
    chunks = tuple(
        Chunk(
            ordinal=ordinal,
            kind=piece.kind,
            text=parsed.text[piece.start : piece.end],
            start=piece.start,
            end=piece.end,
            page=page,
            box=box,
            tables=placing.slices(piece.start, piece.end),
            headings=piece.headings,
            language=piece.language,
        )
        for ordinal, (piece, (page, box)) in enumerate(zip(pieces, places, strict=True))
    )
    return ChunkedDocument(title=parsed.title, chunks=chunks)
