"""Whether the index holds what is live and nothing beside it: what an answer may say of itself depends on it."""

from collections.abc import Callable
from typing import Final

from search.application.ports.chunk_index import ChunkIndex
from search.application.ports.live_store import LiveView

INCOMPLETE: Final = "index"
"""How an answer is degraded that was found while lost units are built again."""


class Wholeness:
    """Asked by searches and health; the cleaner, who makes the index whole again, tells it what it knows."""

    def __init__(self, index: ChunkIndex, store: LiveView) -> None:
        self._index = index
        self._store = store
        self._made_good = 0
        self._is_looked_at = False
        self._on_loss: Callable[[], None] = lambda: None
        self._is_beside: Callable[[], bool] = lambda: False

    def attend(self, *, on_loss: Callable[[], None], is_beside: Callable[[], bool]) -> None:
        """The cleaner's: `on_loss` when somebody notices that units are lost.

        `is_beside` tells whether this process writes, or has written, units of versions that are not live.
        """
        self._on_loss, self._is_beside = on_loss, is_beside

    def looked_at(self) -> None:
        """The cleaner has seen whether the index that was opened is empty."""
        self._is_looked_at = True

    async def is_whole(self) -> bool:
        """Whether everything that is live can be found, as far as any process knows. Raises Unavailable.

        False until the cleaner has looked at the index for the first time: it may be gone.
        """
        return self._is_looked_at and await self.is_known_whole()

    async def is_known_whole(self) -> bool:
        """The same, but for what the cleaner has not looked at yet: while the index is being opened."""
        if self._index.losses != self._made_good:
            self._on_loss()
            return False
        return await self._store.is_whole()

    async def is_clean(self) -> bool:
        """Whether the index holds nothing beside what is live, so that its counts are right. Raises Unavailable.

        What another process writes at this moment, and has not made live yet, is not known here.
        """
        return not self._is_beside() and not await self._store.has_retired()

    @property
    def losses(self) -> int:
        """To be given to `make_good` when what was lost until now has been built again."""
        return self._index.losses

    def make_good(self, losses: int) -> None:
        """So many losses of the index are made good."""
        self._made_good = losses
