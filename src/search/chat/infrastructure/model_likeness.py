"""Likeness by the one embedding model that search has loaded."""

import asyncio
from collections.abc import Sequence

from typing_extensions import override

from search.chat.application.ports.likeness import Likeness
from search.chat.domain.asking import Language
from search.chat.domain.closeness import EXAMPLES, Scale, scale_of
from search.domain.language import language_of, model_reads
from shared.kernel import Unavailable
from shared.ports.model import Model, ModelDescription, TextKind

_Pair = tuple[str, Language, Language]
"""A model's fingerprint, the language of a question, and of what is told."""
_UNKNOWN = -1.0


class ModelLikeness(Likeness):
    """Never loads the model, and waits no longer than `seconds`: an answer is at hand without it."""

    def __init__(self, model: Model, seconds: float = 0.5) -> None:
        self._model = model
        self._seconds = seconds
        self._scales: dict[_Pair, asyncio.Task[Scale | None]] = {}
        """Each is learnt once."""

    @override
    async def of(self, text: str, others: Sequence[str]) -> Sequence[float] | None:
        return await self._cosines(text, others, kind="passage")

    @override
    async def scale(self, question: str) -> Scale | None:
        asked = _known(question)
        return None if asked is None else await self._scale(question, asked, asked)

    @override
    async def shares(self, question: str, sentences: Sequence[str]) -> Sequence[float] | None:
        asked = _known(question)
        cosines = None if asked is None else await self._cosines(question, sentences, kind="query")
        if asked is None or cosines is None:
            return None
        told = [_known(one) for one in sentences]
        scales = {one: await self._scale(question, asked, one) for one in set(told) if one is not None}
        if not any(scales.values()):
            return None
        return [
            _UNKNOWN if one is None or (scale := scales[one]) is None else scale.share(cosine)
            for one, cosine in zip(told, cosines, strict=True)
        ]

    async def _cosines(self, text: str, others: Sequence[str], *, kind: TextKind) -> Sequence[float] | None:
        try:
            description = self._reading(text)
            if description is None:
                return None
            read = [place for place, one in enumerate(others) if model_reads(language_of(one), description.languages)]
            if not read:
                return [_UNKNOWN] * len(others)
            async with asyncio.timeout(self._seconds):
                own = await self._model.embed([text], kind=kind)
                vectors = await self._model.embed([others[place] for place in read], kind="passage")
        except (Unavailable, TimeoutError):
            return None
        found = dict(zip(read, (vectors @ own[0]).tolist(), strict=True))
        return [found.get(place, _UNKNOWN) for place in range(len(others))]

    async def _scale(self, question: str, asked: Language, told: Language) -> Scale | None:
        try:
            description = self._reading(question)
            if description is None or not model_reads(told, description.languages):
                return None
            pair = description.fingerprint, asked, told
            learning = self._scales.get(pair)
            if learning is None:
                learning = self._scales[pair] = asyncio.create_task(self._learnt(asked, told))
                learning.add_done_callback(lambda ended: self._forget_unless_known(pair, ended))
            async with asyncio.timeout(self._seconds):
                # Who waits no longer leaves it to the next question.
                return await asyncio.shield(learning)
        except (Unavailable, TimeoutError):
            return None

    async def _learnt(self, asked: Language, told: Language) -> Scale | None:
        questions = await self._model.embed([question for question, _ in EXAMPLES[asked]], kind="query")
        answers = await self._model.embed([answer for _, answer in EXAMPLES[told]], kind="passage")
        return scale_of((questions @ answers.T).tolist())

    def _forget_unless_known(self, pair: _Pair, ended: "asyncio.Task[Scale | None]") -> None:
        """A model that was away may be back for the next question."""
        if ended.cancelled() or ended.exception() is not None:
            del self._scales[pair]

    def _reading(self, text: str) -> ModelDescription | None:
        """The model, if it is loaded and reads the text."""
        if not self._model.is_loaded:
            return None
        description = self._model.describe()
        return description if model_reads(language_of(text), description.languages) else None


def _known(text: str) -> Language | None:
    """Its language, if there are examples in it."""
    language = language_of(text)
    return next((one for one in EXAMPLES if one == language), None)
