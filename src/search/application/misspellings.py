"""What a query was likely meant to say, where words of it stand nowhere and are no words anybody else would write."""

from typing import Final

from search.application.ports.analysis import Analyzer
from search.application.ports.chunk_index import ChunkIndex
from search.application.request import SearchRequest
from search.application.vocabulary import Vocabulary
from search.domain.filters import Condition, Filters
from search.domain.spelling import Unknown, corrected
from shared.kernel import Unavailable
from shared.ports.model import Model

_ONE_PIECE: Final = 1
"""Tokens of a word that is frequent in the language: what a tokenizer has whole, people write so."""


class Misspellings:
    """Changes nothing that stands somewhere; asks the analyser and the model's tokenizer what a word is."""

    def __init__(self, *, vocabulary: Vocabulary, analyzer: Analyzer, model: Model, index: ChunkIndex) -> None:
        self._vocabulary = vocabulary
        self._analyzer = analyzer
        self._model = model
        self._index = index

    def follow(self, at: int) -> None:
        """What is live at this index version will be known, some time later."""
        self._vocabulary.follow(at)

    def knows(self, at: int) -> bool:
        """Whether it is known already."""
        return self._vocabulary.knows(at)

    def may_change(self, text: str, request: SearchRequest) -> bool:
        """Whether it has words that stand nowhere, as far as is known."""
        return bool(self._vocabulary.unknown(text, request.searched))

    async def meant(self, text: str, request: SearchRequest) -> str | None:
        """The text with what was meant in the place of such words; None: as it is. Raises Unavailable."""
        unknown = self._vocabulary.unknown(text, request.searched)
        doubtful = [one for one in unknown if await self._is_doubtful(one, request)]
        if not doubtful:
            return None
        made = await self._vocabulary.corrections(doubtful, request.searched)
        return corrected(text, made) if made else None

    async def _is_doubtful(self, one: Unknown, request: SearchRequest) -> bool:
        try:
            if not one.word.isascii():
                return not await self._analyzer.is_plausible(one.word)
            (pieces,) = await self._model.count_tokens([one.word.lower()])
        except Unavailable:
            return False
        return pieces > _ONE_PIECE and not await self._stands(one.word, request)

    async def _stands(self, word: str, request: SearchRequest) -> bool:
        """Whether the index has it: the vocabulary may be some seconds behind."""
        terms = (await self._analyzer.query(word)).sparse
        collections = request.searched
        filters: Filters = () if collections is None else (Condition("collection", any_of=tuple(sorted(collections))),)
        answer = await self._index.search(dense=None, sparse=terms, filters=filters, limit=1, window=1)
        return bool(answer.sparse)
