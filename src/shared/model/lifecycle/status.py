"""What a slot says of itself: its state, its loads, who uses it, and how it came there."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

ModelState = Literal["unloaded", "loading", "ready", "failed", "unloading", "unavailable"]
"""`unavailable`: this machine lacks what the model needs, and loading it would only say so again."""


@dataclass(frozen=True, slots=True)
class Transition:
    """A change of state, and why."""

    at: datetime
    state: ModelState
    reason: str | None


@dataclass(frozen=True, slots=True)
class SlotStatus:
    """One moment of a model's slot. None where it is not known before the model is loaded."""

    state: ModelState
    loads: int
    """Successful loads since the process started, reloads included."""
    failed_loads: int
    load_seconds: float | None
    """How long the last successful load took."""
    loaded_at: datetime | None
    uses: int
    """Calls that used it."""
    last_used_at: datetime | None
    in_use: int
    """Calls that use it now."""
    waiting: int
    """Calls that wait for it to be loaded."""
    memory_before_bytes: int | None
    """Resident memory of this process before the last load, and after it."""
    memory_after_bytes: int | None
    memory_bytes: int | None
    """What the model takes: the difference, or the memory of the process it lives in."""
    last_error: str | None
    history: tuple[Transition, ...]
    """Changes of state, the oldest first."""
