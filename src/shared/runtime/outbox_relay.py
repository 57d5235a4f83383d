"""Publishes the facts that a module saved with its state, in the order they were saved."""

import asyncio
from typing import Final

from shared.kernel import TooLarge, Unavailable
from shared.ports.event_bus import EventBus
from shared.ports.outbox import Outbox
from shared.runtime.backoff import Backoff
from shared.telemetry import Metrics, get_log

_BATCH: Final = 1_000
_LOOK_AGAIN_SECONDS: Final = 30.0
# A fact that comes alone is published at once. Under load facts travel together, the longer it lasts the more
# (up to 0.2 s), which spares everyone who handles them a wake-up and a commit for each.
_GATHERING_SECONDS: Final = 0.025
_MOST_GATHERING: Final = 8
_ROUNDS_A_STEP: Final = 5
_PAUSE_SECONDS: Final = 0.3
_log = get_log("relay")


class OutboxRelay:
    """At least once: a crash between publishing and forgetting publishes again."""

    def __init__(self, outbox: Outbox, bus: EventBus, *, metrics: Metrics) -> None:
        self._outbox = outbox
        self._bus = bus
        self._metrics = metrics

    async def run(self) -> None:
        """Until cancelled. What is unavailable, or lets no event of this size in, is tried for ever."""
        backoff = Backoff(0.1, 5.0)
        clock = asyncio.get_running_loop().time
        rounds = 0
        while True:
            started = clock()
            try:
                if await self.publish_pending():
                    rounds += 1
                    gathering = _GATHERING_SECONDS * min(_MOST_GATHERING, 1 + rounds // _ROUNDS_A_STEP)
                    await asyncio.sleep(max(0.0, started + gathering - clock()))
                else:
                    await self._outbox.wait_for_facts(_LOOK_AGAIN_SECONDS)
                    if clock() - started > _PAUSE_SECONDS:
                        rounds = 0
                backoff.reset()
            except (Unavailable, TooLarge) as error:
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
