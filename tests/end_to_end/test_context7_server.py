"""The adapter of Context7 against the real MCP server from npm; the REST API behind that is a loopback stand-in."""

import asyncio
import shutil
from collections.abc import Iterator

import pytest
from context7_stand_in import DOCS, REAL_SERVER, StandIn, a_stand_in, the_real_server

from search.application.tariff import Tariff
from search.chat.application.detail_pages import DetailPageService
from search.chat.infrastructure.context7 import (
    Context7,
    Context7ApiError,
    Context7Busy,
    Context7TimeoutError,
    Context7Unavailable,
)
from search.infrastructure.kiwi_analyzer import KiwiAnalyzer
from search.infrastructure.nomenclature import PackagedNomenclature
from shared.infrastructure.memory_cache import MemoryCache
from shared.infrastructure.prometheus_metrics import PrometheusMetrics
from shared.runtime.resilience import Remotes

pytestmark = [
    pytest.mark.clients,
    pytest.mark.skipif(not REAL_SERVER.exists(), reason="there is no .clients/context7 (make test-clients)"),
    pytest.mark.skipif(shutil.which("node") is None, reason="there is no Node.js"),
]


@pytest.fixture
def upstream() -> Iterator[StandIn]:
    with a_stand_in() as one:
        yield one


@pytest.fixture
def url(upstream: StandIn) -> Iterator[str]:
    with the_real_server(upstream) as one:
        yield one


def _context7(url: str, *, quick_seconds: float = 1.8) -> Context7:
    return Context7(url, MemoryCache(1 << 20), Remotes(PrometheusMetrics()), quick_seconds=quick_seconds)


async def test_libraries_and_their_docs_come_through_the_real_server(url: str, upstream: StandIn) -> None:
    async with _context7(url) as one:
        for _ in range(2):
            assert await one.resolve_library_id_async("hs codes", "laptop") == "/wco/hs"
            assert await one.get_library_docs_async("/wco/hs", "laptop") == DOCS
    assert [call["path"] for call in upstream.asked] == ["/api/v2/libs/search", "/api/v2/context"]


@pytest.mark.parametrize(
    ("status", "error"),
    [(401, Context7ApiError), (404, Context7ApiError), (429, Context7Busy), (503, Context7Unavailable)],
)
async def test_errors_that_it_answers_as_text_are_errors(
    url: str, upstream: StandIn, status: int, error: type[Context7ApiError]
) -> None:
    upstream.status = status
    async with _context7(url) as one:
        for asking in (one.resolve_library_id_async("hs", "laptop"), one.get_library_docs_async("/wco/hs", "laptop")):
            with pytest.raises(error) as caught:
                await asking
            assert type(caught.value) is error
        upstream.status = 200
        assert await one.resolve_library_id_async("hs", "laptop", quick=True) == "/wco/hs"


async def test_a_hanging_upstream_and_five_megabytes(url: str, upstream: StandIn) -> None:
    async with _context7(url, quick_seconds=1.0) as one:
        upstream.raw = b"### " + b"a" * 5_000_000
        with pytest.raises(Context7ApiError, match="more than"):
            await one.get_library_docs_async("/wco/hs", "laptop")
        upstream.raw = None
        upstream.may_answer.clear()
        with pytest.raises(Context7TimeoutError):
            await one.get_library_docs_async("/wco/hs", "laptop", quick=True)


async def test_its_codes_become_buttons_and_its_end_ends_nothing(url: str, upstream: StandIn) -> None:
    async with KiwiAnalyzer() as analyzer, _context7(url) as one:
        await one.resolve_library_id_async("codes", "loads the library")
        service = DetailPageService(Tariff(PackagedNomenclature(), analyzer), one, library="/wco/hs")
        upstream.raw = b"### Cameras\nSource: x\nDigital cameras are of HS 8525.81."
        pages = service.prepare("HS 8471.30")
        buttons = [(button.code, button.source) async for button in pages]
        assert buttons[0] == ("847130", "question") and ("852581", "context7") in buttons
        assert pages.degraded == ()
    async with KiwiAnalyzer() as analyzer, _context7("http://127.0.0.1:1/mcp") as away:
        pages = DetailPageService(Tariff(PackagedNomenclature(), analyzer), away, library="/wco/hs").prepare("8471.30")
        assert [button.code async for button in pages] == ["847130"] and pages.degraded == ("context7",)
    assert asyncio.current_task() is not None
