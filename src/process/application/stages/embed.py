"""The embed stage: a vector for every chunk that the model can read."""

from typing import Any, Final

import numpy as np
from typing_extensions import override

from process.application.stages.stage import Stage, Way
from process.domain.language import is_readable
from process.domain.passages import passage_text
from shared.artefacts.chunks import Chunk, ChunkedDocument
from shared.artefacts.vectors import ChunkVectors
from shared.ports.model import Model, ModelDescription
from shared.vocabulary import EMBED

_TEXTS_PER_CALL: Final = 256


class EmbedStage(Stage[ChunkVectors]):
    """Embeds what there is to embed; nothing is left of a document whose language the model does not read."""

    name = EMBED
    version = 1
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
            texts = [passage_text(document.title, chunk) for chunk in chunks[start : start + _TEXTS_PER_CALL]]
            parts.append(await self._model.embed(texts, kind="passage"))
        return ChunkVectors(
            ordinals=np.array([chunk.ordinal for chunk in chunks], dtype=np.int32),
            vectors=parts[0] if len(parts) == 1 else np.concatenate(parts),
        )


def _is_readable(chunk: Chunk, model: ModelDescription) -> bool:
    return is_readable(chunk.text, chunk.language, model.languages)
