"""What Context7 says, kept in Redis: for an hour, read by every process, never an error, and never in the way."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from context7_stand_in import DOCS, StandIn, a_stand_in
from redis.asyncio import Redis
from redis_builders import a_cache, removing_keys
from servers import redis_url
from tcp_proxy import TcpProxy
from whole_server import a_whole_server

from builders import eventually
from search.chat.infrastructure.context7 import Context7, Context7ApiError
from shared.infrastructure.prometheus_metrics import PrometheusMetrics
from shared.infrastructure.redis_cache import RedisCache
from shared.runtime.resilience import Remotes

pytestmark = pytest.mark.servers

HOUR_MS = 3_600_000


@pytest.fixture
def server() -> Iterator[StandIn]:
    with a_stand_in() as one:
        yield one


@pytest.fixture
async def installation() -> AsyncIterator[str]:
    async with removing_keys(redis_url()) as name:
        yield name


def _context7(server: StandIn, cache: RedisCache) -> Context7:
    # What is slow is the library of MCP, which a busy machine loads in many seconds.
    remotes = Remotes(PrometheusMetrics())
    return Context7(f"{server.url}/mcp", cache, remotes, quick_seconds=60, call_seconds=60, total_seconds=60)


@pytest.fixture
async def proxy() -> AsyncIterator[TcpProxy]:
    """Before Redis."""
    address = urlsplit(redis_url())
    assert address.hostname and address.port
    async with TcpProxy(address.hostname, address.port) as one:
        yield one


async def _kept(installation: str) -> list[int]:
    """Milliseconds that each answer has still to live."""
    async with Redis.from_url(redis_url()) as client:
        names = [name async for name in client.scan_iter(f"{installation}:c:e:context7:*")]
        assert not any("노트북".encode() in name for name in names)
        return [await client.pttl(name) for name in names]


async def test_an_answer_is_kept_for_an_hour_and_read_by_another_process(server: StandIn, installation: str) -> None:
    for _ in range(2):
        async with a_cache(redis_url(), installation) as cache, _context7(server, cache) as one:
            assert await one.get_library_docs_async("/wco/hs", "노트북", quick=True) == DOCS
    assert len(server.asked) == 1
    (left,) = await _kept(installation)
    assert HOUR_MS / 2 < left <= HOUR_MS


async def test_an_error_is_not_kept(server: StandIn, installation: str) -> None:
    server.says = dict.fromkeys(server.says, "Rate limited or quota exceeded. Create a free API key.")
    async with a_cache(redis_url(), installation) as cache, _context7(server, cache) as one:
        with pytest.raises(Context7ApiError):
            await one.get_library_docs_async("/wco/hs", "노트북")
        assert await _kept(installation) == []
        server.says = dict.fromkeys(server.says, DOCS)
        assert await one.get_library_docs_async("/wco/hs", "노트북") == DOCS
    assert len(await _kept(installation)) == 1


async def test_without_redis_it_is_asked_each_time_and_afterwards_remembered_again(
    server: StandIn, installation: str, proxy: TcpProxy
) -> None:
    async with (
        a_cache(f"redis://127.0.0.1:{proxy.port}", installation) as cache,
        _context7(server, cache) as one,
    ):
        assert await one.get_library_docs_async("/wco/hs", "노트북") == DOCS
        await proxy.cut()
        for calls in (2, 3):
            assert await one.get_library_docs_async("/wco/hs", "노트북") == DOCS
            assert len(server.asked) == calls
        await proxy.restore()

        async def remembers() -> bool:
            before = len(server.asked)
            await one.get_library_docs_async("/wco/hs", "노트북")
            return len(server.asked) == before

        await eventually(remembers)


async def test_a_redis_that_hangs_costs_a_button_seconds_once_and_then_nothing(
    server: StandIn, installation: str, proxy: TcpProxy
) -> None:
    async with (
        a_cache(f"redis://127.0.0.1:{proxy.port}", installation) as cache,
        _context7(server, cache) as one,
    ):
        await one.get_library_docs_async("/wco/hs", "loads the library")
        await proxy.black_hole()
        for number in range(3):
            assert await one.get_library_docs_async("/wco/hs", f"{number}", quick=True) == DOCS
        calls, began = len(server.asked), time.monotonic()
        for number in range(10):
            assert await one.get_library_docs_async("/wco/hs", f"later {number}", quick=True) == DOCS
        # Waiting for Redis would have taken two seconds each: one to look, one to keep.
        assert time.monotonic() - began < 10
        assert len(server.asked) == calls + 10


async def test_a_whole_server_keeps_buttons_in_redis_and_answers_without_it(
    server: StandIn, installation: str, proxy: TcpProxy, tmp_path: Path
) -> None:
    question = {"question": "노트북을 수입하면 관세율이 얼마인가요?", "remember": False}
    redis, context7 = f"redis://127.0.0.1:{proxy.port}", f"{server.url}/mcp"
    with a_whole_server(tmp_path, context7_url=context7, cache_url=redis, installation=installation) as client:

        async def told() -> str:
            # In a thread: the proxy needs this one.
            answer = await asyncio.to_thread(client.post, "/api/v1/chat", json=question)
            return answer.raise_for_status().text

        async def keeps() -> bool:
            assert "message_complete" in await told()
            return bool(await _kept(installation))

        # The first question may come too soon for the library of MCP, which takes seconds to load.
        await eventually(keeps, timeout_seconds=60)
        assert all(0 < left <= HOUR_MS for left in await _kept(installation))
        await proxy.cut()
        without = await told()
        assert "message_complete" in without and "detail_page_button_ready" in without
