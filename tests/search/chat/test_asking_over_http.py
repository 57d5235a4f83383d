"""`/api/v1/chat` as a client sees it."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from chat_streams import URL, events
from httpx import AsyncClient
from search_builders import ASearch, a_search, over_http

from builders import labels
from shared.kernel import new_id
from shared.web.access import Access, Principal

pytestmark = pytest.mark.asyncio(loop_scope="module")
MINE, THEIRS = ({"authorization": f"Bearer {key}"} for key in ("a-key-of-mine-0001", "a-key-of-theirs-01"))


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def search(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ASearch]:
    """One for all, with two keys."""
    everything = Principal(frozenset("*"), frozenset(("read",)))
    access = Access({one["authorization"].split()[1]: everything for one in (MINE, THEIRS)})
    async with a_search(tmp_path_factory.mktemp("search"), access=access) as one:
        yield one


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def client(search: ASearch) -> AsyncIterator[AsyncClient]:
    async with over_http(search) as one:
        one.headers.update(MINE)
        yield one


async def sessions(client: AsyncClient) -> int:
    total: int = (await client.get(f"{URL}/sessions")).json()["total"]
    return total


async def test_a_question_is_answered_kept_taken_up_again_rated_and_deleted(
    search: ASearch, client: AsyncClient
) -> None:
    await search.add("Green tea is taxed at 8 percent.", given=labels(name="tea.txt"))
    asked = events(await client.post(URL, json={"question": "How is green tea taxed?"}))
    names = [one["type"] for one in asked]
    assert names[0] == "message_start" and names[-1] == "message_complete" and asked[0]["sequence"] == 1
    assert {"answer_delta", "citation", "detail_page_buttons_complete", "history_saved"} <= set(names)
    assert {task["status"] for task in asked[-1]["data"]["tasks"].values()} == {"done"}
    session, message = asked[0]["data"]["session"], asked[0]["message_id"]
    place = f"{URL}/{session}/messages/{message}"
    again = await client.get(f"{place}/events", headers={"Last-Event-ID": f"{message}:2"})
    assert events(again) == asked[2:]
    foreign = await client.get(f"{place}/events", headers={"Last-Event-ID": f"{new_id()}:2"})
    assert (foreign.status_code, foreign.json()["code"]) == (422, "wrong_last_event_id")
    assert (await client.post(f"{place}/feedback", json={"rating": "up"})).status_code == 204
    assert (await client.post(f"{place}/cancel")).json()["was_running"] is False
    kept = (await client.get(f"{URL}/{session}/messages")).json()
    assert kept["total"] == 1 and "8 percent" in kept["items"][0]["answer"]
    assert kept["items"][0]["feedback"]["rating"] == "up"
    assert (await client.delete(f"{URL}/{session}")).status_code == 204
    assert (await client.get(f"{URL}/{session}")).status_code == 404


async def test_codes_of_passages_that_do_not_answer_are_no_buttons(search: ASearch, client: AsyncClient) -> None:
    await search.add("In 1998 portable computers of heading 8471.30 were free of duty in most countries.")

    async def codes(question: str) -> tuple[str, set[str]]:
        asked = events(await client.post(URL, json={"question": question}))
        buttons = {one["data"]["code"] for one in asked if one["type"] == "detail_page_button_ready"}
        return asked[-1]["data"]["finish_reason"], buttons

    reason, buttons = await codes("Which computers were free of duty in 1998?")
    assert reason == "stop" and "847130" in buttons
    reason, buttons = await codes("Which painter sold most pictures of ships, bridges, rivers and old mills?")
    assert reason == "nothing_found" and "847130" not in buttons


async def test_a_citation_says_the_page_and_the_box_where_its_document_has_them(
    search: ASearch, client: AsyncClient
) -> None:
    box = {"page": 3, "left": 0.1, "top": 0.2, "right": 0.9, "bottom": 0.25}
    edges = (box["left"], box["top"], box["right"], box["bottom"])
    places: dict[str, dict[str, Any]] = {"printed.pdf": {"page": 3, "box": edges}, "plain.txt": {"page": None}}
    for name, place in places.items():
        await search.add(f"The quota of {name} is 70 tons.", given=labels(name=name), **place)
        asked = events(await client.post(URL, json={"question": f"What is the quota of {name}?"}))
        cited = next(one["data"] for one in asked if one["type"] == "citation")
        assert cited["document"]["name"] == name and "70 tons" in cited["quote"]
        assert (cited["chunk"]["page"], cited["chunk"]["box"]) == ((3, box) if "box" in place else (None, None))
        (message,) = (await client.get(f"{URL}/{asked[0]['data']['session']}/messages")).json()["items"]
        assert message["citations"][0] == cited


async def test_what_is_not_to_be_remembered_is_not(client: AsyncClient) -> None:
    before = await sessions(client)
    asked = events(await client.post(URL, json={"question": "tea?", "remember": False}))
    assert asked[-1]["data"]["tasks"]["history"]["status"] == "skipped"
    assert await sessions(client) == before


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"question": "  "}, 422),
        ({"question": "x" * 20_000}, 422),
        ({"question": "tea?", "collection": "nowhere"}, 404),
        ({"question": "tea?", "session": new_id()}, 404),
        ({"question": "tea?", "filters": {"nothing": 1}}, 422),
        ({"question": "tea?", "unknown": 1}, 422),
    ],
)
async def test_what_cannot_be_answered_is_a_problem_and_leaves_no_trace(
    client: AsyncClient, body: dict[str, Any], status: int
) -> None:
    before = await sessions(client)
    assert (await client.post(URL, json=body)).status_code == status
    assert await sessions(client) == before


async def test_a_session_of_another_key_is_none(client: AsyncClient) -> None:
    asked = events(await client.post(URL, json={"question": "tea?"}))
    session, message = asked[0]["data"]["session"], asked[0]["message_id"]
    place = f"{URL}/{session}"
    for path in (place, f"{place}/messages", f"{place}/messages/{message}/events"):
        assert (await client.get(path, headers=THEIRS)).status_code == 404
    assert (await client.delete(place, headers=THEIRS)).status_code == 404
    body = {"question": "tea?", "session": session}
    assert (await client.post(URL, json=body, headers=THEIRS)).status_code == 404
    assert events(await client.post(URL, json=body))[0]["data"]["session"] == session
