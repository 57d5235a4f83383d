"""Publishing and consuming through EventBus on Kafka, against bare aiokafka in the same run.

Six partitions, events of 300 to 400 bytes in batches of 100, `acks=all`, idempotent; both consumers commit a
hundred times a second. The server is the one of SEOGA_TEST_KAFKA, else of `make servers`.
"""

import asyncio
import gc
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from benchmarks.figures import Figure, at_least, median
from shared.events.delivery import DeadLetterReplayed
from shared.events.envelope import Envelope, wrap
from shared.infrastructure.kafka.subscription import KafkaTiming
from shared.kernel import new_id

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from kafka_builders import a_kafka_bus, an_installation, kafka_settings
from servers import kafka_url

_EVENTS: Final = 60_000
_BATCH: Final = 100
_ROUNDS: Final = 3
_COMMIT_EVERY_SECONDS: Final = 0.01
_LEAST: Final = 0.7


def _envelopes() -> list[Envelope]:
    return [
        wrap(
            DeadLetterReplayed(
                group="bench", dead_letter_id=new_id(), subject="x", document_id=None, document_version=None
            ),
            producer="b",
        )
        for _ in range(_EVENTS)
    ]


async def _rate(run: Callable[[], Awaitable[object]]) -> float:
    started = time.perf_counter()
    await run()
    return _EVENTS / (time.perf_counter() - started)


async def _bare_publishing(topic: str, records: Sequence[tuple[bytes, bytes]]) -> float:
    producer = AIOKafkaProducer(bootstrap_servers=_server(), acks="all", enable_idempotence=True)
    await producer.start()

    async def publish(records: Sequence[tuple[bytes, bytes]]) -> None:
        for first in range(0, len(records), _BATCH):
            batch = records[first : first + _BATCH]
            await asyncio.gather(*[await producer.send(topic, value, key=key) for key, value in batch])

    try:
        await publish(records[:_BATCH])
        return await _rate(lambda: publish(records))
    finally:
        await producer.stop()


async def _bare_consuming(topic: str, group: str) -> float:
    consumer = AIOKafkaConsumer(
        topic, bootstrap_servers=_server(), group_id=group, enable_auto_commit=False, auto_offset_reset="earliest"
    )
    await consumer.start()

    async def consume() -> None:
        count, committed_at = 0, time.perf_counter()
        positions: dict[TopicPartition, int] = {}
        while count < _EVENTS:
            for partition, messages in (await consumer.getmany(timeout_ms=500, max_records=512)).items():
                for message in messages:
                    positions[partition] = message.offset + 1
                    count += 1
            if time.perf_counter() - committed_at > _COMMIT_EVERY_SECONDS:
                await consumer.commit(positions)
                committed_at = time.perf_counter()
        await consumer.commit()

    try:
        return await _rate(consume)
    finally:
        await consumer.stop()


async def _publishing(bus: Any, envelopes: Sequence[Envelope]) -> float:
    async def publish(envelopes: Sequence[Envelope]) -> None:
        for first in range(0, len(envelopes), _BATCH):
            await bus.publish(*envelopes[first : first + _BATCH])

    await publish(envelopes[:_BATCH])
    return await _rate(lambda: publish(envelopes))


async def _consuming(bus: Any, topic: str, group: str) -> float:
    async with bus.subscribe(group, [topic]) as subscription:

        async def commit_now_and_then(positions: dict[str, int]) -> None:
            while True:
                await asyncio.sleep(_COMMIT_EVERY_SECONDS)
                await subscription.commit(dict(positions))

        async def consume() -> None:
            count = 0
            positions: dict[str, int] = {}
            committing = asyncio.create_task(commit_now_and_then(positions))
            while count < _EVENTS:
                for delivery in await subscription.receive(128):
                    positions[delivery.lane] = delivery.position
                    count += 1
            committing.cancel()
            await asyncio.gather(committing, return_exceptions=True)
            await subscription.commit(positions)

        return await _rate(consume)


def _server() -> str:
    return kafka_url().removeprefix("kafka://")


async def _measured() -> dict[str, list[float]]:
    """Rates of each round; bare and through the bus by turns, so that both meet the same machine."""
    rates: dict[str, list[float]] = {name: [] for name in ("bare publish", "publish", "bare consume", "consume")}
    envelopes = _envelopes()
    topic = DeadLetterReplayed.topic
    records = [(envelope.key.encode(), envelope.to_json()) for envelope in envelopes]
    # What is kept here for the measurement is not looked through again and again while it lasts.
    gc.freeze()
    async with (
        an_installation() as ours,
        an_installation() as bare,
        a_kafka_bus(kafka_settings(ours, kafka_partitions=6), timing=KafkaTiming(uncommitted=4096)) as bus,
        a_kafka_bus(kafka_settings(bare, kafka_partitions=6)),
    ):
        for number in range(_ROUNDS):
            rates["bare publish"].append(await _bare_publishing(f"{bare}.{topic}", records))
            rates["publish"].append(await _publishing(bus, envelopes))
            rates["bare consume"].append(await _bare_consuming(f"{bare}.{topic}", f"{bare}.{number}"))
            rates["consume"].append(await _consuming(bus, topic, f"bench-{number}"))
    return rates


def measure() -> list[Figure]:
    """Events a second."""
    rates = {name: median(seen) for name, seen in asyncio.run(_measured()).items()}
    return [
        at_least("K1", "publish on Kafka, batches of 100", rates["publish"], "events/s", rates["bare publish"], _LEAST),
        at_least("K2", "consume from Kafka", rates["consume"], "events/s", rates["bare consume"], _LEAST),
    ]
