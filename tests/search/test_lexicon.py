"""Synonyms and words of the house: what they change, and over HTTP."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from httpx import AsyncClient
from search_builders import ASearch, a_search, hits, over_http

from builders import labels
from search.domain.lexicon import Lexicon, lexicon, read_lines
from shared.kernel import InvalidInput
from shared.web.access import Access

URL = "/api/v1/search/lexicon"


@pytest.fixture
async def filled(search: ASearch) -> AsyncIterator[ASearch]:
    for name, text in (
        ("laptop", "A laptop is a machine that is carried."),
        ("computer", "휴대용 컴퓨터는 들고 다닌다."),
        ("notebook", "노트북의 무게를 잰다."),
        ("chair", "의자는 나무로 만든다."),
    ):
        await search.add(text, given=labels(name=name))
    yield search


async def found(client: AsyncClient, query: str) -> set[str]:
    answer = await client.post("/api/v1/search", json={"query": query, "mode": "keyword"})
    return {hit["document"]["name"] for hit in hits(answer)}


async def put(client: AsyncClient, *synonyms: list[str], words: tuple[str, ...] = (), **more: Any) -> dict[str, Any]:
    answer = await client.put(URL, json={"synonyms": list(synonyms), "words": list(words), **more})
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def test_synonyms_find_one_another_at_once_and_no_more_when_they_are_gone(
    filled: ASearch, client: AsyncClient
) -> None:
    assert (await client.get(URL)).json() == {"version": 0, "synonyms": [], "words": []}
    assert await found(client, "노트북") == {"notebook"}
    assert (await put(client, ["노트북", "laptop", "휴대용 컴퓨터"]))["version"] == 1
    everything = {"notebook", "laptop", "computer"}
    for query in ("노트북", "노트북의 무게", "laptops", "LAPTOP", "휴대용 컴퓨터", "휴대용 컴퓨터를 사다"):
        assert await found(client, query) == everything, query
    assert "laptop" not in await found(client, "컴퓨터")
    await put(client)
    assert await found(client, "노트북") == {"notebook"}


async def test_what_was_written_comes_before_its_synonyms_and_both_are_marked(
    filled: ASearch, client: AsyncClient
) -> None:
    await put(client, ["노트북", "laptop"])
    answer = await client.post("/api/v1/search", json={"query": "laptop", "mode": "keyword"})
    assert [hit["document"]["name"] for hit in hits(answer)] == ["laptop", "notebook"]
    assert all(hit["highlights"] for hit in hits(answer))


async def test_a_word_of_the_house_counts_for_more_than_its_parts(search: ASearch, client: AsyncClient) -> None:
    await search.add("서류를 통하여 관을 전자로 심사한다.", given=labels(name="apart"))
    await search.add("비담누리 안내", given=labels(name="whole"))
    query = {"query": "비담누리", "mode": "keyword", "explain": True}
    before = hits(await client.post("/api/v1/search", json=query))
    await put(client, words=("비담누리",))
    after = hits(await client.post("/api/v1/search", json=query))
    assert after[0]["document"]["name"] == "whole"
    assert after[0]["explain"]["sparse_score"] > before[0]["explain"]["sparse_score"]


async def test_who_has_read_an_older_one_is_refused(client: AsyncClient) -> None:
    first = await put(client, ["a", "b"], version=0)
    refused = await client.put(URL, json={"words": ["c"], "version": 0})
    assert (refused.status_code, refused.json()["code"]) == (409, "lexicon_changed")
    assert (await client.get(URL)).json() == first
    assert (await put(client, words=("c",), version=1))["version"] == 2


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"synonyms": [["one"]]}, "synonyms.0"),
        ({"synonyms": [["a", "b"], ["tea", " Tea "]]}, "synonyms.1"),
        ({"synonyms": [["a", "…"]]}, "synonyms.0.1"),
        ({"words": ["x" * 101]}, "words.0"),
        ({"words": [" "]}, "words.0"),
        ({"words": ["\ud83d"]}, "words.0"),
        ({"more": []}, "more"),
    ],
)
async def test_what_means_nothing_is_refused_by_name(client: AsyncClient, body: dict[str, Any], field: str) -> None:
    import json

    answer = await client.put(URL, content=json.dumps(body), headers={"content-type": "application/json"})
    assert answer.status_code == 422
    assert any(field in error["field"] for error in answer.json()["errors"]), answer.text


async def test_everybody_may_read_it_and_administrators_change_it(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.write_text("reader-12345678901 a read,write\nadmin-123456789012 * read,write,admin\n")
    async with a_search(tmp_path / "d", access=Access.from_file(keys)) as search, over_http(search) as client:
        by_reader = {"Authorization": "Bearer reader-12345678901"}
        assert (await client.get(URL, headers=by_reader)).status_code == 200
        assert (await client.put(URL, json={}, headers=by_reader)).status_code == 403
        by_admin = {"Authorization": "Bearer admin-123456789012"}
        assert (await client.put(URL, json={}, headers=by_admin)).status_code == 200


def test_a_file_has_a_group_or_a_word_a_line() -> None:
    text = "\ufeff# ours\n노트북, laptop ,휴대용  컴퓨터\n\n전자통관 # whole\nＬａｐｔｏｐ, laptop, x\n"
    read = read_lines(text)
    assert read == Lexicon((("노트북", "laptop", "휴대용 컴퓨터"), ("Ｌａｐｔｏｐ", "x")), ("전자통관",))
    with pytest.raises(InvalidInput, match=r"synonyms\.0"):
        read_lines("tea, TEA")
    with pytest.raises(InvalidInput, match="at most"):
        lexicon([], map(str, range(6_000)))
