"""Whether a Kafka takes an event and gives it back."""

import time
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition

from shared.infrastructure.kafka.client import KafkaClient
from shared.infrastructure.kafka.connection import WAITING_CANNOT_MEND, KafkaConnection
from shared.infrastructure.kafka.topics import KafkaTopics
from shared.kernel import Unavailable
from shared.runtime.round_trip import RoundTrip

_TOPIC: Final = "probes.v1"
_KEY: Final = b"probe"


class KafkaProbe:
    """Publishes to a topic of its own, of which the server keeps the latest, and reads that back without a group."""

    def __init__(
        self,
        connection: KafkaConnection,
        topics: KafkaTopics,
        producer: KafkaClient,
        *,
        every_seconds: float = 10.0,
        refused_seconds: float = 600.0,
    ) -> None:
        """Where the topic may not be made or used, it is tried again only after `refused_seconds`."""
        self._topic = connection.prefix + _TOPIC
        self._topics = topics
        self._producer = producer
        self._consumer = KafkaClient(
            connection, lambda: AIOKafkaConsumer(**connection.options, auto_offset_reset="latest")
        )
        self._trip = RoundTrip(self._go, every_seconds=every_seconds)
        self._refused_seconds = refused_seconds
        self._refused_until = 0.0

    async def close(self) -> None:
        """Bounded."""
        await self._consumer.close()

    async def look(self) -> bool:
        """Whether it was proven; False where this user may not. Raises Unavailable."""
        if time.monotonic() < self._refused_until:
            return False
        try:
            await self._trip.look()
        except Unavailable as error:
            if error.specific_code not in WAITING_CANNOT_MEND:
                raise
            # A server whose topics are made by hand does its work all the same; each refusal counts as a failure of it.
            self._refused_until = time.monotonic() + self._refused_seconds
            return False
        return True

    async def _go(self) -> None:
        await self._topics.ensure([self._topic], keeps_latest=True)
        said = await self._producer.call(
            lambda producer: producer.send_and_wait(self._topic, b"", key=_KEY, partition=0), "take events"
        )
        await self._consumer.call(lambda consumer: _read(consumer, self._topic, said.offset), "give events back")


async def _read(consumer: Any, topic: str, offset: int) -> None:
    """Its caller sets the time."""
    partition = TopicPartition(topic, 0)
    consumer.assign([partition])
    try:
        consumer.seek(partition, offset)
        while (await consumer.getone(partition)).offset < offset:
            pass
    finally:
        # Otherwise it goes on fetching what nobody takes.
        consumer.unsubscribe()
