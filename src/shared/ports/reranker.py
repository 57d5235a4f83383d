"""What reads a query and a passage together and says how well they go with each other."""

from collections.abc import Sequence
from typing import Protocol


class Reranker(Protocol):
    """Safe from any coroutine. It is never needed: whoever asks goes on without it."""

    @property
    def name(self) -> str:
        """Tells it from others: what it says is kept under this name, and never given for another's."""
        ...

    async def score(self, query: str, passages: Sequence[str]) -> list[float]:
        """One finite number a passage, in their order: the higher, the better it answers the query.

        The numbers compare passages of this call and nothing else. Of no passages there are none. It answers, or
        raises Unavailable, within the time it was made with; asked to load first it may well be late, and goes on
        loading. Cancelling it stops what has not run yet.
        """
        ...
