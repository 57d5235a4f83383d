"""One event between the bus and its commit, and how long more of them are waited for."""

from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import Self

from pydantic import ValidationError

from shared.events.envelope import Envelope
from shared.ports.event_bus import Delivery


@dataclass(slots=True, eq=False)
class Received:
    """One event on its way: received, perhaps handled, not yet committed."""

    delivery: Delivery
    envelope: Envelope | None = None
    problem: str = ""
    is_finished: bool = False
    is_leaving: bool = False
    """Its lane goes to another process: it does not begin, or is not tried again."""
    is_left: bool = False
    """Its lane is gone: whatever becomes of it here is not committed."""

    @classmethod
    def of(cls, delivery: Delivery) -> Self:
        """With its envelope, or with why it has none."""
        if delivery.envelope is not None:
            return cls(delivery, delivery.envelope)
        try:
            return cls(delivery, Envelope.from_json(delivery.raw))
        except ValidationError as error:
            return cls(delivery, problem=f"This is not an event: {error}")


class Gathering:
    """How long to leave events to come together: not at all, but while many come all the time."""

    def __init__(self, seconds: float, *, many: int = 50, clock: Callable[[], float] = monotonic) -> None:
        """`many` a second: of fewer each is handled as soon as it comes."""
        self._seconds = seconds
        self._window = max(1.0, seconds)
        self._many = many * self._window
        self._clock = clock
        self._since, self._count, self._before = clock(), 0, 0

    def pause(self, received: int) -> float:
        """After so many more came."""
        now = self._clock()
        if now - self._since >= self._window:
            # Nothing for so long, or twice as long: what was before that says nothing.
            self._before = self._count if now - self._since < 2 * self._window else 0
            self._since, self._count = now, 0
        self._count += received
        return self._seconds if max(self._before, self._count) >= self._many else 0.0
