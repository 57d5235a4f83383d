"""`GET /api/v1/documents/{id}/similar`: documents like one."""

from pathlib import Path

from httpx import AsyncClient
from search_builders import ASearch, SmallModel, a_search, hits, over_http

from builders import labels
from shared.kernel import new_document_id
from shared.web.access import Access


def url(document_id: str) -> str:
    return f"/api/v1/documents/{document_id}/similar"


async def test_finds_documents_of_the_same_words_and_meaning_but_not_itself(
    search: ASearch, client: AsyncClient
) -> None:
    one = await search.add("Tariffs on green tea are high.", "Tea of other colours.", given=labels(name="one"))
    await search.add("Nobody reads about football.", given=labels(name="far"))
    await search.add("Green tea has high tariffs.", "A second chunk.", given=labels(name="near"))
    answer = await client.get(url(one.document_id), params={"explain": True})
    assert [hit["document"]["name"] for hit in hits(answer)] == ["near", "far"]
    assert hits(answer)[0]["explain"]["dense_score"] > hits(answer)[1]["explain"]["dense_score"]
    assert answer.json()["degraded"] == [] and answer.json()["next_cursor"] is None
    assert len(hits(await client.get(url(one.document_id.upper()), params={"limit": 1}))) == 1


async def test_korean_documents_are_alike_by_their_words(search: ASearch, client: AsyncClient) -> None:
    one = await search.add("노트북의 관세율은 0퍼센트이다.")
    await search.add("노트북 관세율 안내", given=labels(name="near"))
    await search.add("회의실 예약", given=labels(name="far"))
    assert [hit["document"]["name"] for hit in hits(await client.get(url(one.document_id)))] == ["near"]


async def test_what_cannot_be_compared_is_refused(search: ASearch, client: AsyncClient) -> None:
    one = await search.add("Green tea.")
    for document_id, refusal in (
        (new_document_id(), (404, "document_not_found")),
        ("nonsense", (422, "invalid_input")),
    ):
        answer = await client.get(url(document_id))
        assert (answer.status_code, answer.json()["code"]) == refusal
    assert (await client.get(url(one.document_id), params={"limit": 0})).status_code == 422
    assert (await client.get(url(one.document_id), params={"limit": 51})).status_code == 422
    assert hits(await client.get(url(one.document_id))) == []


async def test_another_s_documents_are_neither_compared_nor_shown(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.write_text("reader-of-a-12345678 a read\n")
    access = Access.from_file(keys)
    async with a_search(tmp_path / "data", access=access, model=SmallModel()) as search, over_http(search) as client:
        mine = await search.add("green tea", given=labels(collection="a", name="mine"))
        await search.add("green tea too", given=labels(collection="a", name="also mine"))
        other = await search.add("green tea as well", given=labels(collection="b"))
        headers = {"Authorization": "Bearer reader-of-a-12345678"}
        assert (await client.get(url(other.document_id), headers=headers)).status_code == 404
        found = hits(await client.get(url(mine.document_id), headers=headers))
        assert [hit["document"]["name"] for hit in found] == ["also mine"]
