"""Background work that must not end: relays, consumers, workers. What falls is logged and started again."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Final

from shared.telemetry import Metrics, get_log

_FIRST_PAUSE_SECONDS: Final = 0.5
_LONGEST_PAUSE_SECONDS: Final = 30.0
_log = get_log("supervisor")


class Supervisor:
    """Runs named loops until stopped; stopping cancels them in reverse order and waits for each."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, name: str, run: Callable[[], Awaitable[None]]) -> None:
        """Keeps `run` running from now on."""
        self._tasks.append(asyncio.create_task(self._keep_running(name, run), name=name))

    async def stop(self) -> None:
        """Each loop drains in its own way when it is cancelled; all stop side by side."""
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task
        self._tasks.clear()

    async def _keep_running(self, name: str, run: Callable[[], Awaitable[None]]) -> None:
        pause = _FIRST_PAUSE_SECONDS
        while True:
            started = asyncio.get_running_loop().time()
            try:
                await run()
                return
            except Exception as error:
                self._metrics.count("background_failures_total", name=name)
                _log.error("a background loop fell", action="supervisor.restart", name=name, exc_info=error)
            if asyncio.get_running_loop().time() - started > _LONGEST_PAUSE_SECONDS:
                pause = _FIRST_PAUSE_SECONDS
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
