"""Tells people: what is announced goes into the outbox, and from there through each channel until it has arrived."""

import asyncio
import contextlib
import time
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from typing_extensions import override

from monitor.application.notification_ports import ChannelStore, Delivery, DeliveryStore, Notification
from monitor.application.sending import ChannelSender, SendingTimes
from monitor.domain.channel import Channel, ChannelKind
from monitor.domain.notice import Notice
from shared.kernel import Clock, Unavailable, utc_now
from shared.ports.duties import DutyStore
from shared.runtime.background import Background
from shared.runtime.beats import until_beat
from shared.runtime.duty import Duty
from shared.telemetry import Metrics, get_log

DUTY: Final = "monitor.notification"
_FORGOTTEN_AT_ONCE: Final = 5_000
_FORGET_EVERY_SECONDS: Final = 600.0
_log = get_log("notification")


class Notifier(Background):
    """An async context manager: while it is open, and while this process has the duty, what waits is sent.

    Each channel is served by a task of its own, so that one that hangs keeps nobody waiting.
    """

    def __init__(
        self,
        channels: ChannelStore,
        deliveries: DeliveryStore,
        duties: DutyStore,
        senders: Mapping[ChannelKind, Notification],
        metrics: Metrics,
        *,
        every_seconds: float = 2.0,
        lease_seconds: float = 30.0,
        kept_seconds: float = 30 * 86400.0,
        times: SendingTimes | None = None,
        clock: Clock = utc_now,
    ) -> None:
        """It looks every `every_seconds`, and at once after what this process announced; keeps what is finished."""
        self._channels = channels
        self._deliveries = deliveries
        self._duties = duties
        self._senders = senders
        self._metrics = metrics
        self._every_seconds = every_seconds
        self._lease_seconds = lease_seconds
        self._kept_seconds = kept_seconds
        self._times = times or SendingTimes()
        self._clock = clock
        self._woken = asyncio.Event()
        self._serving: dict[str, ChannelSender] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._forget_at = 0.0
        for outcome in ("sent", "failed", "given_up"):
            metrics.count("notifications_total", 0, outcome=outcome)

    async def announce(self, notices: Sequence[tuple[Notice, Sequence[str]]]) -> None:
        """Keeps each for its channels, all if none is named, in one write; durable on return.

        The same again changes nothing. Where none of those named is there any more all are taken: somebody has to hear
        of it. Raises Unavailable.
        """
        names = [channel.name for channel in await self._channels.channels()]
        now = self._clock()
        deliveries: list[Delivery] = []
        for notice, channels in notices:
            wanted = [name for name in names if name in channels]
            if not wanted and channels and names:
                _log.warning("no channel of a rule is there", action="notification.elsewhere", rule=notice.rule)
            deliveries += [Delivery.of(notice, name, now) for name in wanted or names]
        if deliveries and await self._deliveries.add(deliveries):
            self.wake()

    def wake(self) -> None:
        """There is something to send, or a channel changed."""
        self._woken.set()

    def trouble_of(self, channel: str) -> tuple[datetime | None, str | None]:
        """Since when nothing gets through it, and why; of what this process sends."""
        sender = self._serving.get(channel)
        return (sender.failing_since, sender.last_error) if sender else (None, None)

    async def give_up_channel(self, name: str) -> None:
        """What waits in a channel that is gone says so."""
        count = await self._deliveries.give_up_channel(name, self._clock(), "The channel was deleted.")
        if count:
            self._metrics.count("notifications_total", count, outcome="given_up")
            _log.error("a deleted channel had notices", action="notification.given_up", channel=name, count=count)

    @override
    async def run(self) -> None:
        try:
            async with Duty(self._duties, DUTY, lease_seconds=self._lease_seconds) as duty:
                while True:
                    try:
                        if await duty.hold():
                            await self._look()
                        else:
                            await self._rest()
                    except Unavailable as error:
                        _log.debug("nothing can be sent now", action="notification.wait", reason=error.detail)
                    except Exception as error:
                        _log.error("sending fell", action="notification.fell", exc_info=error)
                    await self._wait()
        finally:
            await self._rest()

    async def _wait(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(until_beat(self._every_seconds)):
                await self._woken.wait()
        self._woken.clear()

    async def _rest(self) -> None:
        """Another process has the duty, or this one ends."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        self._tasks.clear()
        self._serving.clear()

    async def _look(self) -> None:
        waiting = await self._deliveries.waiting()
        channels = {channel.name: channel for channel in await self._channels.channels()}
        self._metrics.gauge("notifications_waiting", sum(waiting.values()))
        for name in waiting:
            if name in channels:
                self._serve(channels[name])
            else:
                await self.give_up_channel(name)
        for name in self._serving.keys() - channels.keys():
            self._stop(name)
        if time.monotonic() >= self._forget_at:
            self._forget_at = time.monotonic() + _FORGET_EVERY_SECONDS
            before = self._clock() - timedelta(seconds=self._kept_seconds)
            await self._deliveries.forget(before, _FORGOTTEN_AT_ONCE)

    def _serve(self, channel: Channel) -> None:
        sender = self._serving.get(channel.name)
        if sender is None or sender.channel != channel:
            # What is known of the breaker and the pauses belongs to what it was before.
            self._stop(channel.name)
            sender = self._serving[channel.name] = ChannelSender(
                channel,
                self._senders[channel.kind],
                self._deliveries,
                self._metrics,
                times=self._times,
                clock=self._clock,
            )
        task = self._tasks.get(channel.name)
        if sender.may_try and (task is None or task.done()):
            self._tasks[channel.name] = asyncio.create_task(sender.serve(), name=f"notify-{channel.name}")

    def _stop(self, name: str) -> None:
        self._serving.pop(name, None)
        task = self._tasks.pop(name, None)
        if task is not None:
            task.cancel()
