"""Behind a balancer each page may come from another process: they go through one list."""

import itertools
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from dependency_injector import providers
from search_builders import ASearch, a_search

from search.application.request import SearchRequest
from search.application.retrieval import Hit, Retrieval
from shared.infrastructure.memory_cache import MemoryCache
from shared.kernel import Gone
from shared.ports.storage import Cache


class OneForTwo(MemoryCache):
    """Two searches of this process have it, as if it were between processes."""

    @property
    def is_shared(self) -> bool:
        return True


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.servers)])
async def caches(request: pytest.FixtureRequest) -> AsyncIterator[Sequence[Cache]]:
    """As two processes have them."""
    if request.param == "memory":
        yield [OneForTwo(1 << 20)] * 2
        return
    from redis_builders import a_cache, removing_keys
    from servers import redis_url

    async with AsyncExitStack() as stack:
        name = await stack.enter_async_context(removing_keys(redis_url()))
        yield [await stack.enter_async_context(a_cache(redis_url(), name)) for _ in range(2)]


@pytest.fixture
async def search(tmp_path: Path, caches: Sequence[Cache]) -> AsyncIterator[ASearch]:
    async with a_search(tmp_path, cache=caches[0]) as opened:
        yield opened


@pytest.fixture
def both(search: ASearch, caches: Sequence[Cache]) -> tuple[Retrieval, Retrieval]:
    """Two that know nothing of each other but index, store and cache."""
    return search.retrieval, another(search, caches[1])


def another(search: ASearch, cache: Cache) -> Retrieval:
    search.container.cache.override(providers.Object(cache))
    search.container.retrieval.reset()
    return search.retrieval


async def pages(retrievals: Sequence[Retrieval], **how: Any) -> list[Hit]:
    """Every hit; the pages come from one after the other."""
    found: list[Hit] = []
    cursor = None
    for retrieval in itertools.cycle(retrievals):
        result = await retrieval.search(SearchRequest(cursor=cursor, **how))
        found.extend(result.hits)
        cursor = result.next_cursor
        if cursor is None:
            break
    return found


@pytest.mark.parametrize("how", [{}, {"mode": "keyword"}, {"mode": "vector"}, {"by_document": True}])
async def test_any_process_goes_on_where_another_ended(
    search: ASearch, both: tuple[Retrieval, Retrieval], how: dict[str, Any]
) -> None:
    for document in range(3):
        await search.add(*(f"tea number{number} of document{document}" for number in range(80)))
    asked = {"query": "tea number7", "limit": 2 if "by_document" in how else 40, **how}
    assert await pages(both, **asked) == await pages(both[:1], **asked)


async def test_what_one_process_read_deeper_the_other_does_not_read_anew(
    search: ASearch, both: tuple[Retrieval, Retrieval]
) -> None:
    one, other = both
    await search.add(*(f"tea number{number}" for number in range(300)))
    first = await one.search(SearchRequest("tea", mode="keyword", limit=60))
    second = await other.search(SearchRequest("tea", mode="keyword", limit=60, cursor=first.next_cursor))
    assert second.total == 300
    # A document that would stand in front of the others comes too late for this list.
    await search.add("tea tea tea")
    seen = [*first.hits, *second.hits]
    cursor, turns = second.next_cursor, itertools.cycle(both)
    while cursor is not None:
        result = await next(turns).search(SearchRequest("tea", mode="keyword", limit=60, cursor=cursor))
        seen, cursor = [*seen, *result.hits], result.next_cursor
    texts = [hit.record.chunk.text for hit in seen]
    assert len(texts) == 300 == len(set(texts))
    assert "tea tea tea" not in texts


async def test_a_damaged_list_is_none(search: ASearch, both: tuple[Retrieval, Retrieval]) -> None:
    class Damaged(OneForTwo):
        async def get(self, key: str) -> bytes | None:
            return b"\x93\xa3tea\x01\x02"

    await search.add(*(f"tea number{number}" for number in range(20)))
    first = await both[0].search(SearchRequest("tea"))
    with pytest.raises(Gone) as gone:
        await another(search, Damaged(1 << 20)).search(SearchRequest("tea", cursor=first.next_cursor))
    assert gone.value.specific_code == "cursor_expired"


async def test_a_cache_of_this_process_alone_holds_no_lists(tmp_path: Path) -> None:
    put: list[str] = []

    class Telling(MemoryCache):
        async def put(self, key: str, value: bytes, *, ttl_seconds: float, tag: str = "") -> None:
            put.append(key)
            await super().put(key, value, ttl_seconds=ttl_seconds, tag=tag)

    async with a_search(tmp_path, cache=Telling(1 << 20)) as search:
        await search.add(*(f"tea number{number}" for number in range(20)))
        assert (await search.find("tea", mode="keyword")).next_cursor is not None
    assert put == []
