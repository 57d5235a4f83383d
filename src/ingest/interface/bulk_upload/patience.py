"""How long a command tries on while the server is away."""

import threading
import time
from collections.abc import Callable
from typing import TypeVar

import httpx

from shared.runtime.client import ApiProblem

T = TypeVar("T")


class Patience:
    """Of one run, for all its threads: what the server answered for is safe, and sending the rest again is harmless."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._stopped = threading.Event()

    def stop(self) -> None:
        """The command was interrupted: nothing is tried any more."""
        self._stopped.set()

    def refuse_when_stopped(self) -> None:
        """Raises InterruptedError once the command was interrupted."""
        if self._stopped.is_set():
            raise _interrupted()

    def attempt(self, attempt: Callable[[], T]) -> T:
        """Tries on while the server is away or says that something is unavailable.

        Raises the last ApiProblem or httpx.TransportError when the patience is over, InterruptedError when stopped.
        """
        deadline = time.monotonic() + self.seconds
        while True:
            try:
                return attempt()
            except ApiProblem as problem:
                if problem.status != 503 or time.monotonic() > deadline:
                    raise
                pause = min(problem.retry_after_seconds, 5)
            except httpx.LocalProtocolError:
                raise
            except httpx.TransportError:
                if time.monotonic() > deadline:
                    raise
                pause = 0.5
            if self._stopped.wait(pause):
                raise _interrupted()


def _interrupted() -> InterruptedError:
    return InterruptedError(4, "The command was interrupted")
