"""How near texts are in meaning."""

from collections.abc import Sequence
from typing import Protocol

from search.chat.domain.closeness import Scale


class Likeness(Protocol):
    """As an embedding model sees it. May be asked by many at once.

    Each answer is None where it cannot tell now: it does not read the language, is not loaded, is away or takes too
    long.
    """

    async def of(self, text: str, others: Sequence[str]) -> Sequence[float] | None:
        """The cosine of the text with each of the others, in their order; -1 for one in a language it does not read."""
        ...

    async def scale(self, question: str) -> Scale | None:
        """What its cosines of this question and texts in its language mean; None also where no examples are known."""
        ...

    async def shares(self, question: str, sentences: Sequence[str]) -> Sequence[float] | None:
        """How near each is to answering, as `Scale.share` tells it, whatever language it is in; -1 where not known."""
        ...
