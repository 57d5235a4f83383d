"""Seoga on servers, for tests: settings of an installation of its own, and its traces removed afterwards."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Final

import pytest
from servers import kafka_url, mongo_url, qdrant_url, redis_url

from shared.kernel import new_id

PREFIX: Final = "SEOGA_"


@dataclass(frozen=True, slots=True)
class Installation:
    """One installation on the servers that tests may use; the index is embedded where there is no Qdrant."""

    name: str
    kafka: str
    mongo: str
    redis: str
    qdrant: str | None
    more: dict[str, str] = field(default_factory=dict)

    @property
    def settings(self) -> dict[str, str]:
        """For `load_settings`."""
        return {
            "events_url": self.kafka,
            "store_url": self.mongo,
            "blobs_url": "gridfs:",
            "cache_url": self.redis,
            "index_url": self.qdrant or "edge:",
            "installation": self.name,
            "kafka_partitions": "3",
            # Two cores may be busy with other tests.
            "server_timeout_seconds": "10",
            **self.more,
        }

    @property
    def variables(self) -> dict[str, str]:
        """For a process."""
        return {PREFIX + name.upper(): value for name, value in self.settings.items()}


def _qdrant_if_there_is_one() -> str | None:
    try:
        return qdrant_url()
    except pytest.skip.Exception:
        return None


@contextmanager
def an_installation(**more: str) -> Iterator[Installation]:
    """Names nobody else uses; what it left on the servers is removed. Skips where a server is missing."""
    installation = Installation(
        f"t{new_id()[:8]}", kafka_url(), mongo_url(), redis_url(), _qdrant_if_there_is_one(), more
    )
    try:
        yield installation
    finally:
        asyncio.run(_remove(installation))


async def _remove(installation: Installation) -> None:
    from aiokafka.admin import AIOKafkaAdminClient
    from motor.motor_asyncio import AsyncIOMotorClient
    from redis.asyncio import Redis

    client: AsyncIOMotorClient = AsyncIOMotorClient(installation.mongo)  # type: ignore[type-arg]  # the driver's own type has no arguments at run time
    await client.drop_database(installation.name)
    client.close()
    admin = AIOKafkaAdminClient(bootstrap_servers=installation.kafka.removeprefix("kafka://"))
    await admin.start()
    with suppress(Exception):  # what is left of a test's topics harms nobody
        topics = [topic for topic in await admin.list_topics() if topic.startswith(f"{installation.name}.")]
        if topics:
            await admin.delete_topics(topics)
    await admin.close()
    async with Redis.from_url(installation.redis) as redis:
        async for key in redis.scan_iter(f"{installation.name}:*"):
            await redis.delete(key)
    if installation.qdrant is not None:
        import httpx

        async with httpx.AsyncClient(base_url=installation.qdrant.replace("qdrant:", "http:"), timeout=60) as qdrant:
            collections = (await qdrant.get("/collections")).json()["result"]["collections"]
            for collection in collections:
                if collection["name"].startswith(f"{installation.name}-"):
                    await qdrant.delete(f"/collections/{collection['name']}")
