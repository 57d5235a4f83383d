"""Publishes the facts that a module saved with its state, in the order they were saved."""

import asyncio
from dataclasses import dataclass
from typing import Final

from shared.kernel import TooLarge
from shared.ports.event_bus import EventBus
from shared.ports.outbox import Outbox
from shared.runtime.backoff import Backoff
from shared.shortages import as_unavailable
from shared.telemetry import Metrics, get_log

_BATCH: Final = 1_000
_ROUNDS_A_STEP: Final = 5
_log = get_log("relay")


@dataclass(frozen=True, slots=True)
class RelayTimes:
    """How long facts are gathered.

    A fact that comes alone is published at once. Under load facts travel together, the longer it lasts the more,
    which spares everyone who handles them a wake-up and a commit for each.
    """

    look_again_seconds: float = 30.0
    """An outbox that tells of no facts is asked again after this time."""
    gathering_seconds: float = 0.025
    """From one publishing to the next as load begins; every few rounds so much is added."""
    longest_gathering_seconds: float = 0.2
    """Load makes no fact wait for longer."""
    pause_seconds: float = 0.3
    """After waiting for so long, the next fact comes alone."""


_TIMES: Final = RelayTimes()


class OutboxRelay:
    """At least once: a crash between publishing and forgetting publishes again."""

    def __init__(self, outbox: Outbox, bus: EventBus, *, metrics: Metrics, times: RelayTimes = _TIMES) -> None:
        self._outbox = outbox
        self._bus = bus
        self._metrics = metrics
        self._times = times

    async def run(self) -> None:
        """Until cancelled. What is unavailable, or lets no event of this size in, is tried for ever."""
        backoff = Backoff(0.1, 5.0)
        clock, times = asyncio.get_running_loop().time, self._times
        rounds = 0
        while True:
            started = clock()
            try:
                if await self.publish_pending():
                    rounds += 1
                    grown = times.gathering_seconds * (1 + rounds // _ROUNDS_A_STEP)
                    gathering = min(times.longest_gathering_seconds, grown)
                    await asyncio.sleep(max(0.0, started + gathering - clock()))
                else:
                    await self._outbox.wait_for_facts(times.look_again_seconds)
                    if clock() - started > times.pause_seconds:
                        rounds = 0
                backoff.reset()
            except Exception as error:
                if not isinstance(error, TooLarge) and as_unavailable(error) is None:
                    raise
                tell = _log.warning if backoff.is_first else _log.debug
                tell("facts wait", action="relay.wait", reason=str(error))
                await asyncio.sleep(backoff.next_seconds())

    async def publish_pending(self) -> int:
        """One batch; how many facts it had. Raises Unavailable."""
        pending = await self._outbox.pending_facts(_BATCH)
        if pending:
            await self._bus.publish(*(fact.envelope for fact in pending))
            await self._outbox.forget_facts([fact.place for fact in pending])
            self._metrics.count("facts_published_total", len(pending))
        return len(pending)
