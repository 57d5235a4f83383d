"""Journeys of the past go after a time; the present one of a document stays as long as the document."""

import asyncio
from datetime import timedelta
from typing import Final

from typing_extensions import override

from monitor.application.ports import JourneyStore
from shared.kernel import Clock, Unavailable, utc_now
from shared.runtime.background import Background
from shared.telemetry import Metrics, get_log

_BATCH: Final = 500
_log = get_log("monitor")


class JourneyRetention(Background):
    """An async context manager: while it is open, it looks every `every_seconds`."""

    def __init__(
        self,
        store: JourneyStore,
        metrics: Metrics,
        *,
        retention_seconds: float,
        every_seconds: float = 3600.0,
        first_seconds: float = 60.0,
        pause_seconds: float = 0.05,
        clock: Clock = utc_now,
    ) -> None:
        """`retention_seconds` 0 keeps them for ever. Between two batches others get `pause_seconds`."""
        self._store = store
        self._metrics = metrics
        self._retention_seconds = retention_seconds
        self._every_seconds = every_seconds
        self._first_seconds = first_seconds
        self._pause_seconds = pause_seconds
        self._clock = clock

    @override
    async def run(self) -> None:
        if not self._retention_seconds:
            return
        await asyncio.sleep(self._first_seconds)
        while True:
            try:
                if count := await self.forget():
                    _log.info("old journeys were forgotten", action="journeys.forgotten", count=count)
            except Unavailable as error:
                _log.debug("journeys stay for now", action="journeys.forgotten", reason=error.detail)
            except Exception as error:
                _log.error("journeys could not be forgotten", action="journeys.forgotten", exc_info=error)
            await asyncio.sleep(self._every_seconds)

    async def forget(self) -> int:
        """How many went, in batches, so that nobody waits long. Raises Unavailable."""
        before = self._clock() - timedelta(seconds=self._retention_seconds)
        total = 0
        while count := await self._store.forget(before, _BATCH):
            total += count
            self._metrics.count("journeys_forgotten_total", count)
            await asyncio.sleep(self._pause_seconds)
        return total
