"""Hears what is told on the bus in every process alike, whoever handles it: telemetry and wake-ups."""

import asyncio
from abc import abstractmethod

from typing_extensions import override

from shared.events.envelope import Envelope
from shared.ports.event_bus import EventBus
from shared.runtime.background import Background
from shared.runtime.backoff import Backoff
from shared.telemetry import get_log

_log = get_log("events")


class Tailing(Background):
    """While entered, `hear` is called with each event of the topics; none from before, and perhaps not every one."""

    def __init__(
        self, bus: EventBus, *topics: str, retry_seconds: float = 1.0, longest_retry_seconds: float = 5.0
    ) -> None:
        """A bus that was lost is tried again after `retry_seconds`, then after more and more, up to the longest."""
        self._bus = bus
        self._topics = topics
        self._retry_seconds = retry_seconds
        self._longest_retry_seconds = longest_retry_seconds

    @abstractmethod
    def hear(self, envelope: Envelope) -> None:
        """Quick, and meets its own errors."""

    def begin(self) -> None:
        """From now on everything is heard: at the start, and again when the bus was lost."""

    @override
    async def run(self) -> None:
        backoff = Backoff(self._retry_seconds, self._longest_retry_seconds)
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
