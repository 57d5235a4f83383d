"""Work that goes on in the background of something that is entered and left."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any, Final, Self

_CANCEL_AGAIN_SECONDS: Final = 30.0
"""Longer than anything takes to leave in order."""


class Background(ABC):
    """An async context manager: `run` is at work while it is entered, and is cancelled when it is left."""

    _task: asyncio.Task[None] | None = None

    @abstractmethod
    async def run(self) -> None:
        """For ever; meets its own errors."""

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self.run(), name=type(self).__name__)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task is not None:
            await end_tasks([self._task])
            self._task = None


async def end_tasks(tasks: Iterable[asyncio.Task[Any]], *, again_seconds: float = _CANCEL_AGAIN_SECONDS) -> None:
    """Cancels them and waits until all have ended, whatever they raise.

    What fails on its way out can take the cancellation's place, and a loop that meets its own errors goes on then: who
    has not ended after `again_seconds` is cancelled again.
    """
    running = set(tasks)
    while running:
        for task in running:
            task.cancel()
        ended, running = await asyncio.wait(running, timeout=again_seconds)
        await asyncio.gather(*ended, return_exceptions=True)


def is_being_cancelled() -> bool:
    """Whether this task was cancelled, rather than something it waited for."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
