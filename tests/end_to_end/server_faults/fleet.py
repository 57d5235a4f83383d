"""Servers of one's own behind proxies, and what can befall them: cut, black hole, slow, paused, killed."""

import asyncio
import os
import shlex
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Final, Literal

import pytest
import servers
from servers import FOLDER, Name
from servers.control import Servers
from servers.machine import CannotStart
from tcp_proxy import TcpProxy

Fault = Literal["cut", "black hole", "slow", "paused", "killed"]

SHORT_SECONDS: Final = 10.0
LONG_SECONDS: Final = float(os.environ.get("SEOGA_TEST_OUTAGE_SECONDS", "60"))
FAULTS: Final[tuple[Fault, ...]] = ("cut", "black hole", "slow", "paused", "killed")
REQUIRED: Final[tuple[Name, ...]] = ("kafka", "mongo", "redis")
_ANSWER_SECONDS: Final = 0.5
"""How much later a slow server answers."""


class Fleet:
    """Nobody else uses these servers, so that they may be spoilt."""

    def __init__(self, owned: Servers, proxies: dict[Name, TcpProxy]) -> None:
        self._owned = owned
        self._proxies = proxies

    @property
    def names(self) -> tuple[Name, ...]:
        """Those there are; Qdrant only where its program is."""
        return tuple(self._proxies)

    def address(self, name: Name) -> str:
        """As Seoga's messages name it."""
        return f"127.0.0.1:{self._proxies[name].port}"

    @property
    def settings(self) -> dict[str, str]:
        """Where Seoga finds them: through the proxies."""
        schemes: dict[Name, tuple[str, str]] = {
            "kafka": ("SEOGA_EVENTS_URL", "kafka"),
            "mongo": ("SEOGA_STORE_URL", "mongodb"),
            "redis": ("SEOGA_CACHE_URL", "redis"),
            "qdrant": ("SEOGA_INDEX_URL", "qdrant"),
        }
        urls = {schemes[name][0]: f"{schemes[name][1]}://{self.address(name)}" for name in self.names}
        return {**urls, "SEOGA_BLOBS_URL": "gridfs:", "SEOGA_KAFKA_PARTITIONS": "3"}

    async def strike(self, name: Name, fault: Fault) -> None:
        """From now on, until `heal`."""
        match fault:
            case "cut":
                await self._proxies[name].cut()
            case "black hole":
                await self._proxies[name].black_hole()
            case "slow":
                # There and back.
                await self._proxies[name].slow(_ANSWER_SECONDS / 2)
            case "paused":
                self._owned.pause(name)
            case "killed":
                await asyncio.to_thread(self._owned.kill, name)

    async def heal(self, name: Name) -> None:
        """Returns when the server answers again."""
        await asyncio.to_thread(self._owned.start, name)
        await self._proxies[name].restore()


@asynccontextmanager
async def a_fleet(folder: Path) -> AsyncIterator[Fleet]:
    """Started from the programs that `make servers` fetched; skips where it did not."""
    for url in (servers.kafka_url, servers.mongo_url, servers.redis_url):
        url()  # skips where there is none
    if not all(map(servers.is_ours, REQUIRED)):
        pytest.skip("only servers that `make servers` can start may be stopped and killed")
    owned = Servers(folder, fetched=FOLDER)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(asyncio.to_thread, _end, owned)
        ports: dict[Name, int] = {}
        for name in (*REQUIRED, "qdrant"):
            try:
                running = await asyncio.to_thread(owned.start, name)
            except CannotStart:
                if name in REQUIRED:
                    raise
                continue
            ports[name] = int(running.url.rpartition(":")[2])
        # Kafka's clients go where the broker says that it is: one of its doors says that it is where a proxy listens.
        inside, outside = _door_of_kafka(owned)
        proxies: dict[Name, TcpProxy] = {
            name: TcpProxy("127.0.0.1", inside, port=outside) if name == "kafka" else TcpProxy("127.0.0.1", port)
            for name, port in ports.items()
        }
        for proxy in proxies.values():
            await stack.enter_async_context(proxy)
        yield Fleet(owned, proxies)


def _door_of_kafka(owned: Servers) -> tuple[int, int]:
    for line in owned.write_urls().read_text().splitlines():
        name, _, value = line.partition("=")
        if name == "SEOGA_TEST_KAFKA_PROXIES":
            inside, outside = shlex.split(value)[0].split(",")[0].split(">")
            return int(inside), int(outside)
    raise AssertionError("the broker has no doors for proxies")


def _end(owned: Servers) -> None:
    for name in (*REQUIRED, "qdrant"):
        # Nothing of it is kept: no reason to let it end in order.
        with suppress(CannotStart):
            owned.kill(name)
