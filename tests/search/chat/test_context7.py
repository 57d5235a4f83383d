"""Context7 over MCP: what its answers mean, what is remembered, and that nothing it does hurts."""

import socket
import time
from collections.abc import AsyncIterator, Iterator

import pytest
from context7_stand_in import DOCS, FOUND, StandIn, a_stand_in

from search.chat.infrastructure.context7 import (
    Context7,
    Context7ApiError,
    Context7Busy,
    Context7TimeoutError,
    Context7Unavailable,
)
from shared.infrastructure.memory_cache import MemoryCache
from shared.infrastructure.prometheus_metrics import PrometheusMetrics
from shared.kernel import Unavailable
from shared.runtime.resilience import Remotes


@pytest.fixture
def server() -> Iterator[StandIn]:
    with a_stand_in() as one:
        yield one


def _context7(url: str, cache: MemoryCache | None = None, **more: float) -> Context7:
    return Context7(f"{url}/mcp", cache or MemoryCache(1 << 20), Remotes(PrometheusMetrics()), key="ctx7sk-1", **more)


@pytest.fixture
async def context7(server: StandIn) -> AsyncIterator[Context7]:
    # A machine that is busy loads the library of MCP in many seconds; what is slow is tested with times of its own.
    async with _context7(server.url, quick_seconds=60, call_seconds=60, total_seconds=60) as one:
        yield one


async def test_a_library_is_resolved_and_asked(server: StandIn, context7: Context7) -> None:
    assert await context7.resolve_library_id_async("hs codes", "laptop") == "/wco/hs"
    assert await context7.get_library_docs_async("/wco/hs", "laptop") == DOCS
    assert [(one["name"], one["arguments"]) for one in server.asked] == [
        ("resolve-library-id", {"libraryName": "hs codes", "query": "laptop"}),
        ("query-docs", {"libraryId": "/wco/hs", "query": "laptop"}),
    ]
    assert all(headers["authorization"] == "Bearer ctx7sk-1" for headers in server.headers)


async def test_an_answer_is_remembered_by_query_and_library_also_by_others_of_the_cache(server: StandIn) -> None:
    cache = MemoryCache(1 << 20)
    for _ in range(2):
        async with _context7(server.url, cache, quick_seconds=60) as one:
            for library in ("/wco/hs", "/other/library"):
                assert await one.get_library_docs_async(library, "노트북", quick=True) == DOCS
    assert len(server.asked) == 2


async def test_an_answer_is_forgotten_when_it_is_old(server: StandIn) -> None:
    async with _context7(server.url, ttl_seconds=0.0, call_seconds=60, total_seconds=60) as one:
        for _ in range(2):
            await one.get_library_docs_async("/wco/hs", "laptop")
    assert len(server.asked) == 2


@pytest.mark.parametrize(
    ("text", "error", "calls"),
    [
        ("Invalid API key. Please check your API key.", Context7ApiError, 1),
        ("The library you are trying to access does not exist.", Context7ApiError, 1),
        ("Rate limited or quota exceeded. Create a free API key.", Context7Busy, 1),
        ("Request failed with status 503. Please try again later.", Context7Unavailable, 3),
        ("Error fetching library context. Please try again later. TypeError: fetch failed", Context7Unavailable, 3),
        ("", Context7ApiError, 1),
    ],
)
async def test_an_error_in_ordinary_text_is_an_error_and_never_remembered(
    server: StandIn, context7: Context7, text: str, error: type[Context7ApiError], calls: int
) -> None:
    server.says = dict.fromkeys(server.says, text)
    with pytest.raises(Context7ApiError) as caught:
        await context7.get_library_docs_async("/wco/hs", "laptop")
    assert type(caught.value) is error and isinstance(caught.value, Unavailable) == (error is not Context7ApiError)
    assert len(server.asked) == calls
    with pytest.raises(error):
        await context7.resolve_library_id_async("hs", "laptop", quick=True)
    server.says = {"query-docs": DOCS, "resolve-library-id": FOUND}
    assert await context7.get_library_docs_async("/wco/hs", "laptop") == DOCS


@pytest.mark.parametrize("text", ["No libraries found matching the provided name.", "No documentation libraries found"])
async def test_no_library_is_none(server: StandIn, context7: Context7, text: str) -> None:
    server.says["resolve-library-id"] = text
    for _ in range(2):
        assert await context7.resolve_library_id_async("hs", "laptop") is None
    assert len(server.asked) == 2


async def test_five_megabytes_are_no_documentation(server: StandIn, context7: Context7) -> None:
    server.says["query-docs"] = "### " + "a" * 5_000_000
    with pytest.raises(Context7ApiError, match="more than 1,048,576 bytes"):
        await context7.get_library_docs_async("/wco/hs", "laptop")
    assert len(server.asked) == 1


@pytest.mark.parametrize("raw", [b"", b"{", b"\xff\xfe\x00", b"[]", b'{"jsonrpc": "2.0", "id": 77, "result": {}}'])
async def test_what_is_no_mcp_is_no_answer(server: StandIn, raw: bytes) -> None:
    async with _context7(server.url, call_seconds=2, total_seconds=60) as one:
        await one.get_library_docs_async("/wco/hs", "loads the library")
        server.raw = raw
        with pytest.raises(Context7ApiError):
            await one.get_library_docs_async("/wco/hs", "laptop", quick=True)


@pytest.mark.parametrize("status", [401, 404, 500, 503])
async def test_a_status_that_says_no_is_no_answer(server: StandIn, context7: Context7, status: int) -> None:
    server.raw, server.status = b"no", status
    with pytest.raises(Context7ApiError):
        await context7.get_library_docs_async("/wco/hs", "laptop", quick=True)


async def test_one_that_hangs_is_waited_for_no_longer_than_said_and_left_alone_then(server: StandIn) -> None:
    async with _context7(server.url, quick_seconds=0.3, call_seconds=60, total_seconds=60) as one:
        await one.get_library_docs_async("/wco/hs", "loads the library")
        server.may_answer.clear()
        began = time.monotonic()
        for number in range(5):
            with pytest.raises(Context7TimeoutError):
                await one.get_library_docs_async("/wco/hs", f"laptop {number}", quick=True)
        asked = len(server.asked)
        assert time.monotonic() - began < 30
        with pytest.raises(Context7Unavailable, match="left alone for a moment"):
            await one.get_library_docs_async("/wco/hs", "laptop", quick=True)
        assert len(server.asked) == asked
        # What was remembered is there all the same.
        assert await one.get_library_docs_async("/wco/hs", "loads the library", quick=True) == DOCS


async def test_where_nobody_listens_it_is_not_available() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        async with _context7(f"http://127.0.0.1:{taken.getsockname()[1]}", quick_seconds=60) as one:
            with pytest.raises(Context7Unavailable):
                await one.resolve_library_id_async("hs", "laptop", quick=True)


async def test_one_that_is_closed_says_so(server: StandIn) -> None:
    one = _context7(server.url)
    with pytest.raises(Context7Unavailable):
        await one.resolve_library_id_async("hs", "laptop")
