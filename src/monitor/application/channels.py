"""Channels as an operator has them: made, changed, removed and tried out."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from monitor.application.notification import Notifier
from monitor.application.notification_ports import (
    ChannelStore,
    Delivery,
    DeliveryPlace,
    DeliveryState,
    DeliveryStore,
    Notification,
)
from monitor.domain.channel import Channel, ChannelKind, channel_of
from monitor.domain.notice import Notice, message_of
from shared.kernel import Clock, Conflict, NotFound, Refused, Unavailable, new_id, utc_now


@dataclass(frozen=True, slots=True)
class ChannelView:
    """A channel and how it does."""

    channel: Channel
    waiting: int
    """Notices that are not sent yet."""
    failing_since: datetime | None
    """Since when nothing gets through, as far as the process that sends is this one."""
    last_error: str | None


@dataclass(frozen=True, slots=True)
class Trial:
    """What became of a test message."""

    delivered: bool
    detail: str
    seconds: float


class Channels:
    """Names are unique; secrets come in and never go out."""

    def __init__(
        self,
        store: ChannelStore,
        deliveries: DeliveryStore,
        senders: Mapping[ChannelKind, Notification],
        notifier: Notifier,
        *,
        link: str,
        timeout_seconds: float = 15.0,
        clock: Clock = utc_now,
    ) -> None:
        """`link` is where messages lead; `timeout_seconds` is for a test message."""
        self._store = store
        self._deliveries = deliveries
        self._senders = senders
        self._notifier = notifier
        self._link = link
        self._timeout_seconds = timeout_seconds
        self._clock = clock

    async def all(self) -> Sequence[ChannelView]:
        """By name."""
        channels, waiting = await asyncio.gather(self._store.channels(), self._deliveries.waiting())
        return [self._view(channel, waiting) for channel in channels]

    async def create(self, name: str, kind: ChannelKind, settings: Mapping[str, object]) -> ChannelView:
        """Raises InvalidInput, Conflict when the name is taken."""
        channel = channel_of(name, kind, settings)
        if not await self._store.create(channel):
            raise Conflict(f"There is a channel {name} already.", code="channel_name_taken")
        return self._view(channel, {})

    async def replace(self, name: str, kind: ChannelKind, settings: Mapping[str, object]) -> ChannelView:
        """What waits in it is tried at once. Raises InvalidInput, NotFound."""
        channel = channel_of(name, kind, settings, await self._found(name))
        if not await self._store.replace(channel):
            raise _not_found(name)
        await self._deliveries.hasten(name)
        self._notifier.wake()
        return self._view(channel, await self._deliveries.waiting())

    async def remove(self, name: str) -> None:
        """What waits in it is given up, and says so. Raises NotFound."""
        if not await self._store.remove(name):
            raise _not_found(name)
        await self._notifier.give_up_channel(name)

    async def test(self, name: str) -> Trial:
        """Sends a message now, past the outbox, the rate limit and the breaker. Raises NotFound."""
        channel = await self._found(name)
        now, started = self._clock(), time.perf_counter()
        notice = Notice(
            id=new_id(),
            alert_id="",
            rule=channel.name,
            state="test",
            severity="info",
            condition={"ko": "이 채널이 동작하는지 확인하는 메시지입니다."}.get(
                channel.language.value, "This message shows that the channel works."
            ),
            since=now,
            at=now,
            advice={
                "ko": "없습니다. 이 메시지를 받았다면 채널이 동작합니다.",
                "en": "Nothing: as you read it, it works.",
            },
            link=self._link,
        )
        try:
            async with asyncio.timeout(self._timeout_seconds):
                detail = await self._senders[channel.kind].send(channel, message_of([notice], channel.language))
            delivered = True
        except TimeoutError:
            delivered, detail = False, f"The other side did not answer within {self._timeout_seconds:g} s."
        except (Unavailable, Refused) as error:
            delivered, detail = False, error.detail
        return Trial(delivered, detail, time.perf_counter() - started)

    async def deliveries(
        self, *, channel: str | None, state: DeliveryState | None, after: DeliveryPlace | None, limit: int
    ) -> tuple[Sequence[Delivery], DeliveryPlace | None]:
        """Made last first, and the place to go on from."""
        found = await self._deliveries.newest(channel=channel, state=state, after=after, limit=limit + 1)
        shown = found[:limit]
        place = DeliveryPlace(shown[-1].created_at, shown[-1].id) if len(found) > limit else None
        return shown, place

    async def _found(self, name: str) -> Channel:
        channel = await self._store.channel(name)
        if channel is None:
            raise _not_found(name)
        return channel

    def _view(self, channel: Channel, waiting: Mapping[str, int]) -> ChannelView:
        since, error = self._notifier.trouble_of(channel.name)
        return ChannelView(channel, waiting.get(channel.name, 0), since, error)


def _not_found(name: str) -> NotFound:
    return NotFound(f"There is no channel {name}.", code="channel_not_found")
