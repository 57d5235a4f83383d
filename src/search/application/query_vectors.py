"""The vectors of queries: kept for a while, and computed by the model where the index can use them."""

import asyncio
import hashlib
from typing import Final, Literal

import numpy as np

from search.application.ports.chunk_index import ChunkIndex, DenseVector
from search.application.renewal import Renewal
from search.application.request import SearchRequest
from search.domain.language import model_reads
from shared.kernel import Unavailable
from shared.ports.model import Model
from shared.ports.storage import Cache
from shared.telemetry import get_log

Lacking = Literal["language", "vectors", "model"]
"""The model does not read it; not everything has been embedded by the model; the model cannot be had."""

_NOTHING: Final[tuple[Lacking, ...]] = ()
_log = get_log("search")


class QueryVectors:
    """Of the model that Search uses."""

    def __init__(
        self,
        model: Model,
        index: ChunkIndex,
        renewal: Renewal,
        cache: Cache,
        *,
        model_seconds: float,
        ttl_seconds: float,
    ) -> None:
        """`model_seconds`: how long the model, or the index that is to take its vectors, is waited for."""
        self._model = model
        self._index = index
        self._renewal = renewal
        self._cache = cache
        self._model_seconds = model_seconds
        self._ttl_seconds = ttl_seconds

    async def of(
        self, request: SearchRequest, text: str, language: str | None, at: int
    ) -> tuple[DenseVector | None, tuple[Lacking, ...]]:
        """None when it would say nothing or cannot be had; and what is lacking."""
        if request.mode == "keyword":
            return None, _NOTHING
        lacking: list[Lacking] = []
        try:
            description = self._model.describe()
            if not model_reads(language, description.languages):
                if request.mode == "hybrid":
                    return None, _NOTHING
                lacking.append("language")
            if description.fingerprint != self._index.fingerprint:
                async with asyncio.timeout(self._model_seconds):
                    await self._index.ready()
            if description.fingerprint != self._index.fingerprint:
                return None, (*lacking, "vectors")
            if not await self._renewal.is_complete(description.fingerprint, at):
                lacking.append("vectors")
            digest = hashlib.sha256(text.encode()).hexdigest()
            key = f"embedding:{description.fingerprint}:{digest}"
            raw = await self._cache.get(key)
            if raw is None:
                raw = await self._embedded(text)
                await self._cache.put(key, raw, ttl_seconds=self._ttl_seconds)
            return DenseVector(description.fingerprint, raw), tuple(lacking)
        except (Unavailable, TimeoutError) as error:
            _log.warning("searching without the model", action="search.degraded", error=str(error))
            return None, (*lacking, "model")

    async def _embedded(self, text: str) -> bytes:
        # Not wait_for: that would take a task of its own, and the model would have the text a turn of the loop later.
        async with asyncio.timeout(self._model_seconds):
            vectors = await self._model.embed([text], kind="query")
        return np.ascontiguousarray(vectors[0], dtype="<f4").tobytes()
