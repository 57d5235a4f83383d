"""How a part of Seoga is, in words that health and the monitor show."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable


@dataclass(frozen=True, slots=True)
class ComponentHealth:
    """How one component is, in words."""

    ready: bool
    detail: str
    required: bool = True
    """Whether the server is not ready without it."""


Probe = Callable[[], Awaitable[ComponentHealth]]
"""Asks one component how it is. Raises Unavailable; whoever asks sets the time."""


@runtime_checkable
class Checked(Protocol):
    """An adapter that can say how its server is."""

    async def check(self) -> ComponentHealth:
        """Raises Unavailable."""
        ...
