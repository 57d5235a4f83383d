"""Deletes whole collections, piece by piece: kept in the store, gone on with after a crash, and slow enough for others.

While documents are withdrawn, uploads into the collection are refused; from then on they make new documents.
"""

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final

from typing_extensions import override

from ingest.application.ingestion import Ingestion
from ingest.application.ports import DocumentFilter, DocumentStore, Removal, RemovalStore
from ingest.domain.document import Document
from shared.kernel import Clock, NotFound, Unavailable, utc_now
from shared.ports.duties import DutyStore
from shared.runtime.background import Background
from shared.runtime.beats import until_beat
from shared.runtime.duty import Duty
from shared.telemetry import get_log

_AT_ONCE: Final = 16
_log = get_log("ingest")


@dataclass(frozen=True, slots=True)
class RemovalTimes:
    """How a collection is deleted beside everything else."""

    start_seconds: float = 0.5
    """Before the first look: a server that starts has better things to do, or may have to end."""
    most_leaving: int = 100
    """Withdrawn documents that search has not let go of: what uploads and searches may find in their way."""
    look_seconds: float = 0.05
    """Between looks at how far search has come."""
    patience_seconds: float = 5.0
    """Search that lets go of nothing for so long is not waited for: withdrawing goes on."""
    look_again_seconds: float = 1.0
    """For what other processes have begun."""
    lease_seconds: float = 30.0


_TIMES: Final = RemovalTimes()


class CollectionRemoval(Background):
    """An async context manager; while entered, it works on every removal that is not finished, one process for all."""

    def __init__(
        self,
        documents: DocumentStore,
        removals: RemovalStore,
        ingestion: Ingestion,
        duties: DutyStore,
        clock: Clock = utc_now,
        *,
        times: RemovalTimes = _TIMES,
    ) -> None:
        self._documents = documents
        self._removals = removals
        self._ingestion = ingestion
        self._duty = Duty(duties, "ingest.remove", lease_seconds=times.lease_seconds)
        self._clock = clock
        self._times = times
        self._wake = asyncio.Event()

    async def begin(self, collection: str, total: int) -> Removal:
        """The deletion is durable on return; one that is under way is gone on with."""
        now = self._clock()
        started_at = now.replace(microsecond=now.microsecond // 1000 * 1000)
        removal = await self._removals.begin(Removal(collection, total, total, started_at))
        self._wake.set()
        return removal

    async def last(self, collection: str) -> Removal:
        """How far the newest one is. Raises NotFound."""
        removal = await self._removals.last(collection)
        if removal is None:
            raise NotFound(f"The collection {collection!r} was never deleted.", code="removal_not_found")
        return removal

    async def is_under_way(self, collection: str) -> bool:
        """Whether something of it is left to do."""
        removal = await self._removals.last(collection)
        return removal is not None and removal.finished_at is None

    async def wait(self, removal: Removal, timeout_seconds: float) -> Removal:
        """Until it is finished, or for that long."""
        deadline = time.monotonic() + timeout_seconds
        while removal.finished_at is None and time.monotonic() < deadline:
            await asyncio.sleep(self._times.look_seconds)
            removal = await self._removals.last(removal.collection) or removal
        return removal

    @override
    async def run(self) -> None:
        pause_seconds = self._times.start_seconds
        async with self._duty:
            while True:
                with suppress(TimeoutError):
                    async with asyncio.timeout(pause_seconds):
                        await self._wake.wait()
                self._wake.clear()
                pause_seconds = until_beat(self._times.look_again_seconds)
                try:
                    unfinished = await self._removals.unfinished()
                    for removal in unfinished:
                        await self._work_off(removal)
                except Unavailable as error:  # whose absence it is says so
                    _log.debug("deleting goes on later", action="collection.remove", reason=error.detail)
                except Exception:
                    _log.exception("deleting failed", action="collection.remove")

    async def _work_off(self, removal: Removal) -> None:
        which = DocumentFilter(collections=(removal.collection,))
        moved_at, seen, saved = time.monotonic(), -1, removal
        while await self._duty.hold():
            live: Sequence[Document] = ()
            live_total = 0
            if removal.withdrawn_at is None:
                page = await self._documents.find(which, limit=self._times.most_leaving)
                live, live_total = page.documents, page.total
                if not live:
                    removal = replace(removal, withdrawn_at=self._clock())
            leaving = await self._removals.count_leaving(removal.collection)
            if leaving != seen:
                moved_at, seen = time.monotonic(), leaving
            remaining = min(removal.total, live_total + leaving)
            is_finished = removal.withdrawn_at is not None and not leaving
            now = replace(removal, remaining=remaining, finished_at=self._clock() if is_finished else None)
            if now != saved and not await self._removals.save(now):
                return  # it was begun anew
            if is_finished:
                _log.info("collection deleted", action="collection.removed", documents=removal.total)
                return
            removal = saved = now
            room = self._times.most_leaving - leaving
            if time.monotonic() - moved_at > self._times.patience_seconds:
                room = self._times.most_leaving
                moved_at = time.monotonic()
            if live and room > 0:
                await self._withdraw(live[:room])
            else:
                await asyncio.sleep(self._times.look_seconds)

    async def _withdraw(self, documents: Sequence[Document]) -> None:
        enough = asyncio.Semaphore(_AT_ONCE)

        async def one(document: Document) -> None:
            # Someone else may have deleted it meanwhile.
            async with enough:
                with suppress(NotFound):
                    await self._ingestion.withdraw(document.id)

        async with asyncio.TaskGroup() as tasks:
            for document in documents:
                tasks.create_task(one(document))
