"""Servers that are not what the settings say, and strangers' messages: one clear line each, never a traceback."""

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
import pytest
from aiokafka import AIOKafkaProducer
from command_line import command, seoga_process
from redis_builders import a_redis
from server_mode import Installation, an_installation
from servers import kafka_sasl_url
from tcp_proxy import TcpProxy, kafka_behind_a_proxy

from builders import an_envelope, eventually
from shared.runtime.data_directory import DataDirectory

pytestmark = [pytest.mark.servers, pytest.mark.timeout(180)]
_SECONDS: Final = 60


@pytest.fixture
def installation() -> Iterator[Installation]:
    with an_installation(log_level="warning") as one:
        yield one


@pytest.fixture
def other() -> Iterator[Installation]:
    with an_installation(log_level="warning") as one:
        yield one


class Serving:
    """`seoga serve`, and what it said once it has ended."""

    def __init__(self, client: httpx.AsyncClient, process: "subprocess.Popen[str]") -> None:
        self.client = client
        self.errors = ""
        self._process = process

    async def end(self) -> None:
        """In order; fills `errors`."""
        self._process.terminate()
        _, self.errors = await asyncio.to_thread(self._process.communicate, timeout=_SECONDS)

    async def is_ready(self) -> bool:
        return (await self.client.get("/health/ready")).status_code == 200

    async def takes_and_finds(self, name: str, text: str) -> str:
        """The document's id, once it is found."""
        answer = await self.client.put(f"/api/v1/documents/default/{name}", content=text)
        assert answer.status_code == 202, answer.text
        document_id = str(answer.json()["id"])

        async def is_found() -> bool:
            asked = await self.client.post("/api/v1/search", json={"query": text, "mode": "keyword"})
            return document_id in {hit["document"]["id"] for hit in asked.raise_for_status().json()["hits"]}

        await eventually(is_found, timeout_seconds=_SECONDS, every_seconds=0.1)
        return document_id


@asynccontextmanager
async def serving(data_dir: Path, **variables: str) -> AsyncIterator[Serving]:
    """Its proxies are in this thread, which therefore never waits for it."""
    process = command(data_dir, "serve", "--port", "0", **variables)
    try:

        def listens() -> str:
            assert process.poll() is None
            server = DataDirectory(data_dir).server()
            return server.url if server else ""

        try:
            url = await eventually(listens, timeout_seconds=_SECONDS, every_seconds=0.05)
        except AssertionError:
            process.kill()
            raise AssertionError((await asyncio.to_thread(process.communicate))[1]) from None
        async with httpx.AsyncClient(base_url=url, timeout=_SECONDS) as client:
            yield (server := Serving(client, process))
        if process.poll() is None:
            await server.end()
    finally:
        if process.poll() is None:
            process.kill()
            await asyncio.to_thread(process.communicate)


def _the_one_line(errors: str, *said: str) -> str:
    lines = [line for line in errors.splitlines() if line.strip()]
    assert len(lines) == 1, errors
    assert all(words in lines[0] for words in said), lines[0]
    return lines[0]


def test_a_wrong_kafka_password_is_told_at_the_start(installation: Installation, tmp_path: Path) -> None:
    variables = {
        **installation.variables,
        "SEOGA_EVENTS_URL": kafka_sasl_url(),
        "SEOGA_KAFKA_USER": "seoga",
        "SEOGA_KAFKA_PASSWORD": "not-the-password",
    }
    _, errors = seoga_process(tmp_path, "serve", "--port", "0", code=1, **variables)
    line = _the_one_line(errors, "SEOGA_KAFKA_PASSWORD", kafka_sasl_url(), "Check")
    assert "not-the-password" not in line


def test_a_user_without_rights_is_told_at_the_start(installation: Installation, tmp_path: Path) -> None:
    variables = {
        **installation.variables,
        "SEOGA_EVENTS_URL": kafka_sasl_url(),
        "SEOGA_KAFKA_USER": "guest",
        "SEOGA_KAFKA_PASSWORD": "guest-password",
    }
    _, errors = seoga_process(tmp_path, "serve", "--port", "0", code=1, **variables)
    assert "guest-password" not in _the_one_line(errors, "SEOGA_KAFKA_USER", kafka_sasl_url(), "Grant")


@pytest.mark.parametrize(
    ("variable", "url", "remedy"),
    [
        ("SEOGA_EVENTS_URL", "http://127.0.0.1:9092", "kafka:"),
        ("SEOGA_EVENTS_URL", "kafka://127.0.0.1:9092/topic", "host and port"),
        ("SEOGA_STORE_URL", "mongodb://127.0.0.1:nowhere", ""),
        ("SEOGA_INDEX_URL", "qdrant://", "qdrant://host:6333"),
        ("SEOGA_CACHE_URL", "redis://127.0.0.1:6379/many", "redis://user:password@host:6379/0"),
    ],
)
def test_a_url_that_is_none_is_told_at_the_start(
    installation: Installation, tmp_path: Path, variable: str, url: str, remedy: str
) -> None:
    _, errors = seoga_process(tmp_path, "serve", "--port", "0", code=1, **{**installation.variables, variable: url})
    _the_one_line(errors, variable, url, remedy)


