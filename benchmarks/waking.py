"""What it costs here to wake up: the same piece of work once a second, against again and again.

Processor time of a process at rest is not its own alone. In a virtual machine that has nothing else to do each turn
begins with cold caches, and what the host does meanwhile counts as the guest's: the same idle server was seen to take
0.4 % of a core beside other work and 6 % alone. A figure of idle processor time is read with this one beside it.
"""

import json
import time
from typing import Final

from benchmarks.figures import median

_PIECES: Final = 500
_DATA: Final = [{"number": number, "words": [str(number)] * 5} for number in range(300)]


def _a_piece() -> float:
    """Processor seconds of some 0.3 ms of work."""
    began = time.thread_time()
    json.loads(json.dumps(_DATA))
    return time.thread_time() - began


def times_as_much(seconds: float) -> float:
    """Lets so much time pass, at least a second; how many times as much work took of the processor meanwhile."""
    at_once = median([_a_piece() for _ in range(_PIECES)])
    seldom, end = list[float](), time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        time.sleep(min(1.0, left))
        seldom.append(_a_piece())
    return median(seldom) / at_once
