"""Deletes, now and then, the bytes and artefacts that no document refers to any more."""

import asyncio
import contextlib
from typing import Final, Self

from ingest.application.ports import DocumentStore
from shared.ports.storage import BlobStore
from shared.telemetry import Metrics, get_log

_YOUNGEST_SECONDS: Final = 3600.0
_FIRST_AFTER_SECONDS: Final = 120.0
_EVERY_SECONDS: Final = 900.0
_log = get_log("ingest")


class BlobCollector:
    """An async context manager; while entered, it collects every quarter of an hour.

    Blobs younger than an hour stay: an upload stores its bytes before its document.
    """

    def __init__(self, documents: DocumentStore, blobs: BlobStore, metrics: Metrics) -> None:
        self._documents = documents
        self._blobs = blobs
        self._metrics = metrics
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run(), name="ingest-collector")
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    async def collect(self, *, older_than_seconds: float = _YOUNGEST_SECONDS) -> int:
        """Revisions of documents that are not withdrawn are kept. Answers how many blobs went."""
        gone = await self._blobs.collect(
            keep=await self._documents.live_hashes(), older_than_seconds=older_than_seconds
        )
        self._metrics.count("collected_blobs", gone)
        return gone

    async def _run(self) -> None:
        await asyncio.sleep(_FIRST_AFTER_SECONDS)
        while True:
            try:
                gone = await self.collect()
                if gone:
                    _log.info("collected", action="blobs.collect", blobs=gone)
            except Exception as error:  # tries again later: nothing depends on it but room
                _log.warning("collecting failed", action="blobs.collect", error=str(error))
            await asyncio.sleep(_EVERY_SECONDS)
