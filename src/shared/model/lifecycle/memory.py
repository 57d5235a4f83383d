"""Memory: what this process holds, what of it can go back, and how much all models together may take."""

import threading
from collections.abc import Sequence
from typing import Protocol

import psutil

from shared.kernel import Unavailable
from shared.telemetry import get_log

_log = get_log("model")


def resident_bytes() -> int:
    """This process's resident set size."""
    return int(psutil.Process().memory_info().rss)


class Member(Protocol):
    """A model as the budget sees it."""

    @property
    def name(self) -> str:
        """For messages."""
        ...

    @property
    def held_bytes(self) -> int:
        """What it takes now; 0 when it is not loaded."""
        ...

    @property
    def idle_since(self) -> float | None:
        """Monotonic time of its last use; None while it is in use, loading or not loaded."""
        ...

    def unload(self) -> None:
        """Blocks until its memory is free."""
        ...


class MemoryBudget:
    """Makes room for a model by unloading the one that was idle for longest. Blocks; belongs in a thread."""

    def __init__(self, most_bytes: int, members: Sequence[Member]) -> None:
        """`most_bytes` 0 is no limit."""
        self._most = most_bytes
        self._members = members
        # Two models that load at once must not each unload the other's room.
        self._lock = threading.Lock()

    def make_room(self, name: str, needed_bytes: int) -> None:
        """Returns when `needed_bytes` more fit beside the other models. Raises Unavailable when they cannot."""
        if not self._most:
            return
        with self._lock:
            others = [member for member in self._members if member.name != name]
            while needed_bytes + sum(member.held_bytes for member in others) > self._most:
                idle = [(since, member) for member in others if (since := member.idle_since) is not None]
                if not idle or needed_bytes > self._most:
                    raise Unavailable(self._refusal(name, needed_bytes, others), code="model_memory_budget")
                _, longest = min(idle, key=lambda pair: pair[0])
                _log.info("model unloaded to make room", action="model.unload.room", model=longest.name, room_for=name)
                longest.unload()

    def _refusal(self, name: str, needed_bytes: int, others: Sequence[Member]) -> str:
        held = ", ".join(f"{member.name} {_mib(member.held_bytes)}" for member in others if member.held_bytes)
        return (
            f"The model '{name}' needs {_mib(needed_bytes)}, and SEOGA_MODEL_MEMORY_BUDGET_BYTES allows "
            f"{_mib(self._most)} for all models" + (f" (in use: {held})." if held else ".")
        )


def _mib(count: int) -> str:
    return f"{count / 2**20:.0f} MiB"
