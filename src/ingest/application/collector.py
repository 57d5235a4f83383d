"""Deletes, now and then, the bytes and artefacts that no document refers to any more."""

import asyncio
from typing import Final

from ingest.application.ports import DocumentStore
from shared.ports.storage import BlobStore
from shared.runtime.background import Background
from shared.telemetry import Metrics, get_log

_YOUNGEST_SECONDS: Final = 3600.0
_FIRST_AFTER_SECONDS: Final = 120.0
_EVERY_SECONDS: Final = 900.0
_log = get_log("ingest")


class BlobCollector(Background):
    """An async context manager; while entered, it collects every quarter of an hour.

    Blobs younger than an hour stay: an upload stores its bytes before its document.
    """

    def __init__(self, documents: DocumentStore, blobs: BlobStore, metrics: Metrics) -> None:
        self._documents = documents
        self._blobs = blobs
        self._metrics = metrics

    async def collect(self, *, older_than_seconds: float = _YOUNGEST_SECONDS) -> int:
        """Revisions of documents that are not withdrawn are kept. Answers how many blobs went."""
        gone = await self._blobs.collect(
            keep=await self._documents.live_hashes(), older_than_seconds=older_than_seconds
        )
        self._metrics.count("collected_blobs", gone)
        return gone

    async def run(self) -> None:
        """See Background."""
        await asyncio.sleep(_FIRST_AFTER_SECONDS)
        while True:
            try:
                gone = await self.collect()
                if gone:
                    _log.info("collected", action="blobs.collect", blobs=gone)
            except Exception as error:  # tries again later: nothing depends on it but room
                _log.warning("collecting failed", action="blobs.collect", error=str(error))
            await asyncio.sleep(_EVERY_SECONDS)
