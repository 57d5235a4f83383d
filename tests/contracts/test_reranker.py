"""Reranker's promises, over a cross-encoder of this process and a server."""

import asyncio
import math
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from llm_stand_in import HEAD, Say, says, status, then_hangs
from model_builders import a_tiny_cross_encoder
from rerank_stand_in import raw_answer, rerank_server

from shared.infrastructure.prometheus_metrics import PrometheusMetrics
from shared.kernel import Unavailable
from shared.model.reranking.cross_encoder import CrossEncoder
from shared.model.reranking.server import RerankServer
from shared.ports.reranker import Reranker
from shared.runtime.resilience import Resilient
from shared.settings import Settings

QUERY = "import duty"
PASSAGES = ["tariff", "duty import tariff export", "관세 laptop", "", "a b c d duty " * 40]


def a_guard(seconds: float = 30.0, attempts: int = 2) -> Resilient:
    return Resilient(
        "rerank",
        timeout_seconds=seconds,
        total_seconds=seconds,
        attempts=attempts,
        first_pause_seconds=0.001,
        metrics=PrometheusMetrics(),
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built once for all tests of the file."""
    return a_tiny_cross_encoder(tmp_path_factory.mktemp("cross-encoder") / "model")


@pytest.fixture(params=["cross-encoder", "server"])
async def reranker(request: pytest.FixtureRequest, folder: Path) -> AsyncIterator[Reranker]:
    if request.param == "server":
        async with rerank_server() as server, RerankServer(server.url, "m", key="k", guard=a_guard()) as one:
            yield one
    else:
        data = folder.parent
        settings = Settings(data_dir=data, machine_cache_dir=data / "machine")
        local = CrossEncoder(settings, folder, PrometheusMetrics(), a_guard())
        yield local
        local.slot.close()


async def test_every_passage_has_one_number_in_its_place(reranker: Reranker) -> None:
    scores = await reranker.score(QUERY, PASSAGES)
    assert len(scores) == len(PASSAGES) and all(map(math.isfinite, scores))
    backwards = await reranker.score(QUERY, PASSAGES[::-1])
    assert backwards[::-1] == pytest.approx(scores, abs=1e-5)
    assert scores[1] == pytest.approx((await reranker.score(QUERY, [PASSAGES[1]]))[0], abs=1e-5)


async def test_no_passages_have_no_numbers(reranker: Reranker) -> None:
    assert await reranker.score(QUERY, []) == []


@pytest.mark.parametrize("text", ["\ud800 half a pair", "🙂" * 400, "\x00", "word " * 1000, "[SEP]", " "])
async def test_any_text_is_read_as_query_and_as_passage(reranker: Reranker, text: str) -> None:
    assert len(await reranker.score(text, [text, "tariff"])) == 2


async def test_many_ask_at_once_and_each_gets_its_own(reranker: Reranker) -> None:
    alone = [(await reranker.score(QUERY, [passage]))[0] for passage in PASSAGES]
    together = await asyncio.gather(*(reranker.score(QUERY, [passage]) for passage in PASSAGES * 4))
    assert [scores[0] for scores in together] == pytest.approx(alone * 4, abs=1e-5)


async def test_who_goes_away_leaves_it_well(reranker: Reranker) -> None:
    scores = await reranker.score(QUERY, PASSAGES)
    going = asyncio.ensure_future(reranker.score(QUERY, PASSAGES * 50))
    await asyncio.sleep(0)
    going.cancel()
    with pytest.raises(asyncio.CancelledError):
        await going
    assert await reranker.score(QUERY, PASSAGES) == pytest.approx(scores, abs=1e-5)


async def test_it_has_a_name_that_stays(reranker: Reranker) -> None:
    assert reranker.name and reranker.name == reranker.name


@pytest.mark.parametrize(
    "say",
    [
        status(500),
        status(503),
        status(400),
        status(422),
        then_hangs(),
        then_hangs(HEAD),
        says(b"no HTTP at all\r\n\r\n"),
        says(),
        raw_answer([]),
        raw_answer({"results": None}),
        raw_answer({"results": [{"index": 0, "relevance_score": 1.0}]}),
        raw_answer({"results": [{"index": 0, "relevance_score": 1.0}, {"index": 0, "relevance_score": 2.0}]}),
        raw_answer({"results": [{"index": 0, "relevance_score": 1.0}, {"index": 7, "relevance_score": 2.0}]}),
        raw_answer({"results": [{"index": 0, "relevance_score": 1.0}, {"index": 1, "relevance_score": "NaN"}]}),
        raw_answer({"results": [{"index": 0, "score": 1.0}, {"index": 1, "score": 2.0}]}),
    ],
)
async def test_a_server_that_is_broken_slow_or_says_something_else_is_unavailable(say: Say) -> None:
    async with (
        rerank_server(lambda *_: 0.0, *[say] * 9) as server,
        RerankServer(server.url, None, key=None, guard=a_guard(0.4)) as one,
    ):
        with pytest.raises(Unavailable):
            await one.score(QUERY, ["a", "b"])


async def test_a_server_is_asked_once_more_where_it_helps_and_as_its_api_has_it() -> None:
    async with (
        rerank_server(lambda *_: 0.5, status(503)) as server,
        RerankServer(f"{server.url}/v2/rerank", "m", key=None, guard=a_guard()) as one,
    ):
        assert await one.score(QUERY, ["a", "b"]) == [0.5, 0.5]
        asked = {"model": "m", "query": QUERY, "documents": ["a", "b"], "top_n": 2}
        assert server.asked == [asked, asked]


async def test_a_server_that_refuses_is_not_asked_again() -> None:
    async with (
        rerank_server(lambda *_: 0.5, status(401)) as server,
        RerankServer(server.url, None, key=None, guard=a_guard()) as one,
    ):
        with pytest.raises(Unavailable, match="401"):
            await one.score(QUERY, ["a"])
        assert len(server.asked) == 1 and "model" not in server.asked[0]


async def test_a_server_that_fails_again_and_again_is_left_alone() -> None:
    async with (
        rerank_server(lambda *_: 0.5, *[status(500)] * 99) as server,
        RerankServer(server.url, None, key=None, guard=a_guard(attempts=1)) as one,
    ):
        for _ in range(8):
            with pytest.raises(Unavailable):
                await one.score(QUERY, ["a"])
        assert len(server.asked) == 5
