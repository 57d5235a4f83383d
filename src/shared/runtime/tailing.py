"""Hears what is told on the bus in every process alike, whoever handles it: telemetry and wake-ups."""

import asyncio
from abc import abstractmethod
from typing import Final

from shared.events.envelope import Envelope
from shared.ports.event_bus import EventBus
from shared.runtime.background import Background
from shared.runtime.backoff import Backoff
from shared.telemetry import get_log

_RETRY_SECONDS: Final = 1.0
_LONGEST_RETRY_SECONDS: Final = 5.0
_log = get_log("events")


class Tailing(Background):
    """While entered, `hear` is called with each event of the topics; none from before, and perhaps not every one."""

    def __init__(self, bus: EventBus, *topics: str) -> None:
        self._bus = bus
        self._topics = topics

    @abstractmethod
    def hear(self, envelope: Envelope) -> None:
        """Quick, and meets its own errors."""

    def begin(self) -> None:
        """From now on everything is heard: at the start, and again when the bus was lost."""

    async def run(self) -> None:
        """See Background."""
        backoff = Backoff(_RETRY_SECONDS, _LONGEST_RETRY_SECONDS)
        while True:
            try:
                async with self._bus.tail(*self._topics) as events:
                    backoff.reset()
                    self.begin()
                    async for envelope in events:
                        self.hear(envelope)
            except Exception as error:  # whatever the bus has: nothing depends on hearing it all
                tell = _log.warning if backoff.is_first else _log.debug
                tell("lost the bus", action="tail.retry", who=type(self).__name__, error=str(error))
            await asyncio.sleep(backoff.next_seconds())
