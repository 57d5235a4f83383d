"""Proof that a server does its work: written to it and read back, seldom enough to cost nothing."""

import asyncio
import time
from collections.abc import Awaitable, Callable


class RoundTrip:
    """What worked is believed for a while, what failed is tried again at the next look; who look together share one."""

    def __init__(self, go: Callable[[], Awaitable[object]], *, every_seconds: float = 10.0) -> None:
        """`go` writes, reads back, and raises when what comes back is not what went; it has its own deadline."""
        self._go = go
        self._every_seconds = every_seconds
        self._going = asyncio.Lock()
        self._due = 0.0

    async def look(self) -> None:
        """Raises what `go` raises."""
        async with self._going:
            if time.monotonic() >= self._due:
                await self._go()
                self._due = time.monotonic() + self._every_seconds
