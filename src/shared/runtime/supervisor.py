"""Background work that must not end: relays, consumers, workers. What falls is logged and started again."""

import asyncio
from collections.abc import Awaitable, Callable

from shared.runtime.background import end_tasks, is_being_cancelled
from shared.telemetry import Metrics, get_log

_log = get_log("supervisor")


class Supervisor:
    """Runs named loops until stopped; stopping cancels all and waits for each."""

    def __init__(
        self, metrics: Metrics, *, first_pause_seconds: float = 0.5, longest_pause_seconds: float = 30.0
    ) -> None:
        """Each pause before a new start is twice the last, up to the longest; after a run of that length, the first."""
        self._metrics = metrics
        self._first_pause_seconds = first_pause_seconds
        self._longest_pause_seconds = longest_pause_seconds
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, name: str, run: Callable[[], Awaitable[None]]) -> None:
        """Keeps `run` running from now on."""
        self._metrics.count("background_failures_total", 0, name=name)
        self._tasks.append(asyncio.create_task(self._keep_running(name, run), name=name))

    async def stop(self) -> None:
        """Each loop drains in its own way when it is cancelled; all stop side by side."""
        await end_tasks(self._tasks)
        self._tasks.clear()

    async def _keep_running(self, name: str, run: Callable[[], Awaitable[None]]) -> None:
        pause = self._first_pause_seconds
        while True:
            started = asyncio.get_running_loop().time()
            try:
                await run()
                return
            except Exception as error:
                self._metrics.count("background_failures_total", name=name)
                _log.error("a background loop fell", action="supervisor.restart", name=name, exc_info=error)
                if is_being_cancelled():  # what fell on the way out took the cancellation's place
                    return
            if asyncio.get_running_loop().time() - started > self._longest_pause_seconds:
                pause = self._first_pause_seconds
            await asyncio.sleep(pause)
            pause = min(2 * pause, self._longest_pause_seconds)
