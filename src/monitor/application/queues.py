"""How much work waits in each module."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from shared.kernel import Unavailable
from shared.ports.jobs import JobStore


@dataclass(frozen=True, slots=True)
class Queue:
    """The jobs of one kind."""

    module: str
    kind: str
    waiting: int
    running: int
    buried: int
    oldest_waiting_at: datetime | None


class Queues:
    """Looks into the job store of every module that has one."""

    def __init__(self, job_stores: Mapping[str, JobStore], kinds: Mapping[str, Sequence[str]]) -> None:
        self._job_stores = job_stores
        self._kinds = kinds

    async def look(self) -> Sequence[Queue]:
        """One per module and kind; a store that is unavailable now is left out."""
        asked = [
            (module, kind, store)
            for module, store in sorted(self._job_stores.items())
            for kind in self._kinds.get(module, ())
        ]
        found = await asyncio.gather(*(_look(*one) for one in asked))
        return [queue for queue in found if queue is not None]


async def _look(module: str, kind: str, store: JobStore) -> Queue | None:
    try:
        counts = await store.counts(kind)
    except Unavailable:
        return None
    return Queue(module, kind, counts.waiting, counts.running, counts.buried, counts.oldest_waiting_at)
