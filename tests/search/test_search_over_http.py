"""`GET|POST /api/v1/search` as a client sees it."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from httpx import AsyncClient
from search_builders import ASearch, a_search, hits, over_http

from builders import labels
from shared.web.access import Access

URL = "/api/v1/search"
on_the_loop_of_the_file = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def refusing(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[AsyncClient]:
    """A client of one search for all that is refused, and so changes nothing."""
    async with a_search(tmp_path_factory.mktemp("refusing")) as search, over_http(search) as client:
        yield client


async def test_answers_in_the_shape_of_the_api(search: ASearch, client: AsyncClient) -> None:
    event = await search.add(
        "Green tea is fresh.", given=labels(name="tea.txt", metadata={"year": 2026}), headings=("Drinks",)
    )
    await search.counted()
    answer = await client.post(
        URL, json={"query": "teas", "facets": ["collection"], "explain": True, "context": 1, "group_by": "document"}
    )
    body = answer.json()
    (hit,) = hits(answer)
    assert hit["document"] == {
        "id": event.document_id,
        "name": "tea.txt",
        "collection": "default",
        "revision": 1,
        "media_type": "text/plain",
        "metadata": {"year": 2026},
        "early": None,
    }
    chunk = hit["chunk"]
    assert chunk["text"] == "Green tea is fresh." and chunk["ordinal"] == 0 and chunk["kind"] == "paragraph"
    assert (chunk["start"], chunk["end"], chunk["page"], chunk["box"]) == (0, 19, 1, None)
    assert chunk["headings"] == ["Drinks"] and chunk["context"] == {"before": "", "after": ""}
    assert hit["highlights"] == [{"start": 6, "end": 9}]
    assert hit["explain"]["query_language"] == "en" and hit["explain"]["sparse_score"] > 0
    assert hit["explain"]["terms"] == ["tea"]
    assert body["facets"] == {"collection": [{"value": "default", "count": 1}]}
    assert body["total"] == 1 and body["total_is_exact"] is True and body["next_cursor"] is None
    assert body["degraded"] == [] and body["took_ms"] > 0 and isinstance(body["index_version"], int)


async def test_the_short_form_finds_the_same(search: ASearch, client: AsyncClient) -> None:
    await search.add("녹차", given=labels(collection="drinks"))
    short = await client.get(URL, params={"q": "녹차", "mode": "keyword", "limit": 5, "collection": "drinks"})
    long = await client.post(
        URL, json={"query": "녹차", "mode": "keyword", "limit": 5, "filters": {"collection": "drinks"}}
    )
    assert hits(short) == hits(long) != []


async def test_a_repeated_search_is_answered_from_the_cache_until_something_changes(
    search: ASearch, client: AsyncClient
) -> None:
    await search.add("Green tea.")
    first = await client.post(URL, json={"query": "tea"})
    again = await client.post(URL, json={"query": "tea"})
    assert hits(again) == hits(first) and len(hits(first)) == 1
    await search.add("Black tea.")
    assert len(hits(await client.post(URL, json={"query": "tea"}))) == 2


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "query"),
        ({"query": "   \n "}, "query"),
        ({"query": "x" * 10_000}, "query"),
        ({"query": "tea", "limit": 0}, "limit"),
        ({"query": "tea", "limit": 101}, "limit"),
        ({"query": "tea", "limit": "ten"}, "limit"),
        ({"query": "tea", "mode": "psychic"}, "mode"),
        ({"query": "tea", "rerank": True}, "rerank"),
        ({"query": "tea", "group_by": "page"}, "group_by"),
        ({"query": "tea", "context": 6}, "context"),
        ({"query": "tea", "facets": ["name"]}, "facets"),
        ({"query": "tea", "filters": {"size": 1}}, "filters.size"),
        ({"query": "tea", "filters": {"page": "one"}}, "filters.page"),
        ({"query": "tea", "filters": {"page": {"near": 3}}}, "filters.page"),
        ({"query": "tea", "filters": {"collection": {"gte": "a"}}}, "filters.collection"),
        ({"query": "tea", "filters": {"received_at": {"gte": "yesterday"}}}, "filters.received_at"),
        ({"query": "tea", "filters": {"metadata.year": []}}, "filters.metadata.year"),
        ({"query": "tea", "filters": {"metadata.year": None}}, "filters.metadata.year"),
        ({"query": "tea", "filters": {"metadata.year": {"gte": 1, "lt": "2026-01-01"}}}, "filters.metadata.year"),
    ],
)
@on_the_loop_of_the_file
async def test_refuses_what_cannot_be_searched(refusing: AsyncClient, body: dict[str, Any], field: str) -> None:
    answer = await refusing.post(URL, json=body)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert any(field in error["field"] for error in answer.json()["errors"])


@on_the_loop_of_the_file
async def test_refuses_unknown_parameters_in_the_short_form(refusing: AsyncClient) -> None:
    assert (await refusing.get(URL, params={"q": "tea", "colection": "x"})).status_code == 422
    assert (await refusing.get(URL)).status_code == 422
    assert (await refusing.get(URL, params={"q": "tea", "limit": 0})).status_code == 422


async def test_queries_of_signs_alone_find_nothing_and_break_nothing(search: ASearch, client: AsyncClient) -> None:
    await search.add("Green tea.")
    for query in (
        "???",
        "\u200b!",
        "🍵",
        "'\"; DROP TABLE",
        "a" * 2000,
        "the",
        "-",
        '"',
        'an "unclosed',
        "-tea",
        "\u202etea",
        "te.*[a",
        "\x00",
        "가",
        "ㄱㄴ",
        "\ufffd",
    ):
        assert (await client.post(URL, json={"query": query})).status_code == 200, query


async def test_cursors_that_do_not_fit_are_wrong(search: ASearch, client: AsyncClient) -> None:
    await search.add(*(f"tea number{number}" for number in range(12)))
    cursor = (await client.post(URL, json={"query": "tea"})).json()["next_cursor"]
    assert len(hits(await client.post(URL, json={"query": "tea", "cursor": cursor}))) == 2
    other = await client.post(URL, json={"query": "coffee", "cursor": cursor})
    assert (other.status_code, other.json()["code"]) == (400, "wrong_cursor")
    for broken in ("", "nonsense", "e30", cursor[:-1], cursor + "=", cursor + "A" * 10_000):
        answer = await client.get(URL, params={"q": "tea", "cursor": broken})
        assert (answer.status_code, answer.json()["code"]) == (400, "wrong_cursor")


async def test_an_expired_cursor_is_gone(tmp_path: Path) -> None:
    async with a_search(tmp_path) as search, over_http(search) as client:
        await search.add(*(f"tea number{number}" for number in range(12)))
        cursor = (await client.post(URL, json={"query": "tea"})).json()["next_cursor"]
    async with a_search(tmp_path) as search, over_http(search) as client:
        answer = await client.post(URL, json={"query": "tea", "cursor": cursor})
        assert (answer.status_code, answer.json()["code"]) == (410, "cursor_expired")


@on_the_loop_of_the_file
async def test_an_unknown_collection_is_a_404(refusing: AsyncClient) -> None:
    answer = await refusing.get(URL, params={"q": "tea", "collection": "nowhere"})
    assert (answer.status_code, answer.json()["code"]) == (404, "collection_not_found")
    assert (await refusing.get(URL, params={"q": "tea", "collection": "default"})).status_code == 200


async def test_a_key_sees_its_own_collections_only(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.write_text("reader-of-a-12345678 a read\nwriter-of-b-12345678 b write\nsees-all-of-it-12345678 * read\n")
    access = Access.from_file(keys)
    async with a_search(tmp_path / "data", access=access) as search, over_http(search) as client:
        await search.add("tea of a", given=labels(collection="a"))
        await search.add("tea of b", given=labels(collection="b"))

        async def ask(key: str | None, **body: Any) -> Any:
            headers = {} if key is None else {"Authorization": f"Bearer {key}"}
            return await client.post(URL, json={"query": "tea", **body}, headers=headers)

        assert (await ask(None)).status_code == 401
        assert (await ask("writer-of-b-12345678")).status_code == 403
        everything = await ask("sees-all-of-it-12345678")
        assert len(hits(everything)) == 2
        mine = await ask("reader-of-a-12345678", facets=["collection"])
        assert [hit["chunk"]["text"] for hit in hits(mine)] == ["tea of a"]
        assert mine.json()["facets"]["collection"] == [{"value": "a", "count": 1}]
        assert (await ask("reader-of-a-12345678", filters={"collection": "b"})).status_code == 404
        assert (await ask("reader-of-a-12345678", filters={"collection": ["a", "b"]})).status_code == 404


async def test_hits_come_by_date_where_that_is_asked_for(search: ASearch, client: AsyncClient) -> None:
    for day, text in ((3, "tea in a longer text"), (1, "tea tea tea"), (2, "tea"), (4, "coffee")):
        await search.add(text, text, given=labels(name=str(day), received_at=f"2026-01-0{day}T00:00:00Z"))

    async def order(**how: Any) -> str:
        names = []
        cursor = None
        while True:
            answer = await client.post(URL, json={"query": "tea", "group_by": "document", "cursor": cursor, **how})
            names += [hit["document"]["name"] for hit in hits(answer)]
            cursor = answer.json()["next_cursor"]
            if cursor is None:
                return "".join(names)

    for mode in ("keyword", "hybrid"):
        assert await order(sort="newest", mode=mode) == "321"
        assert await order(sort="oldest", mode=mode, limit=1) == "123"
    assert await order(sort="newest", mode="vector") == "4321"
    # Nothing shares a word with it: all that is near to some degree.
    assert await order(query="beverage", sort="oldest") == "1234"
    assert await order(mode="keyword") == await order(mode="keyword", sort="score") != "321"
    assert (await client.post(URL, json={"query": "tea", "sort": "name"})).status_code == 422
