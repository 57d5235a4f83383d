"""`/api/v1/hs-codes`: goods looked up, codes with the documents that mention them, codes spotted in a text."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from httpx import AsyncClient
from search_builders import ASearch, a_search, over_http

from builders import labels
from shared.web.access import Access, Principal

CODES = "/api/v1/hs-codes"
pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def search(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ASearch]:
    """One for all: to open its index takes longer than all that is asked of it."""
    async with a_search(tmp_path_factory.mktemp("search")) as one:
        yield one


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def client(search: ASearch) -> AsyncIterator[AsyncClient]:
    async with over_http(search) as one:
        yield one


async def _json(client: AsyncClient, path: str, **parameters: Any) -> Any:
    answer = await client.get(CODES + path, params=parameters)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def _codes(client: AsyncClient, asked: str, **parameters: Any) -> list[str]:
    return [item["code"] for item in (await _json(client, "", q=asked, **parameters))["items"]]


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ("노트북을 수입하면 관세율이 얼마인가요?", "847130"),
        ("스마트폰", "851713"),
        ("볶지 않은 커피", "090111"),
        ("What is the tariff rate for laptop computers from China?", "847130"),
        ("frozen shrimps and prawns", "030617"),
        ("smartphones", "851713"),
    ],
)
async def test_goods_are_found_in_korean_and_english(client: AsyncClient, asked: str, code: str) -> None:
    assert code in await _codes(client, asked)


async def test_an_item_says_where_it_belongs(client: AsyncClient) -> None:
    item = (await _json(client, "", q="smartphones", limit=1))["items"][0]
    assert (item["code"], item["display"], item["level"]) == ("851713", "8517.13", 6)
    assert item["title_ko"] == "스마트폰" and "smartphones" in item["title_en"]
    assert [one["code"] for one in item["path"]] == ["85", "8517"]
    assert 0 < item["score"] <= 1 and 0 < item["confidence"] <= 1


@pytest.mark.parametrize("level", [2, 4, 6, 10])
async def test_every_level_can_be_asked_for(client: AsyncClient, level: int) -> None:
    codes = await _codes(client, "커피", level=level, limit=5)
    assert codes and {len(code) for code in codes} == {level}
    assert any(code.startswith("09"[:level]) for code in codes)


async def test_what_a_title_leaves_out_is_not_what_it_is_for(client: AsyncClient) -> None:
    """8517.14 is "other than smartphones"."""
    items = (await _json(client, "", q="smartphones"))["items"]
    assert items[0]["code"] == "851713"
    assert all(item["confidence"] <= items[0]["confidence"] for item in items)


async def test_a_code_lists_what_begins_with_it(client: AsyncClient) -> None:
    assert (await _codes(client, "8471", limit=2)) == ["847130", "847141"]
    assert (await _codes(client, "8471.30", level=10)) == ["8471300000"]
    assert (await _codes(client, "8517.12")) == ["851713", "851714"]


@pytest.mark.parametrize("parameters", [{"q": ""}, {"q": " "}, {"q": "a", "level": 5}, {"q": "a", "limit": 101}, {}])
async def test_what_cannot_be_asked_is_refused(client: AsyncClient, parameters: dict[str, Any]) -> None:
    assert (await client.get(CODES, params=parameters)).status_code == 422


@pytest.mark.parametrize("asked", ["?!", "ㅋㅋ", "ข้าว", "관세율", "😀", "a" * 2000])
async def test_what_names_no_goods_is_answered(client: AsyncClient, asked: str) -> None:
    assert len(await _codes(client, asked)) <= 10


@pytest.mark.parametrize("written", ["8471.30-0000", "8471300000", "제8471.30-0000호", "HSK 8471.30-0000"])
async def test_a_code_is_shown_however_it_is_written(client: AsyncClient, written: str) -> None:
    shown = await _json(client, f"/{written}")
    assert (shown["code"], shown["known"], shown["unit"]) == ("8471300000", True, "U, KG")
    assert (shown["valid_from"], shown["valid_to"]) == ("2013-01-01", "2025-12-31")
    assert [one["code"] for one in shown["path"]] == ["84", "8471", "847130"]


async def test_a_heading_has_children(client: AsyncClient) -> None:
    shown = await _json(client, "/8471")
    assert [one["display"] for one in shown["children"]][:2] == ["8471.30", "8471.41"]


async def test_a_code_that_no_document_mentions(client: AsyncClient) -> None:
    assert (await _json(client, "/9701.21"))["mentions"] == {"total": 0, "total_is_exact": True, "documents": []}


async def test_an_older_code_names_those_of_today(client: AsyncClient) -> None:
    shown = await _json(client, "/8517.12")
    assert (shown["known"], shown["title_en"]) == (False, None)
    assert [one["code"] for one in shown["superseded_by"]] == ["851713", "851714"]
    assert [one["code"] for one in shown["path"]] == ["85", "8517"]


@pytest.mark.parametrize("code", ["999999", "0000", "노트북", "12", "847", "77", "8471.30.99.99.99"])
async def test_what_is_no_code_is_not_found(client: AsyncClient, code: str) -> None:
    answer = await client.get(f"{CODES}/{code}")
    if code == "12":
        assert answer.json()["title_ko"].startswith("채유에 적합한")
        return
    assert (answer.status_code, answer.json()["code"]) == (404, "hs_code_not_found")


async def test_a_code_names_the_documents_that_mention_it(search: ASearch, client: AsyncClient) -> None:
    for name, text in {
        "dotted": "이 물품은 HS 8471.30에 분류된다.",
        "korean": "세번은 제8471.30-0000호이다.",
        "plain": "HSK 8471300000 품목",
        "heading": "관세율표 제8471호에 해당한다.",
        "other": "HS 8473.30 and 8471 kg of rice, tel. 8471-3000",
        "date": "2008. 4. 71. 노트북",
    }.items():
        await search.add(text, given=labels(name=name))
    by_code = {}
    for code in ("8471300000", "847130", "8471", "84", "847141"):
        mentions = (await _json(client, f"/{code}"))["mentions"]
        assert mentions["total"] == len(mentions["documents"])
        by_code[code] = {one["name"] for one in mentions["documents"]}
    assert by_code == {
        "8471300000": {"korean", "plain"},
        "847130": {"dotted", "korean", "plain"},
        "8471": {"dotted", "korean", "plain", "heading"},
        "84": {"dotted", "korean", "heading", "other"},
        "847141": set(),
    }
    one = (await _json(client, "/8471.30-0000"))["mentions"]["documents"][0]
    assert one["surface"] in ("제8471.30-0000호", "8471300000") and one["end"] - one["start"] == len(one["surface"])


async def test_only_documents_of_the_callers_collections_are_named(tmp_path: Path) -> None:
    access = Access({"key-of-one": Principal(frozenset(("one",)), frozenset(("read",)))})
    async with a_search(tmp_path, access=access) as search, over_http(search) as client:
        await search.add("HS 8471.30", given=labels(name="mine", collection="one"))
        await search.add("HS 8471.30", given=labels(name="theirs", collection="two"))
        client.headers["Authorization"] = "Bearer key-of-one"
        mentions = (await _json(client, "/847130"))["mentions"]
        assert [one["name"] for one in mentions["documents"]] == ["mine"]
        assert mentions["total"] == 1
        del client.headers["Authorization"]
        for path in ("", "/847130"):
            assert (await client.get(CODES + path, params={"q": "tea"})).status_code == 401
        assert (await client.post(CODES + "/spot", json={"text": "8471.30"})).status_code == 401


async def test_codes_of_a_text_are_spotted(client: AsyncClient) -> None:
    text = "2021. 3. 4. 😀 제8471.30-0000호와 HS 8517.12, 법률 제8471호, USD 8471.30"
    answer = await client.post(CODES + "/spot", json={"text": text})
    first, second = answer.json()["spans"]
    assert text[first["start"] : first["end"]] == first["surface"] == "제8471.30-0000호"
    assert (first["code"], first["display"], first["level"], first["known"]) == ("8471300000", "8471.30-0000", 10, True)
    assert (second["code"], second["known"], second["superseded_by"]) == ("851712", False, ["851713", "851714"])
    assert first["confidence"] > 0.9


async def test_long_and_wrong_texts(client: AsyncClient) -> None:
    long = (("HS 8471.30 " + "가나다라 " * 40) * 600)[:100_000]
    answer = await client.post(CODES + "/spot", json={"text": long})
    assert len(answer.json()["spans"]) == long.count("8471.30")
    assert (await client.post(CODES + "/spot", json={"text": ""})).json() == {"spans": []}
    for body in ({"text": long + "x"}, {"text": 1}, {}, {"text": "a", "more": 1}):
        assert (await client.post(CODES + "/spot", json=body)).status_code == 422
    half = b'{"text": "\\ud83d"}'
    answer = await client.post(CODES + "/spot", content=half, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422
