"""The comparison of engines gives way: it waits until nobody needs the model, stops when somebody does, and goes on."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from shared.model.tuning.comparing import Kept, MeasuringStopped, Stop
from shared.shortages import start_thread
from shared.telemetry import get_log

ComparisonState = Literal["waiting", "running"]
_log = get_log("model")


@dataclass(frozen=True, slots=True)
class ComparisonTimes:
    """How long the model must have had nothing to do before engines are compared, and what ending waits for."""

    quiet_seconds: float = 60.0
    """A new user's first files are embedded by then, and a command that is done in seconds never meets it."""
    longest_cancel_seconds: float = 3.0
    """For a comparison under way to stop."""


_TIMES: Final = ComparisonTimes()


class BackgroundComparison:
    """One comparison in a thread of its own, however often it has to stop for work."""

    def __init__(
        self,
        measure: Callable[[Stop, Kept], object],
        unused_seconds: Callable[[], float],
        *,
        cancelled: threading.Event,
        times: ComparisonTimes = _TIMES,
    ) -> None:
        """`measure` blocks, raises MeasuringStopped when told to stop, and goes on with what it has kept.

        `unused_seconds` says for how long the model has had nothing to do; `cancelled` ends everything.
        """
        self._measure = measure
        self._unused_seconds = unused_seconds
        self._cancelled = cancelled
        self._times = times
        self._state: ComparisonState | None = "waiting"
        self._thread: threading.Thread | None = None

    @property
    def state(self) -> ComparisonState | None:
        """None: it is over."""
        return self._state

    def start(self) -> None:
        """Returns at once. Raises Unavailable where the system gives no more threads: then it is over."""
        try:
            self._thread = start_thread(self._work, name="embedding-compare")
        except BaseException:
            self._state = None
            raise

    def join(self, timeout_seconds: float) -> None:
        """Waits until it is over."""
        if self._thread is not None:
            self._thread.join(timeout_seconds)

    def _work(self) -> None:
        kept = Kept()
        try:
            while self._wait_for_quiet():
                self._state = "running"
                try:
                    self._measure(_WhenWanted(self._unused_seconds, self._cancelled), kept)
                    return
                except MeasuringStopped:
                    self._state = "waiting"
                    _log.debug("engines are compared later", action="model.measure.waits", measured=len(kept.first))
        except Exception as error:
            if not self._cancelled.is_set():
                _log.warning("engines not compared", action="model.measure.failed", reason=str(error))
        finally:
            self._state = None

    def _wait_for_quiet(self) -> bool:
        """False: cancelled."""
        while (left := self._times.quiet_seconds - self._unused_seconds()) > 0:
            if self._cancelled.wait(left):
                return False
        return not self._cancelled.is_set()


class _WhenWanted:
    """A Stop: from the moment that the model has work again."""

    def __init__(self, unused_seconds: Callable[[], float], cancelled: threading.Event) -> None:
        self._unused_seconds = unused_seconds
        self._cancelled = cancelled
        self._since = time.monotonic()

    def is_set(self) -> bool:
        now = time.monotonic()  # before the other is asked, so that time that passes between is no work
        return self._cancelled.is_set() or self._unused_seconds() < now - self._since
