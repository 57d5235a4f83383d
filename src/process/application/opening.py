"""A file with a password is opened in the process that was given it, for the processes that do the rest of the work."""

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Final

from typing_extensions import override

from process.application.stages.stage import Artefact, Stage, Way
from shared.events.ingest import DocumentReceived
from shared.kernel import DomainError, Unavailable
from shared.ports.model import ModelDescription
from shared.ports.passwords import Opener
from shared.ports.storage import BlobStore

_NO_MODEL: Final = ModelDescription("none", 1, 1, frozenset(), "none")
"""No stage that reads the original asks for it."""


class Opening(Opener):
    """Passes the stages that read the original, and no others."""

    def __init__(self, blobs: BlobStore, stages: Sequence[Stage[Artefact]], *, seconds: float = 300.0) -> None:
        """Somebody waits for it: what is not done in `seconds` is given up."""
        self._blobs = blobs
        self._stages = stages
        self._seconds = seconds

    @override
    async def open(self, event: DocumentReceived, password: str) -> None:
        way = Way(event, _NO_MODEL, self._stages, password=password, is_unlocked=True)
        try:
            async with asyncio.timeout(self._seconds) as limit:
                await self._pass(way)
        except TimeoutError as error:
            if not limit.expired():
                raise
            raise Unavailable(
                f"The document could not be read within {self._seconds:g} s. What was read of it is kept: send its "
                "password again.",
                code="timeout",
                retry_after_seconds=1,
            ) from error
        while way.leftovers:
            with contextlib.suppress(DomainError):
                await self._blobs.delete(way.leftovers.pop())

    async def _pass(self, way: Way) -> None:
        for stage in self._stages:
            if stage.reads_original and stage.is_needed(way):
                artefact = await stage.work(way)
                await self._blobs.put(way.address(stage.artefact), await asyncio.to_thread(artefact.to_bytes))
                way.keep(artefact)
