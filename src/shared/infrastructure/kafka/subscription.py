"""One group's view of some topics on Kafka: a task keeps polling, lanes are partitions, positions are offsets."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition, errors
from aiokafka.structs import OffsetAndMetadata
from typing_extensions import override

from shared.infrastructure.kafka.connection import KafkaConnection
from shared.infrastructure.kafka.topics import KafkaTopics
from shared.kernel import DomainError, Unavailable
from shared.ports.event_bus import Delivery, OnLeaving, Subscription
from shared.telemetry import Metrics, get_log

_NEVER_MS: Final = 2**31 - 1
_log = get_log("kafka")


@dataclass(frozen=True, slots=True)
class KafkaTiming:
    """How patient a group is; tests are less so."""

    session_seconds: float = 30.0
    """A member that is not heard of for so long has left."""
    rebalance_seconds: float = 60.0
    """What members get to come together anew."""
    heartbeat_seconds: float = 1.0
    """A member hears of a rebalance with its next heartbeat."""
    leaving_seconds: float = 20.0
    """What handlers get to end before their lanes go."""
    stalled_seconds: float = 30.0
    """A consumer with lag that nothing comes to for so long is made anew."""
    watch_seconds: float = 5.0
    """It is looked at least so often whether one stands still."""
    poll_seconds: float = 0.5
    """Of one poll while every lane has room."""
    poll_with_pauses_seconds: float = 0.05
    """A lane that is resumed waits for the end of the present poll."""
    request_seconds: float = 10.0
    """Of a request of a consumer: longer than the half second that a fetch waits for news, and than the server takes
    to put a group together; as short as a dead connection may go unnoticed."""
    metadata_seconds: float = 30.0
    """After which partitions and brokers that came or went are noticed at the latest."""
    uncommitted: int = 1024
    """Deliveries of one lane that are not committed; more pause it, and only it."""


@dataclass(slots=True)
class _Lane:
    partition: TopicPartition
    last: int
    """Position of what was fetched last."""
    committed: int


class KafkaSubscription(Subscription):
    """Subscription of one group; `open` before, `close` after. Failed once, it raises Unavailable for ever."""

    def __init__(
        self,
        connection: KafkaConnection,
        topics: KafkaTopics,
        group: str,
        topic_names: Sequence[str],
        *,
        on_leaving: OnLeaving | None,
        timing: KafkaTiming,
        metrics: Metrics,
    ) -> None:
        self._connection = connection
        self._topics = topics
        self._group = group
        self._group_id = connection.prefix + group
        self._topic_names = [connection.prefix + topic for topic in topic_names]
        self._on_leaving = on_leaving
        self._timing = timing
        self._metrics = metrics
        self._consumer: Any = None
        self._tasks: list[asyncio.Task[None]] = []
        self._lanes: dict[str, _Lane] = {}
        self._buffer: deque[Delivery] = deque()
        self._news = asyncio.Event()
        self._room = asyncio.Event()
        self._failure: Unavailable | None = None
        self._committing = asyncio.Lock()
        self._moved_at = 0.0
        self._assigned = asyncio.Event()
        self._is_joining = True

    async def open(self) -> None:
        """Joins the group. Raises Unavailable; call `close` also then."""
        timing = self._timing
        consumer = self._consumer = AIOKafkaConsumer(
            **{**self._connection.options, "request_timeout_ms": int(timing.request_seconds * 1000)},
            group_id=self._group_id,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            # Handlers may take their time: their lanes are paused, and the heartbeat tells that the process lives.
            max_poll_interval_ms=_NEVER_MS,
            metadata_max_age_ms=int(timing.metadata_seconds * 1000),
            session_timeout_ms=int(timing.session_seconds * 1000),
            heartbeat_interval_ms=int(timing.heartbeat_seconds * 1000),
            rebalance_timeout_ms=int(timing.rebalance_seconds * 1000),
        )
        await self._connection.call(lambda: self._connection.start(consumer), "be read")
        # Partitions that the member which shares them out does not know yet would be nobody's for a while.
        await self._connection.call(self._know_topics, "be read")
        consumer.subscribe(self._topic_names, listener=_Listener(self))
        self._tasks = [
            asyncio.create_task(self._poll(), name=f"{self._group}.poll"),
            asyncio.create_task(self._watch(), name=f"{self._group}.watch"),
        ]
        try:
            # Members that were killed are waited for until their session ends.
            async with asyncio.timeout(timing.session_seconds + timing.rebalance_seconds):
                await self._assigned.wait()
        except TimeoutError:
            self._fail(Unavailable(f"The group {self._group_id} at {self._connection.shown} did not come together."))
        if self._failure is not None:
            raise self._failure

    async def _know_topics(self) -> None:
        for topic in self._topic_names:
            await self._consumer._client._wait_on_metadata(topic)

    async def close(self) -> None:
        """Leaves the group; bounded."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._consumer is not None:
            await self._connection.discard(self._consumer)

    @override
    async def receive(self, limit: int) -> Sequence[Delivery]:
        while not self._buffer or self._failure is not None:
            if self._failure is not None:
                raise self._failure
            self._news.clear()
            await self._news.wait()
        buffer = self._buffer
        return [buffer.popleft() for _ in range(min(limit, len(buffer)))]

    @override
    async def commit(self, positions: dict[str, int]) -> None:
        """Raises Unavailable."""
        async with self._committing:
            known = {name: self._lanes[name] for name in positions if name in self._lanes}
            wanted = [(lane, positions[name]) for name, lane in known.items() if positions[name] > lane.committed]
            if not wanted:
                return
            offsets = {lane.partition: position + 1 for lane, position in wanted}
            try:
                await self._connection.call(lambda: self._commit(offsets), f"commit for the group {self._group_id}")
            except _LanesLeft:
                return
            for lane, position in wanted:
                lane.committed = max(lane.committed, position)
            self._room.set()
            self._moved_at = asyncio.get_running_loop().time()

    @override
    async def lag(self) -> int:
        """Of the whole group, whoever has its lanes. Raises Unavailable."""
        lag = await self._topics.unread(self._group_id, self._topic_names)
        self._metrics.gauge("event_lag", lag, group=self._group)
        return lag

    async def leave(self, partitions: Iterable[TopicPartition]) -> None:
        """Nothing more of these is received; what runs gets its time; commits of them come to nothing afterwards."""
        names = frozenset(map(self._lane_name, partitions))
        self._is_joining = True
        if not names:
            return
        self._buffer = deque(delivery for delivery in self._buffer if delivery.lane not in names)
        if self._on_leaving is not None:
            try:
                async with asyncio.timeout(self._timing.leaving_seconds):
                    await self._on_leaving(names)
            except Exception as error:
                _log.warning("lanes left in haste", action="kafka.leave", group=self._group, reason=repr(error))
        for name in names:
            self._lanes.pop(name, None)
        self._moved_at = asyncio.get_running_loop().time()

    def arrive(self) -> None:
        """The group has come together; which lanes are this process's shows with what is fetched."""
        self._is_joining = False
        self._moved_at = asyncio.get_running_loop().time()
        self._assigned.set()

    async def _commit(self, offsets: dict[TopicPartition, int]) -> None:
        """One attempt of the driver's.

        Its public `commit` tries for ever, also after the group has come together anew, when the lanes may be
        another process's, whose position it would set back; and it cannot be interrupted.
        """
        coordinator = self._consumer._coordinator
        await coordinator.ensure_coordinator_known()
        try:
            await coordinator._do_commit_offsets(None, {one: OffsetAndMetadata(at, "") for one, at in offsets.items()})
        except (errors.UnknownMemberIdError, errors.IllegalGenerationError, errors.RebalanceInProgressError) as error:
            raise _LanesLeft("The lanes are another process's, or will be.") from error

    async def _poll(self) -> None:
        """Goes on whatever the handlers do, so that the group sees a member that lives."""
        clock = asyncio.get_running_loop().time
        self._moved_at = clock()
        try:
            while True:
                for partition, messages in (await self._fetched()).items():
                    self._take(partition, messages)
                    self._moved_at = clock()
        except (errors.KafkaError, errors.ConsumerStoppedError, OSError) as error:
            self._fail(self._connection.translated(error, f"be read by the group {self._group_id}"))
        except asyncio.CancelledError:
            raise
        except Exception as error:
            _log.error("the driver fell", action="kafka.poll", group=self._group, exc_info=error)
            self._fail(Unavailable(f"The consumer of the group {self._group_id} fell: {error!r}"))

    async def _fetched(self) -> Mapping[TopicPartition, Sequence[Any]]:
        """Of lanes that have room. (The driver's own pause would throw away what it has fetched ahead.)"""
        timing, most = self._timing, self._timing.uncommitted
        full = {lane.partition for lane in self._lanes.values() if lane.last - lane.committed >= most}
        roomy = self._consumer.assignment() - full
        if roomy or not full:
            only, seconds = (roomy, timing.poll_with_pauses_seconds) if full else ((), timing.poll_seconds)
            batch: dict[Any, list[Any]] = await self._consumer.getmany(
                *only, timeout_ms=int(seconds * 1000), max_records=most
            )
            return batch
        self._room.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timing.poll_seconds):
                await self._room.wait()
        return {}

    def _take(self, partition: TopicPartition, messages: Sequence[Any]) -> None:
        name = self._lane_name(partition)
        lane = self._lanes.get(name)
        if lane is None:
            first = messages[0].offset
            lane = self._lanes[name] = _Lane(partition, last=first - 1, committed=first - 1)
        lane.last = messages[-1].offset
        # A message without a value is nobody's event, but it must be passed like one.
        self._buffer.extend(Delivery(name, message.offset, message.value or b"") for message in messages)
        self._news.set()

    async def _watch(self) -> None:
        """The driver can fall silent after a restart of the server, and tells nobody.

        While the server is away it is left alone: when it is back the member goes on where it was, whereas a new
        one would wait until the session of the old one ends.
        """
        clock = asyncio.get_running_loop().time
        patience = self._timing.stalled_seconds
        while self._failure is None:
            await asyncio.sleep(min(self._timing.watch_seconds, patience / 3))
            try:
                lag = await self.lag()
            except Unavailable:
                self._moved_at = clock()
                continue
            idle = clock() - self._moved_at
            is_busy = bool(self._buffer) or any(lane.last > lane.committed for lane in self._lanes.values())
            if lag > 0 and idle > patience and not is_busy and await self._is_behind(idle):
                self._metrics.count("event_consumers_recreated_total", group=self._group)
                _log.warning("a consumer stands still", action="kafka.stalled", group=self._group, lag=lag)
                self._fail(Unavailable(f"The consumer of the group {self._group_id} stood still with lag {lag}."))

    async def _is_behind(self, idle_seconds: float) -> bool:
        """Whether there is something for this process: the lag may be other members'."""
        if self._is_joining:
            return idle_seconds > self._timing.stalled_seconds + self._timing.rebalance_seconds
        assigned = list(self._consumer.assignment())
        try:
            ends = await self._topics.ends(assigned)
            async with asyncio.timeout(1):
                return any([await self._consumer.position(one) < ends[one] for one in assigned])
        except TimeoutError:
            return True  # it does not even know where to begin
        except (Unavailable, errors.KafkaError):
            return False

    def _fail(self, error: DomainError) -> None:
        if self._failure is None:
            self._failure = error if isinstance(error, Unavailable) else Unavailable(error.detail)
        self._news.set()
        self._assigned.set()

    def _lane_name(self, partition: TopicPartition) -> str:
        return f"{partition.topic.removeprefix(self._connection.prefix)}:{partition.partition}"


class _LanesLeft(DomainError):
    """An answer, to the guard: the server is well."""


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka has no types
    """The driver calls it, and awaits what it gets before it goes on with the rebalance."""

    def __init__(self, subscription: KafkaSubscription) -> None:
        self._subscription = subscription

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        await self._subscription.leave(revoked)

    def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        self._subscription.arrive()
