"""Many small writes to the index become one: units that wait at the same time share an upsert and a flush.

A flush costs about as much for one unit as for hundreds (20–100 ms), so a thousand one-chunk documents must
not flush a thousand times.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from search.application.ports import ChunkIndex, Unit
from shared.runtime.background import Background

_LARGEST_BATCH: Final = 500


@dataclass(frozen=True, slots=True)
class _Write:
    units: Sequence[Unit]
    done: asyncio.Future[None]


class IndexWriter(Background):
    """An async context manager in front of an index."""

    def __init__(self, index: ChunkIndex, *, gathering_seconds: float = 0.2) -> None:
        """While several documents arrive together, one flush in so much time is enough."""
        self._index = index
        self._gathering_seconds = gathering_seconds
        self._waiting: list[_Write] = []
        self._wake = asyncio.Event()

    async def __aexit__(self, *error: object) -> None:
        await super().__aexit__(*error)
        for write in self._waiting:
            write.done.cancel()

    async def write(self, units: Sequence[Unit]) -> None:
        """On disk when it returns. Raises Unavailable; the same units can then be written again."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Write(units, done))
        self._wake.set()
        await done

    async def run(self) -> None:
        """See Background."""
        clock = asyncio.get_running_loop().time
        while True:
            await self._wake.wait()
            began = clock()
            self._wake.clear()
            batch, self._waiting = self._waiting, []
            try:
                units = [unit for write in batch for unit in write.units]
                for start in range(0, len(units), _LARGEST_BATCH):
                    await self._index.upsert(units[start : start + _LARGEST_BATCH])
                await self._index.flush()
            except Exception as error:
                for write in batch:
                    if not write.done.done():
                        write.done.set_exception(error)
            except asyncio.CancelledError:
                for write in batch:
                    write.done.cancel()
                raise
            else:
                for write in batch:
                    if not write.done.done():
                        write.done.set_result(None)
                if len(batch) > 1 or self._waiting:
                    await asyncio.sleep(max(0.0, began + self._gathering_seconds - clock()))
