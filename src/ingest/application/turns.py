"""Those who want the same thing go one after another, in the order in which they came; a long wait is refused."""

import asyncio
from collections.abc import AsyncIterator, Hashable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

from shared.kernel import Unavailable


@dataclass(slots=True)
class _Queue:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    wanted: int = 0


class Turns:
    """Of this process. Another's work on the same thing is met at the store, where one of two is first."""

    def __init__(self, longest_wait_seconds: float) -> None:
        self._longest_wait_seconds = longest_wait_seconds
        self._queues: dict[Hashable, _Queue] = {}

    @asynccontextmanager
    async def turn(self, *things: Hashable) -> AsyncIterator[None]:
        """Alone with all of these. Everybody names them in the same order of kinds. Raises Unavailable."""
        async with AsyncExitStack() as stack:
            try:
                async with asyncio.timeout(self._longest_wait_seconds):
                    for thing in things:
                        await stack.enter_async_context(self._alone(thing))
            except TimeoutError as error:
                raise Unavailable(
                    "Too many others are changing the same document now; try again.",
                    code="busy",
                    retry_after_seconds=max(1.0, self._longest_wait_seconds),
                ) from error
            yield

    @asynccontextmanager
    async def _alone(self, thing: Hashable) -> AsyncIterator[None]:
        queue = self._queues.setdefault(thing, _Queue())
        queue.wanted += 1
        try:
            async with queue.lock:
                yield
        finally:
            queue.wanted -= 1
            if not queue.wanted:
                del self._queues[thing]
