"""How many documents pass each step of their way. Telemetry: in memory, bounded, begun anew with the process."""

import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Final

from shared.vocabulary import STAGES

RECEIVED: Final = "received"
STEPS: Final = (RECEIVED, *STAGES)
"""All that are counted, in the order in which a document passes them."""

_WINDOW_SECONDS: Final = 300
_SLICE_SECONDS: Final = 5
_SLICES: Final = _WINDOW_SECONDS // _SLICE_SECONDS


class Passing:
    """Counts of the last five minutes, in slices of five seconds: a document costs one addition a step."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._counts: Mapping[str, deque[tuple[int, int]]] = {step: deque(maxlen=_SLICES) for step in STEPS}

    def passed(self, step: str) -> None:
        """A document passed it now. One that a newer Seoga knows is not counted."""
        counts = self._counts.get(step)
        if counts is None:
            return
        now = self._slice()
        number = counts.pop()[1] if counts and counts[-1][0] == now else 0
        counts.append((now, number + 1))

    def per_minute(self) -> Mapping[str, float]:
        """Of every step, over five minutes, also while the process is younger."""
        since = self._slice() - _SLICES
        return {
            step: sum(number for at, number in counts if at > since) / (_WINDOW_SECONDS / 60)
            for step, counts in self._counts.items()
        }

    def _slice(self) -> int:
        return int(self._clock() // _SLICE_SECONDS)
