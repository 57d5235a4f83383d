"""The embed stage: a vector for every chunk that the model can read."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from process.application.stages.stage import Stage, Way
from process.domain.language import is_readable
from process.domain.passages import passage_text
from shared.artefacts.chunks import Chunk, ChunkedDocument
from shared.artefacts.vectors import ChunkVectors
from shared.ports.model import Model, ModelDescription, Vectors
from shared.vocabulary import EMBED

_TEXTS_PER_CALL: Final = 256


class EmbedStage(Stage[ChunkVectors]):
    """Embeds what there is to embed; nothing is left of a document whose language the model does not read."""

    name = EMBED
    version = 2
    artefact = ChunkVectors
    made_from = (ChunkedDocument,)

    def __init__(self, model: Model) -> None:
        self._model = model

    @override
    def depends_on(self, way: Way) -> dict[str, Any]:
        # The model is in what the chunks depend on.
        return {}

    @override
    def is_needed(self, way: Way) -> bool:
        return any(_is_readable(chunk, way.model) for chunk in way.left(ChunkedDocument).chunks)

    @override
    async def work(self, way: Way) -> ChunkVectors:
        document = way.left(ChunkedDocument)
        chunks = [chunk for chunk in document.chunks if _is_readable(chunk, way.model)]
        parts = []
        for start in range(0, len(chunks), _TEXTS_PER_CALL):
            texts = texts_to_embed(document, chunks[start : start + _TEXTS_PER_CALL])
            parts.append(await self._vectors(texts, way.embedded))
            if (done := start + len(texts)) < len(chunks):
                await way.advanced(EMBED, done, len(chunks))
        return ChunkVectors(
            ordinals=np.array([chunk.ordinal for chunk in chunks], dtype=np.int32),
            vectors=parts[0] if len(parts) == 1 else np.concatenate(parts),
        )

    async def _vectors(self, texts: Sequence[str], known: Mapping[str, NDArray[np.float32]]) -> Vectors:
        new = [text for text in texts if text not in known]
        made = await self._model.embed(new, kind="passage") if new else np.empty((0, 0), dtype=np.float32)
        if len(new) == len(texts):
            return made
        rows = iter(made)
        return np.stack([known[text] if text in known else next(rows) for text in texts])


def texts_to_embed(document: ChunkedDocument, chunks: Sequence[Chunk]) -> list[str]:
    """What the model is given of these chunks of it."""
    return [passage_text(document.title, chunk, chunk.table_header) for chunk in chunks]


def _is_readable(chunk: Chunk, model: ModelDescription) -> bool:
    return is_readable(chunk.text, chunk.language, model.languages)
