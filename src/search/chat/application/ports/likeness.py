"""How near texts are in meaning."""

from collections.abc import Sequence
from typing import Protocol


class Likeness(Protocol):
    """As an embedding model sees it. May be asked by many at once."""

    async def of(self, text: str, others: Sequence[str], *, is_question: bool = False) -> Sequence[float] | None:
        """The cosine of the text with each of the others, in their order; -1 for one whose language it does not read.

        None where it cannot tell now: it does not read the text's language, is not loaded, is away or takes too long.
        """
        ...
