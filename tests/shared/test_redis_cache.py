"""A Redis that is away, full, spoilt or not ours: a miss, soon at no cost, and health says what to do."""

import time
from collections.abc import AsyncIterator, Awaitable
from pathlib import Path
from urllib.parse import urlsplit

import msgpack
import pytest
from redis.asyncio import Redis
from redis_builders import a_cache, a_certificate, a_redis, removing_keys
from servers import redis_url
from servers.machine import free_ports
from tcp_proxy import TcpProxy

from builders import eventually
from shared.infrastructure.redis_cache import RedisCache
from shared.settings import WrongSettings


@pytest.fixture
async def proxy() -> AsyncIterator[TcpProxy]:
    """Before the Redis that tests share."""
    address = urlsplit(redis_url())
    assert address.hostname and address.port
    async with TcpProxy(address.hostname, address.port) as proxy:
        yield proxy


@pytest.fixture
async def installation() -> AsyncIterator[str]:
    async with removing_keys(redis_url()) as name:
        yield name


@pytest.fixture
async def cache(proxy: TcpProxy, installation: str) -> AsyncIterator[RedisCache]:
    """Through the proxy."""
    async with a_cache(f"redis://127.0.0.1:{proxy.port}", installation) as cache:
        yield cache


async def _seconds(call: Awaitable[object]) -> float:
    began = time.monotonic()
    await call
    return time.monotonic() - began


async def _is_back(cache: RedisCache) -> None:
    async def answers() -> bool:
        await cache.put("probe", b"1", ttl_seconds=60)
        return await cache.get("probe") == b"1"

    await eventually(answers)


async def test_a_server_that_was_never_there_stops_nobody() -> None:
    async with a_cache("redis://127.0.0.1:1") as cache:
        await cache.put("key", b"value", ttl_seconds=60, tag="tag")
        assert await cache.get("key") is None
        await cache.drop("tag")
        health = await cache.check()
    assert not health.ready
    assert not health.required
    assert "127.0.0.1:1, SEOGA_CACHE_URL" in health.detail


@pytest.mark.servers
async def test_down_is_a_miss_and_afterwards_it_works_again(cache: RedisCache, proxy: TcpProxy) -> None:
    await cache.put("key", b"value", ttl_seconds=60)
    await proxy.cut()
    for _ in range(10):
        assert await cache.get("key") is None
    await proxy.restore()
    await _is_back(cache)
    assert await cache.get("key") == b"value"
    assert (await cache.check()).ready


@pytest.mark.servers
async def test_a_black_hole_costs_a_second_at_most_and_soon_nothing(cache: RedisCache, proxy: TcpProxy) -> None:
    await _is_back(cache)
    await proxy.black_hole()
    costs = [await _seconds(cache.get("key")) for _ in range(20)]
    assert max(costs) < 1.3
    assert sum(costs) < 3.6
    assert max(costs[3:]) < 0.1
    await proxy.restore()
    await _is_back(cache)


@pytest.mark.servers
async def test_what_was_dropped_while_it_was_down_does_not_come_back(cache: RedisCache, proxy: TcpProxy) -> None:
    await cache.put("key", b"old", ttl_seconds=60, tag="tag")
    assert await cache.get("key") == b"old"
    await proxy.cut()
    await cache.drop("tag")
    await proxy.restore()
    await _is_back(cache)
    assert await cache.get("key") is None
    await cache.put("key", b"new", ttl_seconds=60, tag="tag")
    assert await cache.get("key") == b"new"


@pytest.mark.servers
async def test_a_drop_in_one_process_counts_in_another(cache: RedisCache, installation: str) -> None:
    async with a_cache(redis_url(), installation) as other:
        await cache.put("key", b"value", ttl_seconds=60, tag="tag")
        assert await other.get("key") == b"value"
        assert await other.get("key") == b"value"
        await other.drop("tag")
        assert await cache.get("key") is None


@pytest.mark.servers
async def test_an_evicted_tag_is_a_dropped_one(cache: RedisCache, installation: str) -> None:
    await cache.put("key", b"value", ttl_seconds=60, tag="tag")
    async with Redis.from_url(redis_url()) as client:
        await client.delete(f"{installation}:c:t:tag")
    assert await cache.get("key") is None
    await cache.put("other", b"value", ttl_seconds=60, tag="tag")
    assert await cache.get("key") is None
    assert await cache.get("other") == b"value"


@pytest.mark.servers
async def test_another_installation_has_its_own_entries_and_tags(cache: RedisCache) -> None:
    async with removing_keys(redis_url()) as name, a_cache(redis_url(), name) as other:
        await cache.put("key", b"ours", ttl_seconds=60, tag="tag")
        await other.put("key", b"theirs", ttl_seconds=60, tag="tag")
        await cache.drop("tag")
        assert await cache.get("key") is None
        assert await other.get("key") == b"theirs"


@pytest.mark.servers
async def test_every_key_that_is_written_expires(cache: RedisCache, installation: str) -> None:
    await cache.put("key", b"value", ttl_seconds=60, tag="tag")
    await cache.put("other", b"value", ttl_seconds=60)
    async with Redis.from_url(redis_url()) as client:
        keys = [key async for key in client.scan_iter(f"{installation}:*")]
        assert len(keys) >= 3
        assert all([await client.ttl(key) > 0 for key in keys])


