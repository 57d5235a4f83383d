"""Who follows alerts live hears of each change of an alert's state, whichever process made it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from typing import Final

from typing_extensions import override

from monitor.application.alert_ports import AlertRepository
from monitor.domain.alert import Alert, AlertState
from shared.kernel import Clock, Unavailable, utc_now
from shared.runtime.background import Background
from shared.telemetry import get_log

_MOST_WAITING: Final = 200
_MOST_AT_ONCE: Final = 500
_log = get_log("alerts")

Heard = Alert | None
"""None: some were left out, because they were too many at once; the list of alerts has them."""


class AlertFeed(Background):
    """An async context manager: while somebody listens, it looks into the store for what other processes changed.

    While nobody does, it asks for nothing.
    """

    def __init__(
        self,
        store: AlertRepository,
        *,
        every_seconds: float = 1.0,
        overlap_seconds: float = 60.0,
        clock: Clock = utc_now,
    ) -> None:
        """Other processes' clocks may be `overlap_seconds` off, or their writes that late."""
        self._store = store
        self._every_seconds = every_seconds
        self._overlap = timedelta(seconds=overlap_seconds)
        self._clock = clock
        self._listeners: set[asyncio.Queue[Heard]] = set()
        self._known: dict[str, tuple[AlertState, datetime]] = {}
        self._woken = asyncio.Event()
        self._looking = asyncio.Lock()

    def tell(self, alerts: Sequence[Alert]) -> None:
        """What this process changed and stored, at once."""
        if not self._listeners:
            return
        fresh = [alert for alert in alerts if self._is_news(alert)]
        for queue in self._listeners:
            for alert in fresh:
                _put(queue, alert)

    def wake(self) -> None:
        """Something was changed here that nobody has told yet."""
        self._woken.set()

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator[asyncio.Queue[Heard]]:
        """From now on: what had changed before is not told."""
        queue: asyncio.Queue[Heard] = asyncio.Queue(_MOST_WAITING)
        if not self._listeners:
            self._known.clear()
            with contextlib.suppress(Unavailable):
                # Where the store is away what changed lately is told once it is back: rather twice than never.
                await self._look(tell=False)
        self._listeners.add(queue)
        self._woken.set()
        try:
            yield queue
        finally:
            self._listeners.discard(queue)

    @override
    async def run(self) -> None:
        while True:
            try:
                if self._listeners:
                    await self._look(tell=True)
            except Unavailable as error:
                _log.debug("alerts of others wait", action="alerts.feed", reason=error.detail)
            except Exception as error:
                _log.error("alerts were not followed", action="alerts.feed", exc_info=error)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._every_seconds if self._listeners else None):
                    await self._woken.wait()
            self._woken.clear()

    async def _look(self, *, tell: bool) -> None:
        async with self._looking:
            since = self._clock() - self._overlap
            found = await self._store.changed_since(since, _MOST_AT_ONCE)
            fresh = [alert for alert in reversed(found) if self._is_news(alert)]
            if tell:
                for queue in self._listeners:
                    if len(fresh) == _MOST_AT_ONCE:
                        _put(queue, None)
                    for alert in fresh:
                        _put(queue, alert)
            # Twice as long: a clock that is put back a little must not bring back what was told.
            self._known = {name: one for name, one in self._known.items() if one[1] >= since - self._overlap}

    def _is_news(self, alert: Alert) -> bool:
        mark = (alert.state, alert.changed_at)
        before = self._known.get(alert.id)
        if before is not None and (before == mark or before[1] > alert.changed_at):
            return False
        self._known[alert.id] = mark
        return True


def _put(queue: asyncio.Queue[Heard], heard: Heard) -> None:
    """Who is too slow is told so in place of what it has not taken yet."""
    if queue.full():
        while not queue.empty():
            queue.get_nowait()
        queue.put_nowait(None)
    queue.put_nowait(heard)
