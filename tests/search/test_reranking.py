"""The best of a ranking reordered by a reranker: order, pages, caches, cost; and as it was fused where that fails."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from httpx import AsyncClient
from hypothesis import given
from hypothesis import strategies as st
from llm_stand_in import Say, StandIn, status, then_hangs
from rerank_stand_in import rerank_server
from search_builders import ASearch, a_search, hits, over_http

from search.domain.reordering import reordered
from shared.infrastructure.memory_cache import MemoryCache
from shared.infrastructure.prometheus_metrics import PrometheusMetrics
from shared.model.reranking.server import RerankServer
from shared.ports.storage import Cache
from shared.runtime.resilience import Resilient
from shared.settings import Settings

TEXTS = [f"Tea number {number} is {'green ' * (number % 3)}tea." for number in range(12)]


def number(passage: str) -> int:
    return int(passage.split("number ")[1].split()[0])


@asynccontextmanager
async def reranked(
    folder: Path, *first: Say, most: int = 6, seconds: float = 5.0, cache: Cache | None = None
) -> AsyncIterator[tuple[ASearch, StandIn]]:
    """A search with twelve documents and a server that puts the highest number first."""
    guard = Resilient("rerank", timeout_seconds=seconds, attempts=1, metrics=PrometheusMetrics())
    async with (
        rerank_server(lambda _, passage: float(number(passage)), *first) as server,
        RerankServer(server.url, "m", key=None, guard=guard) as reranker,
        a_search(
            folder, settings=Settings(data_dir=folder, rerank_top_k=most), reranker=reranker, cache=cache
        ) as search,
    ):
        await search.add(*TEXTS)
        yield search, server


async def ask(client: AsyncClient, **how: Any) -> dict[str, Any]:
    response = await client.post("/api/v1/search", json={"query": "green tea", "limit": 4, **how})
    hits(response)
    answer: dict[str, Any] = response.json()
    return answer


def numbers(answer: dict[str, Any]) -> list[int]:
    return [number(hit["chunk"]["text"]) for hit in answer["hits"]]


async def pages(client: AsyncClient, first: dict[str, Any], **how: Any) -> list[int]:
    """All numbers, from this first page on."""
    found = numbers(first)
    while first["next_cursor"] is not None:
        first = await ask(client, cursor=first["next_cursor"], **how)
        found += numbers(first)
    return found


@pytest.fixture
async def fused(tmp_path: Path) -> list[int]:
    """The order of the same documents without a reranker."""
    async with a_search(tmp_path / "fused") as search:
        await search.add(*TEXTS)
        async with over_http(search) as client:
            answer = await ask(client, limit=12, explain=True)
            assert answer["rerank_ms"] is None and answer["hits"][0]["explain"]["rerank_score"] is None
            return numbers(answer)


async def test_the_best_are_reordered_and_the_rest_stays_over_all_pages(tmp_path: Path, fused: list[int]) -> None:
    async with reranked(tmp_path) as (search, server), over_http(search) as client:
        expected = [*sorted(fused[:6], reverse=True), *fused[6:]]
        assert expected != fused
        first = await ask(client, explain=True)
        assert await pages(client, first, explain=True) == expected
        assert first["degraded"] == [] and first["rerank_ms"] > 0
        assert [hit["explain"]["rerank_score"] for hit in first["hits"]] == expected[:4]
        whole = await ask(client, limit=12, explain=True)
        assert numbers(whole) == expected
        scores = [hit["score"] for hit in whole["hits"]]
        assert scores == sorted(scores, reverse=True) and 0 <= scores[-1] <= scores[0] <= 1
        assert [hit["explain"]["rerank_score"] for hit in whole["hits"][6:]] == [None] * 6
        # What it said of these texts is kept: the other searches did not ask it again.
        assert len(server.asked) == 1 and server.asked[0]["query"] == "green tea"


async def test_filters_and_groups_are_of_what_is_found_not_of_who_reorders_it(tmp_path: Path) -> None:
    async with reranked(tmp_path, most=3) as (search, _):
        many = await search.add("Tea number 50 is green tea.", "Tea number 60 is green tea.", "Tea number 55 is tea.")
        only = await search.find("green tea", filters={"document": many.document_id})
        assert [number(hit.record.chunk.text) for hit in only.hits] == [60, 55, 50]
        grouped = await search.find("green tea", by_document=True)
        assert len({hit.record.document_id for hit in grouped.hits}) == len(grouped.hits) == 2


async def test_an_order_that_was_asked_for_by_name_stays(tmp_path: Path) -> None:
    async with reranked(tmp_path) as (search, server), over_http(search) as client:
        for how in ({"mode": "keyword"}, {"mode": "vector"}, {"sort": "newest"}, {"query": '"green tea"'}):
            answer = await ask(client, **how)
            assert answer["rerank_ms"] is None and answer["degraded"] == [] and server.asked == []


@pytest.mark.parametrize("say", [status(500), status(400), then_hangs()], ids=["broken", "refusing", "late"])
async def test_without_it_the_order_is_as_fused_and_says_so(tmp_path: Path, say: Say, fused: list[int]) -> None:
    async with reranked(tmp_path, say, seconds=0.5) as (search, _), over_http(search) as client:
        began = await ask(client)
        assert began["degraded"] == ["rerank"] and began["rerank_ms"] is None
        # It is well again, and the answer without it was not kept.
        well = await ask(client)
        assert well["degraded"] == [] and numbers(well) == sorted(fused[:6], reverse=True)[:4]
        # Whoever began with either list goes on in it.
        assert await pages(client, began) == fused
        assert await pages(client, well) == [*sorted(fused[:6], reverse=True), *fused[6:]]


async def test_one_that_fails_again_and_again_costs_no_more_time(tmp_path: Path) -> None:
    async with reranked(tmp_path, *[status(500)] * 99) as (search, server):
        results = [await search.find(f"green tea {word}") for word in "abcdefgh"]
        assert all(result.degraded == ("rerank",) and result.hits for result in results)
        assert len(server.asked) == 5


async def test_another_reranker_has_answers_of_its_own(tmp_path: Path) -> None:
    """One cache, as two processes of an installation share it."""
    cache = MemoryCache(1 << 20)
    async with reranked(tmp_path, cache=cache) as (search, _), over_http(search) as client:
        best = numbers(await ask(client))
    async with a_search(tmp_path, cache=cache) as plain, over_http(plain) as client:
        answer = await ask(client)
        assert numbers(answer) != best and answer["rerank_ms"] is None


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(-50, 50)), max_size=30))
def test_scores_fall_stay_between_the_fused_ones_and_nobody_is_lost(members: Sequence[tuple[float, float]]) -> None:
    fused = sorted((score for score, _ in members), reverse=True)
    said = [score for _, score in members]
    places = reordered(fused, said)
    assert sorted(place for place, _ in places) == list(range(len(members)))
    scores = [score for _, score in places]
    assert scores == sorted(scores, reverse=True)
    assert all(fused[-1] <= score <= fused[0] for score in scores)
    by_place = [said[place] for place, _ in places]
    assert by_place == sorted(said, reverse=True)


def test_members_with_the_same_number_keep_their_order() -> None:
    assert [place for place, _ in reordered([0.9, 0.5, 0.4, 0.1], [1.0, 2.0, 1.0, 2.0])] == [1, 3, 0, 2]
    assert [place for place, _ in reordered([0.9, 0.5], [3.0, 3.0])] == [0, 1]