@pytest.mark.servers
@pytest.mark.parametrize(
    "spoilt",
    [
        b"",
        b"not ours",
        b"\x80\x04\x95\x05",
        msgpack.packb(["tag"]),
        msgpack.packb([1, 2, 3]),
        msgpack.packb({"a": 1}),
        msgpack.packb(["gone", b"token", b"value"]),
    ],
)
async def test_a_damaged_value_is_a_miss(cache: RedisCache, installation: str, spoilt: bytes) -> None:
    async with Redis.from_url(redis_url()) as client:
        await client.set(f"{installation}:c:e:key", spoilt)
        assert await cache.get("key") is None
        await cache.put("key", b"value", ttl_seconds=60)
        assert await cache.get("key") == b"value"


@pytest.mark.servers
async def test_a_key_of_another_type_is_a_miss(cache: RedisCache, installation: str) -> None:
    async with Redis.from_url(redis_url()) as client:
        await client.rpush(f"{installation}:c:e:key", "one")
        await client.rpush(f"{installation}:c:t:tag", "one")
        assert await cache.get("key") is None
        await cache.put("key", b"value", ttl_seconds=60, tag="tag")
        assert await cache.get("key") is None
        await cache.drop("tag")
        await cache.put("key", b"value", ttl_seconds=60, tag="tag")
        assert await cache.get("key") == b"value"


@pytest.mark.servers
async def test_a_full_server_is_a_miss_and_health_says_what_to_set(tmp_path: Path) -> None:
    async with a_redis(tmp_path) as url, a_cache(url) as cache, Redis.from_url(url) as client:
        await cache.put("old", b"value", ttl_seconds=60, tag="tag")
        await client.config_set("maxmemory", 1)
        for number in range(5):
            await cache.put(f"key{number}", b"value", ttl_seconds=60)
            assert await cache.get(f"key{number}") is None
        assert await cache.get("old") == b"value"
        health = await cache.check()
        assert not health.ready
        assert not health.required
        assert "maxmemory-policy to allkeys-lru" in health.detail
        await cache.drop("tag")
        assert await cache.get("old") is None
        await client.config_set("maxmemory", 0)
        await cache.put("key", b"value", ttl_seconds=60)
        assert await cache.get("key") == b"value"
        assert (await cache.check()).ready


@pytest.mark.servers
async def test_a_replica_is_read_and_a_drop_there_is_remembered(tmp_path: Path) -> None:
    async with a_redis(tmp_path) as url, a_cache(url) as cache, Redis.from_url(url) as client:
        await cache.put("key", b"value", ttl_seconds=60, tag="tag")
        await client.replicaof("127.0.0.1", "1")
        assert await cache.get("key") == b"value"
        await cache.drop("tag")
        assert await cache.get("key") is None
        assert "name the primary" in (await cache.check()).detail
        await client.replicaof("NO", "ONE")
        assert await cache.get("key") is None
        await cache.put("key", b"new", ttl_seconds=60, tag="tag")
        assert await cache.get("key") == b"new"


@pytest.mark.servers
async def test_a_wrong_password_is_told_without_it(tmp_path: Path) -> None:
    async with a_redis(tmp_path, "--requirepass", "right-one") as url:
        bad = url.replace("redis://", "redis://:wrong-one@")
        async with a_cache(bad) as cache:
            await cache.put("key", b"value", ttl_seconds=60)
            assert await cache.get("key") is None
            health = await cache.check()
            assert not health.ready
            assert "SEOGA_CACHE_URL" in health.detail
            assert "refused user or password" in health.detail
            assert "wrong-one" not in health.detail
        async with a_cache(url) as cache:
            assert "password" in (await cache.check()).detail
        async with a_cache(url.replace("redis://", "redis://:right-one@")) as cache:
            await cache.put("key", b"value", ttl_seconds=60)
            assert await cache.get("key") == b"value"


@pytest.mark.servers
async def test_tls_to_a_server_without_it_is_told() -> None:
    async with a_cache(redis_url().replace("redis://", "rediss://")) as cache:
        assert await cache.get("key") is None
        health = await cache.check()
    assert not health.ready
    assert "SEOGA_CACHE_URL" in health.detail
    assert "TLS" in health.detail


@pytest.mark.servers
async def test_with_tls_the_certificate_is_checked(tmp_path: Path) -> None:
    ca = a_certificate(tmp_path)
    (port,) = free_ports(1)
    tls = ["--tls-port", str(port), "--tls-auth-clients", "no", "--tls-ca-cert-file", str(ca)]
    tls += ["--tls-cert-file", str(ca), "--tls-key-file", str(tmp_path / "key.pem")]
    async with a_redis(tmp_path, *tls):
        url = f"rediss://127.0.0.1:{port}"
        async with a_cache(url, tls_ca_file=ca) as cache:
            await cache.put("key", b"value", ttl_seconds=60)
            assert await cache.get("key") == b"value"
        async with a_cache(url) as cache:
            assert await cache.get("key") is None
            assert "SEOGA_TLS_CA_FILE" in (await cache.check()).detail


async def test_a_url_that_is_none_is_told_at_once() -> None:
    with pytest.raises(WrongSettings, match="SEOGA_CACHE_URL was 'redis://host:port'"):
        async with a_cache("redis://host:port"):
            pass


async def test_it_does_no_io_when_it_is_made() -> None:
    a_cache("redis://127.0.0.1:1")
