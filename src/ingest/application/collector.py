"""Deletes, now and then, the bytes and artefacts that no document refers to any more."""

import asyncio

from typing_extensions import override

from ingest.application.ports import DocumentStore
from shared.ports.duties import DutyStore
from shared.ports.storage import BlobStore
from shared.runtime.background import Background
from shared.runtime.duty import Duty
from shared.telemetry import Metrics, get_log

_log = get_log("ingest")


class BlobCollector(Background):
    """An async context manager; while entered, it collects every quarter of an hour, if no other process does.

    Blobs younger than an hour stay: an upload stores its bytes before its document.
    """

    def __init__(
        self,
        documents: DocumentStore,
        blobs: BlobStore,
        duties: DutyStore,
        metrics: Metrics,
        *,
        first_after_seconds: float = 120.0,
        every_seconds: float = 900.0,
    ) -> None:
        self._documents = documents
        self._blobs = blobs
        # Longer than the pauses, so that the process that has it keeps it; nothing depends on it but room.
        self._duty = Duty(duties, "ingest.collect", lease_seconds=2 * every_seconds)
        self._metrics = metrics
        self._first_after_seconds = first_after_seconds
        self._every_seconds = every_seconds

    async def collect(self, *, older_than_seconds: float = 3600.0) -> int:
        """Revisions of documents that are not withdrawn are kept. Answers how many blobs went."""
        gone = await self._blobs.collect(
            keep=await self._documents.live_hashes(), older_than_seconds=older_than_seconds
        )
        self._metrics.count("collected_blobs", gone)
        return gone

    @override
    async def run(self) -> None:
        await asyncio.sleep(self._first_after_seconds)
        async with self._duty:
            while True:
                try:
                    gone = await self.collect() if await self._duty.hold() else 0
                    if gone:
                        _log.info("collected", action="blobs.collect", blobs=gone)
                except Exception as error:  # tries again later: nothing depends on it but room
                    _log.warning("collecting failed", action="blobs.collect", error=str(error))
                await asyncio.sleep(self._every_seconds)
