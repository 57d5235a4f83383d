"""Who makes a question that leans on a conversation stand alone."""

from collections.abc import Sequence
from typing import Protocol


class QuestionRewriter(Protocol):
    """May be asked by many at once. What it says is a proposal, which its caller checks."""

    async def rewrite(self, question: str, earlier: Sequence[str]) -> str:
        """The question on one line, as one would ask it who has not heard the `earlier` ones, in their order.

        It is told questions alone: answers are made of documents, and no document has a say in what is looked for.
        Ends within bounded time. Raises Unavailable, also where nothing came of it.
        """
        ...
