"""Likeness by the one embedding model that search has loaded."""

import asyncio
from collections.abc import Sequence

from typing_extensions import override

from search.chat.application.ports.likeness import Likeness
from search.domain.language import language_of, model_reads
from shared.kernel import Unavailable
from shared.ports.model import Model


class ModelLikeness(Likeness):
    """Never loads the model, and waits no longer than `seconds`: an answer is at hand without it."""

    def __init__(self, model: Model, seconds: float = 0.5) -> None:
        self._model = model
        self._seconds = seconds

    @override
    async def of(self, text: str, others: Sequence[str], *, is_question: bool = False) -> Sequence[float] | None:
        try:
            if not self._model.is_loaded:
                return None
            languages = self._model.describe().languages
            read = [place for place, one in enumerate(others) if model_reads(language_of(one), languages)]
            if not model_reads(language_of(text), languages):
                return None
            if not read:
                return [-1.0] * len(others)
            async with asyncio.timeout(self._seconds):
                own = await self._model.embed([text], kind="query" if is_question else "passage")
                vectors = await self._model.embed([others[place] for place in read], kind="passage")
        except (Unavailable, TimeoutError):
            return None
        found = dict(zip(read, (vectors @ own[0]).tolist(), strict=True))
        return [found.get(place, -1.0) for place in range(len(others))]
