"""Vectors follow the model: what was processed for another one is asked to be processed again, a little at a time."""

import asyncio
from dataclasses import dataclass
from typing import Final

from typing_extensions import override

from search.application.ports.chunk_index import ChunkIndex
from search.application.ports.live_store import LiveView
from search.application.ports.renewals import RenewalStore
from shared.events.search import VectorsOutdated
from shared.kernel import Unavailable
from shared.ports.duties import DutyStore
from shared.ports.model import Model
from shared.runtime.background import Background
from shared.runtime.duty import Duty
from shared.telemetry import Metrics, get_log

_PAGE: Final = 64
_MOST_CHUNKS: Final = 256
"""Chunks of outdated documents under way at once: enough for the model's batches, about two seconds of its work,
so that an upload is not kept waiting. A longer document goes alone."""

_log = get_log("search")


@dataclass(frozen=True, slots=True)
class RenewalTimes:
    """When outdated vectors are looked for."""

    start_seconds: float = 0.5
    """A server that starts has better things to do."""
    look_again_seconds: float = 10.0
    """For a model that was not there, or that was exchanged while the server runs."""
    pause_seconds: float = 0.05
    lease_seconds: float = 30.0
    """After this time at the latest another process asks in the place of one that is gone."""


_TIMES: Final = RenewalTimes()


class Renewal(Background):
    """An async context manager: one background task, which has next to nothing to do while the model stays.

    What is outdated is asked for by one process for all.
    """

    def __init__(
        self,
        *,
        index: ChunkIndex,
        store: LiveView,
        renewals: RenewalStore,
        duties: DutyStore,
        model: Model,
        metrics: Metrics,
        times: RenewalTimes = _TIMES,
    ) -> None:
        self._index = index
        self._store = store
        self._renewals = renewals
        self._model = model
        self._metrics = metrics
        self._times = times
        self._duty = Duty(duties, "search.renew", lease_seconds=times.lease_seconds)
        self._seen: tuple[str, int] | None = None
        self._is_complete = False
        # The model whose renewal was logged as begun and not yet as done.
        self._renewing_for: str | None = None

    async def is_complete(self, fingerprint: str, at: int) -> bool:
        """Whether everything that searches see was processed for this model. Asked anew only after a change.

        `at` is the index version now.
        """
        seen = (fingerprint, at)
        if seen != self._seen:
            self._is_complete = not await self._renewals.count_outdated(fingerprint, most=1)
            self._seen = seen
        return self._is_complete

    async def count_outdated(self, *, most: int) -> int:
        """How many live versions wait for the model's vectors. Raises Unavailable when there is no model."""
        return await self._renewals.count_outdated(self._model.describe().fingerprint, most=most)

    @override
    async def run(self) -> None:
        await asyncio.sleep(self._times.start_seconds)
        async with self._duty:
            while True:
                pause = self._times.look_again_seconds
                try:
                    if await self._look():
                        # What was asked for has come, failed or gone when something is written.
                        await self._store.wait_for_change(self._times.look_again_seconds)
                        pause = self._times.pause_seconds
                except Unavailable as error:
                    pause = max(pause, error.retry_after_seconds)
                except Exception:
                    _log.exception("looking for outdated vectors failed", action="search.renew")
                await asyncio.sleep(pause)

    async def _look(self) -> bool:
        """Asks for as much as there is room for; whether the next change may make more. Raises Unavailable."""
        # In a thread: the first description may have to hash the weights.
        fingerprint = (await asyncio.to_thread(self._model.describe)).fingerprint
        await self._index.ready()
        if await self.is_complete(fingerprint, await self._store.index_version()):
            await self._duty.give_back()
            if self._renewing_for is not None:
                _log.info("every document has the model's vectors", action="search.renewed", fingerprint=fingerprint)
                self._renewing_for = None
            return False
        found = await self._renewals.not_asked(fingerprint, limit=_PAGE)
        if not found:
            # What failed stays outdated: a process with another model may have more to do.
            await self._duty.give_back()
            return True
        if not await self._duty.hold():
            return False
        if self._renewing_for != fingerprint:
            outdated = await self._renewals.count_outdated(fingerprint, most=1_000_000)
            _log.info("another model", action="search.renew", fingerprint=fingerprint, documents=outdated)
            self._renewing_for = fingerprint
        # After the duty was taken: who had it before may have asked for more.
        room = _MOST_CHUNKS - await self._renewals.chunks_under_way(fingerprint)
        for live in found:
            if room <= 0 or not await self._duty.hold():
                break
            fact = VectorsOutdated(document_id=live.document_id, document_version=live.version, fingerprint=fingerprint)
            if await self._renewals.ask((live.document_id, live.version), fingerprint, fact):
                self._metrics.count("search_renewals_total")
                room -= max(1, live.chunk_count)
        return True
