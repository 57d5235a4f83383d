"""Facts that were saved together with state and wait to be published."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Protocol

from shared.events.envelope import Envelope


@dataclass(frozen=True, slots=True)
class PendingFact:
    """A saved fact and the store's own name for its place."""

    place: Hashable
    """For `forget_facts`; means nothing to anybody else."""
    envelope: Envelope


class Outbox(Protocol):
    """The facts side of a module's store; `runtime/outbox_relay.py` empties it onto the bus."""

    async def pending_facts(self, limit: int) -> Sequence[PendingFact]:
        """Unpublished facts, those of one document in the order they were saved.

        Where several processes share the store, a fact is given to the one that saved it, and to another only
        when that one has had its time (it may have died). Raises Unavailable.
        """
        ...

    async def forget_facts(self, places: Sequence[Hashable]) -> None:
        """They are published; a crash before this publishes them again."""
        ...

    async def wait_for_facts(self, timeout_seconds: float) -> None:
        """Returns when a fact was saved in this process since the last call, or after the timeout."""
        ...
