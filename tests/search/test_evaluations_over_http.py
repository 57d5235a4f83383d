"""`/api/v1/evaluations` as a client sees it."""

from pathlib import Path
from typing import Any

import pytest
from httpx import AsyncClient
from search_builders import ASearch, a_search, over_http

from builders import labels
from shared.web.access import Access

pytestmark = pytest.mark.slow  # whole sets are asked

URL = "/api/v1/evaluations"


def a_set(**changes: Any) -> dict[str, Any]:
    questions = [
        {"id": "q1", "text": "green tea", "relevant": {"tea.txt": 1}},
        {"id": "q2", "text": "strong coffee", "relevant": {"coffee.txt": 2, "lost.txt": 1}},
        {"id": "q3", "text": "노트북 관세율", "relevant": {"관세.txt": 1, "tea.txt": 0}},
        {"id": "q4", "text": "nobody knows", "relevant": {}},
    ]
    return {"name": "drinks", "questions": questions, **changes}


@pytest.fixture
async def filled(search: ASearch) -> ASearch:
    await search.add("Green tea is fresh.", given=labels(name="leaf.txt", names=("tea.txt", "leaf.txt")))
    await search.add("Coffee is strong.", given=labels(name="coffee.txt"))
    await search.add("노트북의 관세율은 0퍼센트이다.", given=labels(name="관세.txt"))
    return search


async def test_a_set_is_asked_measured_and_kept(filled: ASearch, client: AsyncClient) -> None:
    made = await client.post(URL, json=a_set(mode="keyword"))
    assert made.status_code == 201, made.text
    body = made.json()
    assert (body["name"], body["collection"], body["mode"]) == ("drinks", "default", "keyword")
    assert (body["questions"], body["without_answer"], body["unknown_documents"]) == (3, 1, 1)
    assert body["metrics"]["mrr_10"] == 1 and body["metrics"]["recall_10"] == pytest.approx(2.5 / 3)
    assert body["intervals"]["recall_100"][0] <= body["metrics"]["recall_100"] <= body["intervals"]["recall_100"][1]
    assert {code: one["questions"] for code, one in body["per_language"].items()} == {"en": 2, "ko": 1}
    assert [one["id"] for one in body["per_question"]] == ["q1", "q2", "q3"]
    assert body["degraded"] == {} and body["took_ms"] >= 0
    assert (await client.get(f"{URL}/{body['id']}")).json() == body
    listed = (await client.get(URL)).json()
    head = {name: value for name, value in body.items() if name != "per_question"}
    assert (listed["items"], listed["total"], listed["next_cursor"]) == ([head], 1, None)


async def test_two_are_compared_over_the_questions_they_share(filled: ASearch, client: AsyncClient) -> None:
    other = (await client.post(URL, json=a_set(mode="keyword"))).json()["id"]
    await filled.add("strong coffee " * 5, given=labels(name="strong coffee.txt"))
    fewer = [one for one in a_set()["questions"] if one["id"] in ("q1", "q2")]
    later = (await client.post(URL, json=a_set(mode="keyword", questions=fewer))).json()["id"]
    said = (await client.get(f"{URL}/{later}/compare/{other}")).json()
    assert said["questions"] == 2
    assert said["differences"]["ndcg_10"]["difference"] < 0 and 0 < said["differences"]["ndcg_10"]["p"] <= 1
    assert [one["id"] for one in said["losers"]] == ["q2"] and said["winners"] == []
    same = (await client.get(f"{URL}/{later}/compare/{later}")).json()
    assert same["differences"]["mrr_10"] == {"difference": 0, "interval": [0, 0], "p": 1}
    foreign = [{"id": "q9", "text": "tea", "relevant": {"tea.txt": 1}}]
    another = (await client.post(URL, json=a_set(questions=foreign))).json()["id"]
    refused = await client.get(f"{URL}/{later}/compare/{another}")
    assert refused.status_code == 422 and "no question in common" in refused.json()["detail"]


