"""Telemetry told in batches from a bounded buffer: it may be lost, and slows neither a search nor an answer."""

import asyncio
import contextlib
from collections import deque
from typing import Final

from typing_extensions import override

from shared.events.envelope import Envelope, Event, wrap
from shared.kernel import DomainError
from shared.ports.event_bus import EventBus
from shared.runtime.background import Background

_MOST: Final = 2000
_BATCH: Final = 200


class SearchLog(Background):
    """An async context manager; `tell` never waits."""

    def __init__(self, bus: EventBus, *, producer: str, gather_seconds: float = 1.0) -> None:
        self._bus = bus
        self._producer = producer
        self._gather_seconds = gather_seconds
        self._buffer: deque[Envelope] = deque(maxlen=_MOST)
        self._wake = asyncio.Event()

    async def __aexit__(self, *error: object) -> None:
        await super().__aexit__(*error)
        with contextlib.suppress(Exception):
            await asyncio.wait_for(self._publish(), 2)

    def tell(self, event: Event) -> None:
        """Keeps it for the next batch; when the buffer is full the oldest is lost."""
        self._buffer.append(wrap(event, producer=self._producer))
        self._wake.set()

    @override
    async def run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            await asyncio.sleep(self._gather_seconds)
            # Telemetry of a time when the bus was down is lost.
            with contextlib.suppress(DomainError):
                await self._publish()

    async def _publish(self) -> None:
        while self._buffer:
            batch = [self._buffer.popleft() for _ in range(min(_BATCH, len(self._buffer)))]
            await self._bus.publish(*batch)
