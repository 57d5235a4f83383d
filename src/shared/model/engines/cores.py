"""How many processor cores this process may really compute on."""

import os

import psutil


def usable_cores() -> int:
    """Physical cores, of those this process is allowed on: two threads of one core share its multipliers."""
    allowed = len(os.sched_getaffinity(0))
    physical = psutil.cpu_count(logical=False) or allowed
    return max(1, min(allowed, physical))
