"""Which topics and partitions there are, how far they go, how far groups have come; missing topics are made."""

import asyncio
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition, errors
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from shared.infrastructure.kafka.client import KafkaClient
from shared.infrastructure.kafka.connection import LARGEST_MESSAGE_BYTES, KafkaConnection
from shared.kernel import Unavailable
from shared.settings import Settings
from shared.telemetry import get_log

_REMEDIES: Final[Mapping[type[BaseException], str]] = {
    errors.InvalidReplicationFactorError: "SEOGA_KAFKA_REPLICAS is more than it has brokers",
    errors.InvalidPartitionsError: "SEOGA_KAFKA_PARTITIONS is not to its liking",
    errors.PolicyViolationError: "its policy forbids SEOGA_KAFKA_PARTITIONS, SEOGA_KAFKA_REPLICAS or the retention",
    errors.InvalidConfigurationError: "SEOGA_EVENTS_RETENTION_SECONDS is not to its liking",
}
_log = get_log("kafka")


class KafkaTopics:
    """Names here are those on the server, with the installation's prefix. Everything raises Unavailable."""

    def __init__(
        self,
        connection: KafkaConnection,
        settings: Settings,
        *,
        until_shown_seconds: Sequence[float] = (0.0, 0.05, 0.1, 0.2, 0.4),
    ) -> None:
        """`until_shown_seconds` are the pauses before each look for topics that another process has just made."""
        self._connection = connection
        self._settings = settings
        self._until_shown_seconds = until_shown_seconds
        self._admin = KafkaClient(connection, lambda: AIOKafkaAdminClient(**connection.options))
        # It reads nothing: the connection of one that reads may be busy with a fetch that waits for news.
        self._asking = KafkaClient(connection, lambda: AIOKafkaConsumer(**connection.options))
        self._partitions: dict[str, list[TopicPartition]] = {}

    async def close(self) -> None:
        """Bounded."""
        await asyncio.gather(self._admin.close(), self._asking.close())

    async def ensure(self, topics: Iterable[str], *, keeps_latest: bool = False) -> None:
        """Makes the topics that are not there; those that exist are left as they are.

        `keeps_latest`: one partition, and of each key the latest message is kept for ever; otherwise partitions
        and retention are the settings'.
        """
        wanted = {topic for topic in topics if topic not in self._partitions}
        if not wanted:
            return
        self._partitions.update(await self._existing())
        missing = [self._new_topic(topic, keeps_latest) for topic in sorted(wanted - self._partitions.keys())]
        if not missing:
            return
        made = await self._admin.call(lambda admin: self._make(admin, missing), "make topics")
        for topic in made:
            numbers = range(topic.num_partitions)
            self._partitions[topic.name] = [TopicPartition(topic.name, number) for number in numbers]
        # Another process was faster with the others, and what it has made shows a moment later.
        for pause in self._until_shown_seconds:
            if wanted <= self._partitions.keys():
                return
            await asyncio.sleep(pause)
            self._partitions.update(await self._existing())
        if not wanted <= self._partitions.keys():
            raise Unavailable(f"The Kafka at {self._connection.shown} is still making topics.")

    def partitions(self, topics: Iterable[str]) -> list[TopicPartition]:
        """Of topics that were ensured."""
        return [partition for topic in topics for partition in self._partitions[topic]]

    async def matching(self, pattern: re.Pattern[str]) -> list[TopicPartition]:
        """Every partition of every topic there is now whose whole name matches."""
        existing = await self._existing()
        return [one for topic, partitions in existing.items() if pattern.fullmatch(topic) for one in partitions]

    async def ends(self, partitions: list[TopicPartition]) -> dict[TopicPartition, int]:
        """The position of what will be published next."""
        ends: dict[TopicPartition, int] = await self._asking.call(
            lambda asking: asking.end_offsets(partitions), "tell where topics end"
        )
        return ends

    async def unread(self, group: str, topics: Iterable[str]) -> int:
        """How many messages of these topics the group has not committed."""
        partitions = self.partitions(topics)
        committed, begins, ends = await asyncio.gather(
            self._admin.call(
                lambda admin: admin.list_consumer_group_offsets(group, partitions=partitions), "tell positions"
            ),
            self._asking.call(lambda asking: asking.beginning_offsets(partitions), "tell where topics begin"),
            self.ends(partitions),
        )
        # A group that never committed has -1; what is gone by its age is not waited for.
        return sum(max(0, ends[one] - max(begins[one], committed[one].offset)) for one in partitions)

    async def brokers(self) -> int:
        """How many there are."""
        cluster = await self._admin.call(lambda admin: admin.describe_cluster(), "answer")
        return len(cluster["brokers"])

    async def cluster_id(self) -> str:
        """As the cluster was given it when it was made."""
        cluster = await self._admin.call(lambda admin: admin.describe_cluster(), "answer")
        return str(cluster["cluster_id"])

    async def _existing(self) -> dict[str, list[TopicPartition]]:
        # For all: the question after one that is missing would have it made with the server's own defaults.
        described = await self._admin.call(lambda admin: admin.describe_topics(), "list topics")
        return {
            topic["topic"]: sorted(TopicPartition(topic["topic"], each["partition"]) for each in topic["partitions"])
            for topic in described
            if topic["partitions"]
        }

    def _new_topic(self, name: str, keeps_latest: bool) -> NewTopic:
        settings = self._settings
        if keeps_latest:
            # A letter is a little larger than the event in it.
            configs = {"cleanup.policy": "compact", "max.message.bytes": str(LARGEST_MESSAGE_BYTES + (64 << 10))}
        else:
            retention = int(settings.events_retention_seconds * 1000)
            configs = {"retention.ms": str(retention), "max.message.bytes": str(LARGEST_MESSAGE_BYTES)}
        partitions = 1 if keeps_latest else settings.kafka_partitions
        return NewTopic(name, partitions, settings.kafka_replicas, topic_configs=configs)

    async def _make(self, admin: Any, topics: list[NewTopic]) -> list[NewTopic]:
        """Those that were made and did not exist."""
        made = {topic.name: topic for topic in topics}
        for name, code, *message in (await admin.create_topics(topics)).topic_errors:
            kind = errors.for_code(code)
            if kind is errors.NoError:
                continue
            words = " ".join(word for word in message if word)
            if kind is errors.TopicAlreadyExistsError:
                del made[name]
            elif kind in _REMEDIES:
                raise Unavailable(
                    f"The Kafka at {self._connection.shown} does not make the topic {name}: {_REMEDIES[kind]} "
                    f"({words}). Correct the setting, or make the topic by hand.",
                    code="not_allowed",
                )
            else:
                raise kind(f"{name}: {words}")
        _log.info("topics made", action="kafka.topics", topics=sorted(made))
        return list(made.values())
