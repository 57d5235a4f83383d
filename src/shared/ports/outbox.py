"""Facts that were saved together with state and wait to be published."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from shared.events.envelope import Envelope


@dataclass(frozen=True, slots=True)
class PendingFact:
    """A saved fact and its place in the store's own order."""

    sequence: int
    envelope: Envelope


class Outbox(Protocol):
    """The facts side of a module's store; `runtime/outbox_relay.py` empties it onto the bus."""

    async def pending_facts(self, limit: int) -> Sequence[PendingFact]:
        """The oldest unpublished facts, in the order they were saved."""
        ...

    async def forget_facts(self, sequences: Sequence[int]) -> None:
        """They are published; a crash before this publishes them again."""
        ...

    async def wait_for_facts(self, timeout_seconds: float) -> None:
        """Returns when a fact was saved in this process since the last call, or after the timeout."""
        ...