async def test_servers_that_are_away_at_the_start_are_waited_for(installation: Installation, tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        kafka, kafka_url = await stack.enter_async_context(kafka_behind_a_proxy())
        proxies, addresses = [kafka], [kafka_url.partition("//")[2]]
        variables = {**installation.variables, "SEOGA_EVENTS_URL": kafka_url, "SEOGA_SERVER_TIMEOUT_SECONDS": "2"}
        for variable in ("SEOGA_STORE_URL", "SEOGA_CACHE_URL", "SEOGA_INDEX_URL"):
            parts = urlsplit(variables[variable])
            if not parts.port:
                continue
            proxy = await stack.enter_async_context(TcpProxy("127.0.0.1", parts.port))
            proxies.append(proxy)
            addresses.append(f"127.0.0.1:{proxy.port}")
            variables[variable] = f"{parts.scheme}://127.0.0.1:{proxy.port}"
        for proxy in proxies:
            await proxy.cut()
        async with serving(tmp_path, **variables) as server:
            assert (await server.client.get("/health/live")).status_code == 200
            answer = await server.client.get("/health/ready")
            assert answer.status_code == 503
            away = [one["detail"] for one in answer.json()["components"].values() if not one["ready"]]
            for address in addresses:
                assert any(address in detail for detail in away), (address, away)
            refused = await server.client.put("/api/v1/documents/default/early.txt", content="Too early.")
            assert refused.status_code == 503 and refused.headers["retry-after"]
            for proxy in proxies:
                await proxy.restore()
            await eventually(server.is_ready, timeout_seconds=_SECONDS, every_seconds=0.1)
            await server.takes_and_finds("late.txt", "A note about patience and Waitingstone.")
        assert "Traceback" not in server.errors, server.errors
        assert len(server.errors.splitlines()) < 40, server.errors


async def test_strangers_messages_are_put_aside_and_the_rest_flows(installation: Installation, tmp_path: Path) -> None:
    async with serving(tmp_path, **installation.variables) as server:
        await server.takes_and_finds("before.txt", "A note about Beforestone.")
        newer = json.loads(an_envelope().to_json())
        newer |= {"version": newer["version"] + 98, "key": "11111111-1111-4111-8111-111111111111"}
        strange: list[bytes | None] = [b"\x00\xffnot ours", json.dumps(newer).encode(), b'{"name": "half"}', None]
        producer = AIOKafkaProducer(bootstrap_servers=installation.kafka.partition("//")[2])
        await producer.start()
        for value in strange:
            topic = f"{installation.name}.ingest.document.v1"
            await producer.send_and_wait(topic, value, key=b"11111111-1111-4111-8111-111111111111")
        await producer.stop()
        document_id = await server.takes_and_finds("after.txt", "A note about Afterstone.")

        async def letters() -> list[dict[str, Any]]:
            answer = (await server.client.get("/api/v1/monitor/dead-letters", params={"limit": 100})).json()["items"]
            # Of each of the three that read the topic.
            assert {letter["module"] for letter in answer} == {"process", "search", "monitor"}
            assert len(answer) == 3 * len(strange), [(one["module"], one["subject"], one["reason"]) for one in answer]
            return list(answer)

        put_aside = await eventually(letters, timeout_seconds=_SECONDS, every_seconds=0.2)
        assert any("version" in letter["reason"] and "99" in letter["reason"] for letter in put_aside), put_aside
        shown = (await server.client.get(f"/api/v1/documents/{document_id}")).json()
        assert shown["status"] == "searchable"
        assert await server.is_ready()
    assert "Traceback" not in server.errors, server.errors


async def test_two_installations_do_not_share_a_database(
    installation: Installation, other: Installation, tmp_path: Path
) -> None:
    store = {"SEOGA_STORE_URL": f"{installation.mongo}/{installation.name}"}
    async with serving(tmp_path / "one", **{**installation.variables, **store}) as server:
        document_id = await server.takes_and_finds("ours.txt", "A note about Ownerstone.")
        arguments = ("serve", "--port", "0")
        _, errors = await asyncio.to_thread(
            seoga_process, tmp_path / "two", *arguments, code=1, **{**other.variables, **store}
        )
        _the_one_line(errors, "SEOGA_STORE_URL", installation.name, other.name, "Name another database")
        assert (await server.client.get(f"/api/v1/documents/{document_id}")).json()["status"] == "searchable"
        assert await server.is_ready()


async def test_a_full_redis_is_told_and_done_without(installation: Installation, tmp_path: Path) -> None:
    async with a_redis(tmp_path, "--maxmemory", "1", "--maxmemory-policy", "noeviction") as url:
        variables = {**installation.variables, "SEOGA_CACHE_URL": url}
        async with serving(tmp_path / "data", **variables) as server:
            await server.takes_and_finds("full.txt", "A note about Brimstone and fullness.")
            for _ in range(20):
                answer = await server.client.post("/api/v1/search", json={"query": "Brimstone"})
                assert answer.status_code == 200 and answer.json()["hits"]

            async def is_told() -> bool:
                health = (await server.client.get("/health/ready")).raise_for_status().json()
                cache = health["components"]["shared.cache"]
                assert not cache["ready"] and not cache["required"]
                for words in (url, "SEOGA_CACHE_URL", "command not allowed", "raise maxmemory"):
                    assert words in cache["detail"], cache
                return True

            # A report is kept for a second, and the cache is written after a search is answered.
            await eventually(is_told, timeout_seconds=_SECONDS, every_seconds=0.1)
        assert server.errors.count("command not allowed") == 1, server.errors
        assert "Traceback" not in server.errors, server.errors
