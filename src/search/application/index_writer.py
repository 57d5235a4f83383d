"""Many small writes to the index become one: units that wait at the same time share an upsert and a flush.

A flush costs about as much for one unit as for hundreds (20–100 ms), so a thousand one-chunk documents must
not flush a thousand times.
"""

import sys
from collections.abc import Sequence
from typing import Final, Self

from search.application.ports.chunk_index import ChunkIndex, Unit
from shared.kernel import Unavailable
from shared.runtime.grouping import GroupedCalls

_LARGEST_BATCH: Final = 500
_MOST_TRIES: Final = 3
"""Of one write, when the index began anew before its units were on disk."""


class IndexWriter:
    """An async context manager in front of an index; leaving it cancels what is not written yet."""

    def __init__(self, index: ChunkIndex, *, gathering_seconds: float = 0.2) -> None:
        """While several documents arrive together, one flush in so much time is enough."""
        self._index = index
        # However much waits: who builds units sees to it that they have room.
        self._writing = GroupedCalls(
            self._write_all, name="write-units", most=sys.maxsize, gathering_seconds=gathering_seconds
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._writing.close()

    async def write(self, units: Sequence[Unit]) -> None:
        """On disk when it returns. Raises Unavailable; the same units can then be written again."""
        await self._writing.ask(units)

    async def _write_all(self, writes: Sequence[Sequence[Unit]]) -> Sequence[None]:
        units = [unit for write in writes for unit in write]
        for _ in range(_MOST_TRIES):
            losses = self._index.losses
            for start in range(0, len(units), _LARGEST_BATCH):
                await self._index.upsert(units[start : start + _LARGEST_BATCH])
            await self._index.flush()
            if self._index.losses == losses:
                return [None] * len(writes)
        raise Unavailable("The index loses again and again what is written to it.", code="index_unavailable")
