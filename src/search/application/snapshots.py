"""Which index versions running searches still read at, so that nothing they may show is taken away."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from search.application.ports import LiveStore


class Snapshots:
    """A search reads at the index version it began with; the cleaner waits for the oldest one."""

    def __init__(self, store: LiveStore) -> None:
        self._store = store
        self._running: Counter[int] = Counter()

    @contextmanager
    def reading(self) -> Iterator[int]:
        """The index version to read at; what is live at it stays until the block is left."""
        at = self._store.index_version
        self._running[at] += 1
        try:
            yield at
        finally:
            self._running[at] -= 1
            if not self._running[at]:
                del self._running[at]

    @property
    def oldest(self) -> int:
        """The index version that the oldest running search reads at; the newest when none runs."""
        return min(self._running, default=self._store.index_version)
