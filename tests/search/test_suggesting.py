"""Suggestions while typing, and words that are corrected, as a client sees them."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from httpx import AsyncClient
from search_builders import ASearch, SmallModel, a_search, hits, over_http

from builders import eventually, labels
from search.application.vocabulary import VocabularyTimes
from shared.events.ingest import DocumentChanged
from shared.web.access import Access

URL = "/api/v1/search"


class _Tokenizing(SmallModel):
    """Its tokenizer has no word whole but one."""

    async def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [1 if text == "customer" else 2 for text in texts]


AT_ONCE = VocabularyTimes(first_seconds=0, pause_seconds=0, again_seconds=0)


@pytest.fixture
async def search(tmp_path: Path) -> AsyncIterator[ASearch]:
    async with a_search(tmp_path, model=_Tokenizing(), vocabulary=AT_ONCE) as one:
        yield one


async def suggested(client: AsyncClient, typed: str, **more: Any) -> list[str]:
    answer = await client.get(f"{URL}/suggest", params={"q": typed, **more})
    assert answer.status_code == 200, answer.text
    return [item["text"] for item in answer.json()["items"]]


async def corrected(client: AsyncClient, query: str, **more: Any) -> dict[str, Any]:
    """Once the vocabulary has caught up."""
    body: dict[str, Any] = {}

    async def is_corrected() -> bool:
        body.update((await client.post(URL, json={"query": query, **more})).json())
        return body["did_you_mean"] is not None

    await eventually(is_corrected)
    return body


@pytest.fixture
async def filled(search: ASearch) -> ASearch:
    await search.add("노트북의 관세율은 0퍼센트이다.", given=labels(name="관세 안내.pdf"), headings=("노트북 관세",))
    await search.add("The customs duties on notebooks.", given=labels(name="tariffs/Duty table.xlsx"))
    return search


async def test_a_query_goes_on_while_a_syllable_is_being_composed(filled: ASearch, client: AsyncClient) -> None:
    for typed in ("관", "관ㅅ", "관세", "ㄱㅅ"):
        assert (await suggested(client, typed))[0] == "관세 안내", typed
    assert await suggested(client, "관셍") == ["관세율"]
    assert (await suggested(client, "노트북 관"))[0] == "노트북 관세"
    assert "노트북 관세율" in await suggested(client, "노트북 관")
    assert await suggested(client, "dut") == ["Duty table", "duties"]
    assert await suggested(client, "TAB") == ["Duty table"]
    assert await suggested(client, "nothing begins so") == []
    assert len(await suggested(client, "d", limit=1)) == 1


async def test_suggestions_follow_what_is_there(filled: ASearch, client: AsyncClient) -> None:
    event = await filled.add("Quarantine of plants.", given=labels(name="plants.txt"))

    async def is_there() -> bool:
        return await suggested(client, "quar") == ["quarantine"]

    await eventually(is_there)
    assert await suggested(client, "plants") == ["plants"]
    await filled.add("Other text.", document_id=event.document_id, version=2, given=labels(name="herbs.txt"))

    async def is_gone() -> bool:
        return await suggested(client, "quar") == [] and await suggested(client, "her") == ["herbs"]

    await eventually(is_gone)


@pytest.mark.parametrize(
    "parameters", [{"q": ""}, {"q": "  "}, {"q": "x" * 101}, {}, {"q": "a", "limit": 0}, {"q": "a", "x": 1}]
)
async def test_what_nothing_can_be_suggested_for_is_refused(client: AsyncClient, parameters: dict[str, Any]) -> None:
    assert (await client.get(f"{URL}/suggest", params=parameters)).status_code == 422


async def test_a_word_that_stands_nowhere_finds_what_was_meant(filled: ASearch, client: AsyncClient) -> None:
    for query, meant, name in (
        ("노트뷱 관셰율", "노트북 관세율", "관세 안내.pdf"),
        ("custims duty", "customs duty", "tariffs/Duty table.xlsx"),
    ):
        for mode in ("hybrid", "keyword"):
            body = await corrected(client, query, mode=mode)
            assert body["did_you_mean"] == meant
            assert body["hits"][0]["document"]["name"] == name and body["hits"][0]["highlights"], query
        as_written = await client.post(URL, json={"query": query.split()[0], "mode": "keyword", "correct": False})
        assert as_written.json()["did_you_mean"] is None


async def test_the_meaning_that_is_looked_up_is_of_what_was_meant(filled: ASearch, client: AsyncClient) -> None:
    options = {"mode": "vector", "explain": True}
    wrong = await corrected(client, "custims duty", **options)
    right = (await client.post(URL, json={"query": "customs duty", **options})).json()
    as_written = (await client.post(URL, json={"query": "custims duty", "correct": False, **options})).json()
    scores = [[hit["explain"]["dense_score"] for hit in body["hits"]] for body in (wrong, right, as_written)]
    assert scores[0] == scores[1] != scores[2]


async def test_what_stands_somewhere_is_searched_as_it_is_written(filled: ASearch, client: AsyncClient) -> None:
    await corrected(client, "custims")
    before = await client.post(URL, json={"query": "customs duties", "explain": True})
    off = await client.post(URL, json={"query": "customs duties", "explain": True, "correct": False})
    assert hits(before) == hits(off) and before.json()["did_you_mean"] is None
    # Words of the language that no document has: a dictionary knows them, or the model's tokenizer.
    for query in ("customer", "관세청을", "내려지자", "노트를"):
        assert (await client.post(URL, json={"query": query})).json()["did_you_mean"] is None, query
    # A word that has just come, and which the vocabulary cannot know yet.
    await filled.add("Custims is a village.", given=labels(name="village.txt"))
    answer = await client.post(URL, json={"query": "custims"})
    assert answer.json()["did_you_mean"] is None and hits(answer)[0]["document"]["name"] == "village.txt"


async def test_pages_of_a_corrected_query_go_on(filled: ASearch, client: AsyncClient) -> None:
    for number in range(3):
        await filled.add(f"Customs house {number}.")
    first = await corrected(client, "custims", mode="keyword", limit=2)
    second = await client.post(
        URL, json={"query": "custims", "mode": "keyword", "limit": 2, "cursor": first["next_cursor"]}
    )
    assert len(hits(second)) == 2 and second.json()["did_you_mean"] == "customs"


async def test_words_move_with_their_document_and_numbers_alone_are_no_words(tmp_path: Path) -> None:
    async with a_search(tmp_path, model=_Tokenizing(), vocabulary=AT_ONCE) as search, over_http(search) as client:
        for number in range(2):
            await search.add(f"{number} 42", given=labels(name=f"{number}.csv", collection="a"))
        event = await search.add("Quarantine.", given=labels(name="moved.txt", collection="a"))
        assert await suggested(client, "quar", collection="a") == ["quarantine"]
        there = labels(name="moved.txt", collection="b")
        await search.hear(DocumentChanged(document_id=event.document_id, document_version=2, labels=there))
        await search.add("Nothing.", given=labels(name="b.txt", collection="b"))

        async def has_moved() -> bool:
            here = [await suggested(client, typed, collection="a") for typed in ("quar", "moved")]
            return here == [[], []] and await suggested(client, "quar", collection="b") == ["quarantine"]

        await eventually(has_moved)
        for name in ("0.csv", "1.csv"):
            assert await suggested(client, name[0], collection="a") == [name[0]]


async def test_words_of_hidden_collections_are_neither_suggested_nor_offered(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.write_text("reader-of-a-12345678 a read\nreader-of-b-12345678 b read\n")
    access = Access.from_file(keys)
    async with (
        a_search(tmp_path / "d", access=access, model=_Tokenizing(), vocabulary=AT_ONCE) as search,
        over_http(search) as client,
    ):
        await search.add("Harbour quarantine.", given=labels(name="secret.txt", collection="a"))
        await search.add("Nothing else.", given=labels(name="open.txt", collection="b"))
        client.headers["Authorization"] = "Bearer reader-of-a-12345678"
        assert await suggested(client, "quar") == ["quarantine"]
        assert (await corrected(client, "quarantone"))["did_you_mean"] == "quarantine"
        assert (await client.get(f"{URL}/suggest", params={"q": "o", "collection": "b"})).status_code == 404
        client.headers["Authorization"] = "Bearer reader-of-b-12345678"
        for typed in ("quar", "sec", "har"):
            assert await suggested(client, typed) == []
        assert (await client.post(URL, json={"query": "quarantone"})).json()["did_you_mean"] is None