async def test_a_list_is_paged_the_newest_first(filled: ASearch, client: AsyncClient) -> None:
    made = [(await client.post(URL, json=a_set(name=str(n), mode="keyword"))).json()["id"] for n in range(3)]
    found: list[str] = []
    cursor: str | None = None
    while True:
        page = (await client.get(URL, params={"limit": 2, **({"cursor": cursor} if cursor else {})})).json()
        assert page["total"] == 3
        found += [one["id"] for one in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert found == made[::-1]
    assert (await client.get(URL, params={"cursor": "bm9uZQ"})).json()["code"] == "wrong_cursor"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"questions": []}, "questions"),
        ({"questions": [{"id": "a", "text": "tea", "relevant": {}}]}, "questions"),
        ({"questions": [{"id": "a", "text": "tea", "relevant": {"tea.txt": 0}}]}, "questions"),
        ({"questions": [{"id": "a", "text": "  ", "relevant": {"tea.txt": 1}}]}, "questions.0.text"),
        ({"questions": [{"id": "a", "text": "tea", "relevant": {"tea.txt": -1}}]}, "questions.0.relevant"),
        ({"questions": [{"id": "a", "text": "tea", "relevant": {"tea.txt": 1}}] * 2}, "questions.1.id"),
        ({"questions": [{"id": "a", "text": "x" * 2001, "relevant": {"tea.txt": 1}}]}, "questions.0.text"),
        ({"mode": "magic"}, "mode"),
        ({"name": ""}, "name"),
        ({"more": 1}, "more"),
    ],
)
async def test_what_cannot_be_asked_is_refused_by_name(
    client: AsyncClient, changes: dict[str, Any], field: str
) -> None:
    answer = await client.post(URL, json=a_set(**changes))
    assert answer.status_code == 422
    assert any(field in error["field"] for error in answer.json()["errors"]), answer.text
    assert (await client.get(URL)).json()["total"] == 0


async def test_what_is_not_there_is_not_found(client: AsyncClient) -> None:
    assert (await client.post(URL, json=a_set(collection="none"))).json()["code"] == "collection_not_found"
    unknown = "00000000-0000-4000-8000-000000000000"
    for path in (f"/{unknown}", f"/{unknown}/compare/{unknown}"):
        answer = await client.get(URL + path)
        assert (answer.status_code, answer.json()["code"]) == (404, "evaluation_not_found")
    assert (await client.get(f"{URL}/nonsense")).status_code == 422


async def test_a_key_sees_only_evaluations_of_its_collections(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.write_text(
        "writer-of-a-12345678 a read,write\nreader-of-a-12345678 a read\nwriter-of-b-12345678 b read,write\n"
    )
    async with a_search(tmp_path / "data", access=Access.from_file(keys)) as search, over_http(search) as client:
        await search.add("Green tea.", given=labels(name="tea.txt", collection="a"))
        await search.add("Green tea.", given=labels(name="tea.txt", collection="b"))
        by = {
            name: {"Authorization": f"Bearer {name}-12345678"} for name in ("writer-of-a", "reader-of-a", "writer-of-b")
        }
        made = await client.post(URL, json=a_set(collection="a"), headers=by["writer-of-a"])
        assert made.status_code == 201
        assert (await client.post(URL, json=a_set(collection="a"), headers=by["reader-of-a"])).status_code == 403
        assert (await client.post(URL, json=a_set(collection="a"), headers=by["writer-of-b"])).status_code == 404
        one = f"{URL}/{made.json()['id']}"
        assert (await client.get(one, headers=by["reader-of-a"])).status_code == 200
        assert (await client.get(one, headers=by["writer-of-b"])).status_code == 404
        assert (await client.get(f"{one}/compare/{made.json()['id']}", headers=by["writer-of-b"])).status_code == 404
        assert (await client.get(URL, headers=by["writer-of-b"])).json() == {
            "items": [],
            "next_cursor": None,
            "total": 0,
        }
