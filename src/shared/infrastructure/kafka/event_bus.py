"""The event bus on Kafka: durable publishing, groups, tails, dead letters. A lane is a partition of a topic."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import lru_cache, partial
from typing import Any, Final, Self

from aiokafka import AIOKafkaProducer
from aiokafka.partitioner import murmur2
from pydantic import ValidationError
from typing_extensions import override

from shared.events.catalogue import TOPICS
from shared.events.envelope import Envelope
from shared.infrastructure.dead_letters import buried_event, not_replayable
from shared.infrastructure.kafka.client import KafkaClient
from shared.infrastructure.kafka.connection import LARGEST_MESSAGE_BYTES, WAITING_CANNOT_MEND, KafkaConnection
from shared.infrastructure.kafka.dead_letters import KafkaDeadLetters
from shared.infrastructure.kafka.probing import KafkaProbe
from shared.infrastructure.kafka.reader import KafkaReader
from shared.infrastructure.kafka.subscription import KafkaSubscription, KafkaTiming
from shared.infrastructure.kafka.topics import KafkaTopics
from shared.kernel import Conflict, Unavailable
from shared.ports.event_bus import DeadLetter, EventBus, OnLeaving, Subscription
from shared.ports.health import ComponentHealth
from shared.runtime.resilience import Remotes
from shared.settings import Settings, WrongSettings, without_credentials
from shared.telemetry import Metrics, get_log

_BATCH_BYTES: Final = 256 << 10
"""Of one partition in one request."""
_TOPIC_NAME: Final = re.compile(r"[A-Za-z0-9._-]{1,200}")
_log = get_log("kafka")


class KafkaEventBus(EventBus):
    """EventBus for any number of processes: an async context manager."""

    def __init__(
        self, settings: Settings, remotes: Remotes, metrics: Metrics, *, timing: KafkaTiming | None = None
    ) -> None:
        """Connects to nothing."""
        self._metrics = metrics
        self._timing = timing or KafkaTiming()
        where = f"The Kafka at {without_credentials(settings.events_url)} (SEOGA_EVENTS_URL)"
        self._connection = KafkaConnection(settings, remotes.guard("kafka", where=where))
        self._topics = KafkaTopics(self._connection, settings)
        self._producer = KafkaClient(self._connection, self._make_producer)
        self._letters = KafkaDeadLetters(self._connection, self._topics, self._producer, self._make_reader())
        self._probe = KafkaProbe(self._connection, self._topics, self._producer)
        self._open_groups: set[str] = set()

    async def __aenter__(self) -> Self:
        """Raises WrongSettings for what waiting cannot mend; a server that is away is waited for by the calls."""
        self._connection.open()
        try:
            await self._prepare()
        except Unavailable as error:
            if error.specific_code in WAITING_CANNOT_MEND:
                await self.__aexit__()
                raise WrongSettings(error.detail) from error
            _log.warning("Kafka is away; Seoga waits for it", action="kafka.wait", reason=error.detail)
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.gather(*(one.close() for one in (self._probe, self._letters, self._producer, self._topics)))
        await self._connection.close()

    @override
    async def identity(self) -> str | None:
        """The cluster's own id, which is the same by whatever address it is reached."""
        return f"{await self._topics.cluster_id()}/{self._connection.prefix}"

    @property
    @override
    def lanes_move(self) -> bool:
        return True

    @override
    async def publish(self, *envelopes: Envelope) -> None:
        """Raises TooLarge for an envelope that the server does not take."""
        if not envelopes:
            return
        await self._prepare(envelope.topic for envelope in envelopes)
        prefix = self._connection.prefix
        records = [
            (prefix + envelope.topic, envelope.to_json(), envelope.key.encode(), _headers(envelope))
            for envelope in envelopes
        ]
        await self._send(records)

    @asynccontextmanager
    @override
    async def subscribe(
        self, group: str, topics: Sequence[str], *, on_leaving: OnLeaving | None = None
    ) -> AsyncIterator[Subscription]:
        """Raises Conflict while the group is open in this process, Unavailable."""
        if group in self._open_groups:
            raise Conflict(f"The group {group!r} is subscribed in this process already.", code="group_in_use")
        self._open_groups.add(group)
        try:
            await self._prepare(topics)
            subscription = KafkaSubscription(
                self._connection,
                self._topics,
                group,
                topics,
                on_leaving=on_leaving,
                timing=self._timing,
                metrics=self._metrics,
            )
            try:
                await subscription.open()
                yield subscription
            finally:
                await subscription.close()
        finally:
            self._open_groups.discard(group)

    @override
    def tail(self, *topics: str) -> AbstractAsyncContextManager[AsyncIterator[Envelope]]:
        return self._tail(topics)

    @override
    async def bury(self, letter: DeadLetter) -> None:
        """Of poison, the topic is the lane's."""
        await self._letters.bury(letter)

    @override
    async def dead_letters(
        self, *, group: str | None = None, after: str | None = None, limit: int = 50
    ) -> Sequence[DeadLetter]:
        return await self._letters.newest(group, after, limit)

    @override
    async def dead_letter(self, letter_id: str) -> DeadLetter:
        return await self._letters.letter(letter_id)

    @override
    async def replay(self, letter_id: str) -> DeadLetter:
        letter = await self._letters.letter(letter_id)
        envelope = buried_event(letter)
        if not _TOPIC_NAME.fullmatch(envelope.topic):
            raise not_replayable()
        await self._prepare([envelope.topic])
        topic = self._connection.prefix + envelope.topic
        await self._send([(topic, letter.raw, envelope.key.encode(), _headers(envelope))])
        return await self._letters.mark_replayed(letter_id)

    async def check(self) -> ComponentHealth:
        """For health: whether it answers now, takes an event and gives it back."""
        try:
            brokers = await self._topics.brokers()
            is_proven = await self._probe.look()
        except Unavailable as error:
            return ComponentHealth(ready=False, detail=error.detail)
        words = "" if is_proven else "; it lets nobody prove that it takes events: the topic probes.v1 is refused"
        return ComponentHealth(ready=True, detail=f"answers ({self._connection.shown}, brokers: {brokers}){words}")

    async def _prepare(self, topics: Iterable[str] = ()) -> None:
        """Every topic of the catalogue is there from the first contact on, others when they are used."""
        await self._topics.ensure(self._connection.prefix + topic for topic in (*TOPICS, *topics))

    async def _send(self, records: Sequence[tuple[str, bytes, bytes, list[tuple[str, bytes]]]]) -> None:
        async def send(producer: Any) -> None:
            sent: list[asyncio.Future[Any]] = []
            try:
                for topic, value, key, headers in records:
                    sent.append(await producer.send(topic, value, key=key, headers=headers))
                await asyncio.gather(*sent)
            finally:
                # A call that ends midway waits for none of these; without this the loop tells each failure of theirs.
                for one in sent:
                    one.cancel()

        await self._producer.call(send, "take events")

    def _make_producer(self) -> AIOKafkaProducer:
        producer = AIOKafkaProducer(
            **self._connection.options,
            acks="all",
            enable_idempotence=True,
            partitioner=_partition,
            max_batch_size=_BATCH_BYTES,
            max_request_size=LARGEST_MESSAGE_BYTES + (64 << 10),
        )
        # The driver's own way fails in an AttributeError where there is no transaction (aiokafka 0.14, Sender), and
        # the loop tells its traceback. The call that ends so replaces this producer anyway.
        producer._sender._fail_all = partial(_fail_what_waits, producer._message_accumulator)
        return producer

    def _make_reader(self) -> KafkaReader:
        timing = self._timing
        return KafkaReader(
            self._connection,
            self._topics,
            stalled_seconds=timing.stalled_seconds,
            request_seconds=timing.request_seconds,
        )

    @asynccontextmanager
    async def _tail(self, topics: Sequence[str]) -> AsyncIterator[AsyncIterator[Envelope]]:
        await self._prepare(topics)
        prefix = self._connection.prefix
        reader = self._make_reader()
        reader.read(await self._topics.ends(self._topics.partitions(prefix + topic for topic in topics)))
        try:
            yield _envelopes(reader)
        finally:
            await reader.close()


async def _envelopes(reader: KafkaReader) -> AsyncIterator[Envelope]:
    while True:
        for message in await reader.next():
            try:
                yield Envelope.from_json(message.value or b"")
            except ValidationError:
                continue  # the groups' consumers bury what cannot be read


# The driver's is in plain Python, and takes a third of what it takes to publish; a document has several events.
_hash_of: Final = lru_cache(maxsize=8192)(murmur2)


def _partition(key: bytes, all_partitions: Sequence[int], _: Sequence[int]) -> int:
    """As every Kafka client does it, so that other tools put a document's events into the same partition."""
    hashed: int = _hash_of(key)
    return all_partitions[(hashed & 0x7FFFFFFF) % len(all_partitions)]


def _fail_what_waits(accumulator: Any, sending: asyncio.Task[None]) -> None:
    if not sending.cancelled() and (error := sending.exception()) is not None:
        accumulator.fail_all(error)


def _headers(envelope: Envelope) -> list[tuple[str, bytes]]:
    return [
        ("id", envelope.id.encode()),
        ("name", envelope.name.encode()),
        ("correlation_id", envelope.correlation_id.encode()),
        ("causation_id", (envelope.causation_id or "").encode()),
    ]
