"""The event bus: topics, keys, consumer groups with positions, dead letters, tails."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, runtime_checkable

from shared.events.envelope import Envelope


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event as one group receives it."""

    lane: str
    """A topic or one partition of it: positions are counted per lane."""
    position: int
    raw: bytes
    """The envelope's JSON as it was stored; decoding is the consumer's, so that poison reaches it."""
    envelope: Envelope | None = None
    """What `raw` says, where the bus has read it already; other groups may have the same, so nobody changes it."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """Something a group could not handle, with what is needed to understand and replay it."""

    id: str
    group: str
    topic: str
    """Where it came from; for a job, `job:<kind>`."""
    reason: str
    attempts: int
    buried_at: datetime
    raw: bytes
    replayed_at: datetime | None = None


OnLeaving = Callable[[frozenset[str]], Awaitable[None]]
"""Is told which lanes go to another process."""


class Subscription(Protocol):
    """One group's view of some topics. Used by one task at a time."""

    async def receive(self, limit: int) -> Sequence[Delivery]:
        """At least one and at most `limit` deliveries, in order within each key; waits until there is one.

        Every event published after the group's committed position is received at least once, also after a
        crash. Nothing is received twice within one subscription unless it was not committed and the
        subscription was opened again. An event published in this process wakes a waiting receiver at once.
        While the bus is down it waits, or raises Unavailable: then the subscription is to be opened again.
        """
        ...

    async def commit(self, positions: dict[str, int]) -> None:
        """Lane → highest position up to which everything is handled. Durable on return; never goes back."""
        ...

    async def lag(self) -> int:
        """How many published events this group has not committed."""
        ...


@runtime_checkable
class EventBus(Protocol):
    """Publishes durably, delivers at least once, in order within a key."""

    async def publish(self, *envelopes: Envelope) -> None:
        """All are durable when it returns (on a crash before: any prefix may be).

        Raises Unavailable, and TooLarge for an event that the server's settings do not let in.
        """
        ...

    async def identity(self) -> str | None:
        """Names this log among all there are; None when only this process can reach it. Raises Unavailable."""
        ...

    @property
    def lanes_move(self) -> bool:
        """Whether lanes of an open subscription can go to another process (a capability)."""
        ...

    def subscribe(
        self, group: str, topics: Sequence[str], *, on_leaving: OnLeaving | None = None
    ) -> AbstractAsyncContextManager[Subscription]:
        """Opens the group at its committed positions; a new group starts at the beginning of what is kept.

        Processes that open the same group share its lanes. Before lanes go to another process, `on_leaving` is
        awaited with them, a bounded time: what of them is being handled should end, and be committed, in it.
        Afterwards nothing of these lanes is received, and commits of them come to nothing, until they are back.
        Raises Conflict while the group is open in this process, Unavailable.
        """
        ...

    def tail(self, *topics: str) -> AbstractAsyncContextManager[AsyncIterator[Envelope]]:
        """Every event published to these topics once the context is entered; no position is kept.

        A reader that falls behind misses nothing that the bus still keeps.
        """
        ...

    async def bury(self, letter: DeadLetter) -> None:
        """Keeps a dead letter durably; the same id twice keeps one, with the newer word, as the newest letter."""
        ...

    async def dead_letters(
        self, *, group: str | None = None, after: str | None = None, limit: int = 50
    ) -> Sequence[DeadLetter]:
        """Newest first, starting behind the letter with the id `after`. Raises NotFound when that is not there."""
        ...

    async def dead_letter(self, letter_id: str) -> DeadLetter:
        """Raises NotFound."""
        ...

    async def replay(self, letter_id: str) -> DeadLetter:
        """Publishes the buried event to its topic once more and marks the letter.

        Every group receives it again (effects are idempotent). Raises NotFound, Conflict when it is poison
        that is not an envelope (it can never be delivered), Unavailable.
        """
        ...
