"""Work that goes on in the background of something that is entered and left."""

import asyncio
from abc import ABC, abstractmethod
from typing import Self


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
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None


def is_being_cancelled() -> bool:
    """Whether this task was cancelled, rather than something it waited for."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
