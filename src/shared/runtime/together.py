"""Many events in one call of one handler; those that it does not take are left to be handled one by one."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Sequence
from time import perf_counter
from typing import Final

from shared.events.catalogue import decode
from shared.events.envelope import Envelope, Event
from shared.ports.handlers import TogetherHandler
from shared.runtime.background import is_being_cancelled
from shared.runtime.received import Received
from shared.telemetry import Metrics, get_log

_DECODED_AT_ONCE: Final = 64
"""Then everyone else on the event loop gets a turn."""
_log = get_log("consumer")


async def handle_together(
    handler: TogetherHandler, works: Sequence[Received], *, group: str, metrics: Metrics
) -> Sequence[Received]:
    """Those that were handled: all that can be read, or none when the handler raised."""
    started, told = perf_counter(), list[tuple[Received, Event, Envelope]]()
    for number, work in enumerate(works, 1):
        if work.envelope is not None:
            with contextlib.suppress(Exception):  # by itself it is refused, or fails, and is buried
                told.append((work, decode(work.envelope), work.envelope))
        if number % _DECODED_AT_ONCE == 0:
            await asyncio.sleep(0)
    if not told:
        return ()
    try:
        await handler([(event, envelope) for _, event, envelope in told])
    except (Exception, asyncio.CancelledError) as error:
        if isinstance(error, asyncio.CancelledError) and is_being_cancelled():
            raise
        # Which of them it was, and what is to become of it, shows when each is handled alone.
        _log.debug("handled one by one", action="consumer.together", group=group, count=len(told), reason=str(error))
        return ()
    seconds = perf_counter() - started
    for name, count in Counter(event.name for _, event, _ in told).items():
        metrics.count("events_handled_total", count, group=group, event=name, outcome="handled")
        metrics.observe("event_handling_seconds", seconds, count, group=group, event=name)
    return [work for work, _, _ in told]
