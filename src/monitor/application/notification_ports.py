"""What telling people needs: where channels and deliveries are kept, and somebody who sends."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple, Protocol

from monitor.domain.channel import Channel
from monitor.domain.notice import Message, Notice


class DeliveryState(StrEnum):
    """Where one notice is on its way through one channel."""

    WAITING = "waiting"
    SENT = "sent"
    GIVEN_UP = "given_up"


@dataclass(frozen=True, slots=True)
class Delivery:
    """One notice for one channel."""

    id: str
    channel: str
    notice: Notice
    created_at: datetime
    state: DeliveryState = DeliveryState.WAITING
    attempts: int = 0
    next_at: datetime | None = None
    """Not before; None is at once."""
    finished_at: datetime | None = None
    detail: str = ""
    """What the other side said last."""

    @classmethod
    def of(cls, notice: Notice, channel: str, created_at: datetime) -> "Delivery":
        """The same notice through the same channel is the same delivery."""
        return cls(f"{notice.id}/{channel}", channel, notice, created_at)

    def failed(self, detail: str, next_at: datetime) -> "Delivery":
        """After an attempt that failed."""
        return replace(self, attempts=self.attempts + 1, detail=detail, next_at=next_at)


class DeliveryPlace(NamedTuple):
    """Where a delivery stands in lists."""

    created_at: datetime
    id: str


class ChannelStore(Protocol):
    """Keeps channels with their secrets. Durable on return; every call raises Unavailable."""

    async def channels(self) -> Sequence[Channel]:
        """All of them, by name."""
        ...

    async def channel(self, name: str) -> Channel | None:
        """None when there is none of that name."""
        ...

    async def create(self, channel: Channel) -> bool:
        """False when the name is taken; of two at the same time one is."""
        ...

    async def replace(self, channel: Channel) -> bool:
        """False when there is none of that name."""
        ...

    async def remove(self, name: str) -> bool:
        """False when there was none of that name."""
        ...


class DeliveryStore(Protocol):
    """The outbox: what is in it is sent, however often the process falls. Every call raises Unavailable."""

    async def add(self, deliveries: Collection[Delivery]) -> int:
        """Keeps them, durable on return; those that are known, finished or not, stay as they are. How many are new."""
        ...

    async def waiting(self) -> Mapping[str, int]:
        """How many wait in each channel that has any."""
        ...

    async def due(self, channel: str, now: datetime, limit: int) -> Sequence[Delivery]:
        """Those that wait and may be tried now, oldest first.

        What is to wait for more than an hour from now may be tried too: the clock was put back.
        """
        ...

    async def sent(self, ids: Collection[str], at: datetime, detail: str) -> None:
        """They have arrived."""
        ...

    async def failed(self, ids: Collection[str], detail: str, next_at: datetime) -> None:
        """An attempt failed; they wait on."""
        ...

    async def give_up(self, ids: Collection[str], at: datetime, detail: str) -> None:
        """They are not tried any more; only those that wait."""
        ...

    async def give_up_channel(self, channel: str, at: datetime, detail: str) -> int:
        """All that wait in it are not tried any more; how many."""
        ...

    async def hasten(self, channel: str) -> None:
        """All that wait in it may be tried at once."""
        ...

    async def newest(
        self, *, channel: str | None, state: DeliveryState | None, after: DeliveryPlace | None, limit: int
    ) -> Sequence[Delivery]:
        """Made last first."""
        ...

    async def forget(self, before: datetime, limit: int) -> int:
        """Deletes up to `limit` that were finished before that instant; how many."""
        ...


class Notification(Protocol):
    """Sends by one kind of channel."""

    async def send(self, channel: Channel, message: Message) -> str:
        """Once the other side has taken it; what it said, in words.

        Raises Unavailable when trying again later can help by itself (AskedToWait when the other side says when), and
        Refused when somebody has to change something: the channel's settings, or the other side's.
        """
        ...
