"""When what looks now and then looks: all at the same instants, so that an idle processor sleeps in between.

Each look by itself wakes the processor, and finds its caches cold: that costs ten times what the look does.
"""

import time
from collections.abc import Callable
from typing import Final

_LEAST_SHARE: Final = 0.1
"""A timer may fire a little before its beat: then the beat is over."""


def until_beat(seconds: float, clock: Callable[[], float] = time.monotonic) -> float:
    """How long to sleep until the next beat of those who look every `seconds`: 0.1 to 1.1 times as long."""
    if seconds <= 0:
        return 0.0
    left = seconds - clock() % seconds
    return left if left >= _LEAST_SHARE * seconds else left + seconds
