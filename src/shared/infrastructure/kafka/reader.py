"""Reads partitions from positions of its own, without a group: tails and the table of dead letters."""

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition, errors

from shared.infrastructure.kafka.connection import KafkaConnection
from shared.infrastructure.kafka.topics import KafkaTopics
from shared.kernel import Unavailable
from shared.runtime.backoff import Backoff
from shared.telemetry import get_log

_BATCH: Final = 500
_log = get_log("kafka")


class KafkaReader:
    """Used by one task at a time. A server that goes away and comes back costs time, but no message it keeps."""

    def __init__(
        self,
        connection: KafkaConnection,
        topics: KafkaTopics,
        *,
        stalled_seconds: float,
        request_seconds: float,
        longest_wait_seconds: float = 1.0,
    ) -> None:
        """`stalled_seconds` and `request_seconds` as in KafkaTiming."""
        self.positions: dict[TopicPartition, int] = {}
        """Of what is read next; what is not there any more is passed over."""
        self._connection = connection
        self._topics = topics
        self._stalled_seconds = stalled_seconds
        self._request_seconds = request_seconds
        self._longest_wait_seconds = longest_wait_seconds
        self._consumer: Any = None
        self._backoff = Backoff(0.1, 2.0)
        self._moved_at = 0.0

    async def close(self) -> None:
        """Bounded."""
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            await self._connection.discard(consumer)

    def read(self, partitions: dict[TopicPartition, int]) -> None:
        """Also reads these from now on, from these positions."""
        self.positions |= partitions
        if self._consumer is not None:
            self._assign(self._consumer)

    async def next(self, limit: int = _BATCH) -> Sequence[Any]:
        """At most `limit` messages of the driver; none after `longest_wait_seconds` without any. Never fails."""
        clock = asyncio.get_running_loop().time
        try:
            if self._consumer is None:
                await self._open()
                self._moved_at = clock()
            batch = await self._consumer.getmany(timeout_ms=int(self._longest_wait_seconds * 1000), max_records=limit)
        except (errors.KafkaError, errors.ConsumerStoppedError, OSError) as error:
            _log.info("reading again", action="kafka.read", reason=str(error))
            self._drop()
            await asyncio.sleep(self._backoff.next_seconds())
            return ()
        if batch:
            self._backoff.reset()
            self._moved_at = clock()
            self.positions |= {partition: messages[-1].offset + 1 for partition, messages in batch.items()}
        else:
            await self._pass_over_gaps()
        if clock() - self._moved_at > self._stalled_seconds:
            self._moved_at = clock()
            if await self._is_behind():
                self._drop()
        return [message for messages in batch.values() for message in messages]

    async def _pass_over_gaps(self) -> None:
        """What was deleted leaves positions that no message fills."""
        with contextlib.suppress(TimeoutError, errors.KafkaError):
            async with asyncio.timeout(self._longest_wait_seconds):
                for partition, position in self.positions.items():
                    self.positions[partition] = max(position, await self._consumer.position(partition))

    async def _is_behind(self) -> bool:
        """The driver's background task can end and tell nobody."""
        try:
            ends = await self._topics.ends(list(self.positions))
        except Unavailable:
            return False
        return any(ends[partition] > position for partition, position in self.positions.items())

    async def _open(self) -> None:
        options = {**self._connection.options, "request_timeout_ms": int(self._request_seconds * 1000)}
        consumer = AIOKafkaConsumer(**options, auto_offset_reset="earliest")
        try:
            await self._connection.start(consumer)
        except BaseException:
            self._connection.discard(consumer)
            raise
        self._consumer = consumer
        self._assign(consumer)

    def _assign(self, consumer: Any) -> None:
        consumer.assign(list(self.positions))
        for partition, position in self.positions.items():
            consumer.seek(partition, position)

    def _drop(self) -> None:
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            self._connection.discard(consumer)
