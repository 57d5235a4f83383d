"""A Kafka bus of one test's own: an installation that nobody else uses, removed afterwards."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from aiokafka.admin import AIOKafkaAdminClient
from servers import kafka_url

from shared.infrastructure.kafka.event_bus import KafkaEventBus
from shared.infrastructure.kafka.subscription import KafkaTiming
from shared.infrastructure.prometheus_metrics import PrometheusMetrics
from shared.kernel import new_id
from shared.runtime.resilience import Remotes
from shared.settings import Settings

# A session may not be shorter than what servers allow (6 s by default).
QUICK: Final = KafkaTiming(session_seconds=6, rebalance_seconds=10, heartbeat_seconds=0.05, leaving_seconds=5)


def kafka_settings(installation: str, **changes: Any) -> Settings:
    """Of a real Kafka; three lanes a topic."""
    given = {"events_url": kafka_url(), "kafka_partitions": 3, "installation": installation}
    return Settings(**{**given, **changes})


def a_kafka_bus(
    settings: Settings, *, timing: KafkaTiming = QUICK, metrics: PrometheusMetrics | None = None
) -> KafkaEventBus:
    """As another process has it: with guards of its own."""
    metrics = metrics or PrometheusMetrics()
    return KafkaEventBus(settings, Remotes(metrics), metrics, timing=timing)


@asynccontextmanager
async def an_installation() -> AsyncIterator[str]:
    """Its name; its topics are deleted in the end."""
    name = f"t{new_id()[:8]}"
    url = kafka_url()
    try:
        yield name
    finally:
        admin = AIOKafkaAdminClient(bootstrap_servers=url.removeprefix("kafka://"))
        await admin.start()
        try:
            topics = [topic for topic in await admin.list_topics() if topic.startswith(f"{name}.")]
            if topics:
                await admin.delete_topics(topics)
        finally:
            await admin.close()
