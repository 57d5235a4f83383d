"""One channel at work: what waits goes out in order, not faster than allowed, and again when it failed."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from monitor.application.notification_ports import Delivery, DeliveryStore, Notification
from monitor.domain.channel import Channel
from monitor.domain.notice import message_of
from shared.kernel import Clock, Refused, Unavailable, utc_now
from shared.runtime.backoff import Backoff
from shared.runtime.resilience import Resilient
from shared.telemetry import Metrics, get_log

_MOST_IN_A_MESSAGE: Final = 500
_log = get_log("notification")


@dataclass(frozen=True, slots=True)
class SendingTimes:
    """When a channel is tried, and again."""

    timeout_seconds: float = 15.0
    """For one message."""
    first_pause_seconds: float = 5.0
    """After a failure nothing goes through the channel for so long, then for twice as long …"""
    longest_pause_seconds: float = 300.0
    """… up to this."""
    failure_limit: int = 5
    reset_seconds: float = 30.0
    """Of the breaker."""
    first_refused_seconds: float = 60.0
    """What was refused is tried again after so long, then after twice as long …"""
    longest_refused_seconds: float = 3600.0
    """… up to this: somebody has to change something first."""
    give_up_seconds: float = 3 * 86400.0
    """Nobody acts on news that is older."""
    singly: int = 3
    """Up to so many that wait are a message each; more are one message together."""
    burst: int = 5
    """So many messages may follow at once before the channel's rate counts."""


class Bucket:
    """A token bucket: `burst` at once, then one every `60 / per_minute` seconds."""

    def __init__(self, per_minute: int, burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_second = per_minute / 60
        self._burst = float(burst)
        self._clock = clock
        self._tokens = self._burst
        self._at = clock()

    def wait_seconds(self) -> float:
        """Until there is a token; 0 when there is one."""
        now = self._clock()
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._per_second)
        self._at = now
        return max(0.0, (1 - self._tokens) / self._per_second)

    def take(self) -> None:
        """One token, which must be there."""
        self._tokens -= 1


class ChannelSender:
    """Serves one channel as it is configured now."""

    def __init__(
        self,
        channel: Channel,
        notification: Notification,
        deliveries: DeliveryStore,
        metrics: Metrics,
        *,
        times: SendingTimes,
        clock: Clock = utc_now,
    ) -> None:
        self.channel = channel
        self.failing_since: datetime | None = None
        self.last_error: str | None = None
        self._notification = notification
        self._deliveries = deliveries
        self._metrics = metrics
        self._times = times
        self._clock = clock
        self._bucket = Bucket(channel.per_minute, times.burst)
        self._backoff = Backoff(times.first_pause_seconds, times.longest_pause_seconds)
        self._resume_at = 0.0
        self._guard = Resilient(
            f"channel.{channel.name}",
            timeout_seconds=times.timeout_seconds,
            attempts=1,
            failure_limit=times.failure_limit,
            reset_seconds=times.reset_seconds,
            metrics=metrics,
            where=f"The channel {channel.name}",
        )

    @property
    def may_try(self) -> bool:
        """Whether no pause is on."""
        return time.monotonic() >= self._resume_at

    async def serve(self) -> None:
        """Until nothing is due, or it fails. Meets its own errors."""
        try:
            while await self._send_some():
                pass
        except Unavailable as error:
            _log.debug("the outbox is away", action="notification.wait", channel=self.channel.name, reason=error.detail)
        except Exception as error:
            # Not before the channel has had a rest: it may be this notice.
            self._pause()
            _log.error(
                "a notice could not be sent", action="notification.fell", channel=self.channel.name, exc_info=error
            )

    async def _send_some(self) -> bool:
        """One message; whether to go on."""
        if seconds := self._bucket.wait_seconds():
            await asyncio.sleep(seconds)
        # After the wait: what came meanwhile goes along.
        due = await self._deliveries.due(self.channel.name, self._clock(), _MOST_IN_A_MESSAGE)
        if not due:
            return False
        self._bucket.take()
        batch = due if len(due) > self._times.singly else due[:1]
        message = message_of([delivery.notice for delivery in batch], self.channel.language)
        try:
            said = await self._guard.call(lambda: self._notification.send(self.channel, message), idempotent=False)
        except Refused as error:
            # Others may be taken, but not at once: where it is the channel, asking on is knocking at a closed door.
            self._pause()
            await self._failed(batch, error.detail, self._refused_seconds(batch[0]))
            return False
        except Unavailable as error:
            self._pause(error.retry_after_seconds)
            if error.specific_code != "circuit_open":
                await self._failed(batch, error.detail, 0)
            return False
        await self._deliveries.sent([delivery.id for delivery in batch], self._clock(), said)
        self._metrics.count("notifications_total", len(batch), outcome="sent")
        self._backoff.reset()
        self.failing_since = self.last_error = None
        return True

    async def _failed(self, batch: Sequence[Delivery], detail: str, seconds: float) -> None:
        now = self._clock()
        if self.failing_since is None:
            _log.warning("a channel fails", action="notification.failed", channel=self.channel.name, reason=detail)
        self.failing_since, self.last_error = self.failing_since or now, detail
        self._metrics.count("notifications_total", len(batch), outcome="failed")
        oldest = now - timedelta(seconds=self._times.give_up_seconds)
        late = [delivery.id for delivery in batch if delivery.created_at < oldest]
        if late:
            await self._deliveries.give_up(late, now, detail)
            self._metrics.count("notifications_total", len(late), outcome="given_up")
            _log.error("old notices are given up", action="notification.given_up", channel=self.channel.name)
        waiting = [delivery.id for delivery in batch if delivery.created_at >= oldest]
        await self._deliveries.failed(waiting, detail, now + timedelta(seconds=seconds))

    def _refused_seconds(self, delivery: Delivery) -> float:
        return min(
            self._times.longest_refused_seconds, self._times.first_refused_seconds * 2.0 ** min(delivery.attempts, 20)
        )

    def _pause(self, at_least_seconds: float = 0.0) -> None:
        self._resume_at = time.monotonic() + max(at_least_seconds, self._backoff.next_seconds())
