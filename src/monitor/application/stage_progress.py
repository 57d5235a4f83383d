"""What documents tell of their way through a long stage, gathered: a write in some seconds, however often they tell."""

import asyncio
from datetime import datetime

from typing_extensions import override

from monitor.application.ports import JourneyStore
from monitor.domain.journey import Progress
from shared.kernel import DocumentId, Unavailable
from shared.runtime.background import Background
from shared.telemetry import get_log

_log = get_log("monitor")


class StageProgress(Background):
    """An async context manager: while it is open, the first news is written at once, then what comes in a period.

    A crash takes what was told in the last period: a document that goes on tells more.
    """

    def __init__(self, store: JourneyStore, *, every_seconds: float) -> None:
        self._store = store
        self._every_seconds = every_seconds
        self._news: dict[tuple[DocumentId, int], datetime] = {}
        self._is_news = asyncio.Event()

    def tell(self, progress: Progress) -> None:
        """To be written soon."""
        key = (progress.document_id, progress.version)
        self._news[key] = max(progress.at, self._news.get(key, progress.at))
        self._is_news.set()

    async def write(self) -> None:
        """What was told since the last time. Raises Unavailable; then it is still to be written."""
        news, self._news = self._news, {}
        self._is_news.clear()
        told = [Progress(document_id, version, at) for (document_id, version), at in news.items()]
        try:
            await self._store.advance(told)
        except Unavailable:
            for one in told:
                self.tell(one)
            raise

    @override
    async def run(self) -> None:
        while True:
            await self._is_news.wait()
            try:
                await self.write()
            except Unavailable as error:
                _log.debug("progress waits", action="journeys.advanced", reason=error.detail)
            except Exception as error:
                _log.error("progress could not be kept", action="journeys.advanced", exc_info=error)
            await asyncio.sleep(self._every_seconds)
