"""Which index versions running searches still read at, so that nothing they may show is taken away."""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from search.application.ports.live_store import LiveView


class Snapshots:
    """A search reads at the index version it began with; the cleaner waits for the oldest one.

    Of this process: searches of others are the store's care (`LiveInventory.retired`).
    """

    def __init__(self, store: LiveView) -> None:
        self._store = store
        self._running: Counter[int] = Counter()
        self._newest = 0

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[int]:
        """The index version to read at; what is live at it stays until the block is left."""
        # While the number is asked for, the newest one known stands for it: the answer may be old when it comes.
        at = self._newest
        self._running[at] += 1
        try:
            number = await self._store.index_version()
            self._running[number] += 1
            self._leave(at)
            at, self._newest = number, max(self._newest, number)
            yield at
        finally:
            self._leave(at)

    async def oldest(self) -> tuple[int, bool]:
        """The index version that the oldest running search reads at, and whether that is the newest there is."""
        newest = await self._store.index_version()
        # Looked at after that: a search that begins meanwhile reads at it or later.
        oldest = min(self._running, default=newest)
        return min(oldest, newest), oldest >= newest

    def _leave(self, at: int) -> None:
        self._running[at] -= 1
        if not self._running[at]:
            del self._running[at]
