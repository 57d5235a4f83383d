"""Streams that are cancelled, left, taken up again and asked for too late, over real connections."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from chat_streams import URL, Told, a_chat, events, kept, told, until, without_gap
from httpx import AsyncClient
from llm_stand_in import DONE, HEAD, Say, StandIn, chunk, goes_on_after, llm_that, then_hangs
from search_builders import ASearch, a_search

from builders import eventually, labels
from search.chat.application.message_stream import StreamTimes
from shared.kernel import new_id

pytestmark = pytest.mark.asyncio(loop_scope="module")
BEGINS = "The warranty lasts 24 months [1]. It "
QUESTION = {"question": "How long is the warranty?"}


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def search(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ASearch]:
    """One for all, with one document."""
    async with a_search(tmp_path_factory.mktemp("search")) as one:
        await one.add("The warranty lasts 24 months. It covers the pump.", given=labels(name="guide.txt"))
        yield one


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def client(search: ASearch, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[AsyncClient]:
    """A door for tests that need no times of their own."""
    async with a_chat(search, tmp_path_factory.mktemp("chat")) as one:
        yield one


@pytest_asyncio.fixture(loop_scope="module")
async def llm() -> AsyncIterator[StandIn]:
    """Begins an answer and says no more."""
    async with llm_that(then_hangs(HEAD, chunk(BEGINS))) as server:
        yield server


def goes_on_when(told_to: asyncio.Event) -> Say:
    """The same, and the rest when it is told to."""
    return goes_on_after(told_to, HEAD + chunk(BEGINS), chunk("covers the pump [1].") + chunk(reason="stop") + DONE)


async def left_after(client: AsyncClient, name: str, **body: Any) -> list[Told]:
    """What was told up to the first event of this name, when the connection was closed."""
    async with client.stream("POST", URL, json=QUESTION | body) as response, aclosing(told(response)) as stream:
        return await until(stream, name)


def place_of(event: Told, session: str) -> str:
    return f"{URL}/{session}/messages/{event['message_id']}"


async def test_an_answer_that_is_cancelled_ends_and_is_kept_as_far_as_it_came(
    search: ASearch, llm: StandIn, tmp_path: Path
) -> None:
    async with (
        a_chat(search, tmp_path, llm_url=llm.url, llm_model="m") as client,
        client.stream("POST", URL, json=QUESTION) as response,
        aclosing(told(response)) as stream,
    ):
        begun = await until(stream, "citation")
        session = begun[0]["data"]["session"]
        place = place_of(begun[0], session)
        assert (await client.post(f"{place}/cancel")).json()["was_running"] is True
        end = (without_gap(begun + [event async for event in stream]))[-1]
        assert (end["type"], end["data"]["finish_reason"]) == ("message_complete", "cancelled")
        tasks = {name: task["status"] for name, task in end["data"]["tasks"].items()}
        assert tasks["answer"] == "cancelled" and tasks["history"] == "done"
        await asyncio.wait_for(llm.left.wait(), 60)
        (message,) = await kept(client, session)
        assert message["state"] == "cancelled" and message["answer"].startswith("The warranty lasts 24 months.")
        assert [one["supported"] for one in message["citations"]] == [True]
        assert (await client.post(f"{place}/cancel")).json()["was_running"] is False
        assert (await client.post(f"{URL}/{session}/messages/{new_id()}/cancel")).status_code == 404


async def test_who_leaves_for_good_breaks_the_answer_off_and_it_is_kept(
    search: ASearch, llm: StandIn, tmp_path: Path
) -> None:
    times = StreamTimes(abandoned_seconds=0.01)
    async with a_chat(search, tmp_path, times=times, llm_url=llm.url, llm_model="m") as client:
        begun = await left_after(client, "citation")
        session = begun[0]["data"]["session"]

        async def is_stored() -> bool:
            answer = await client.get(f"{URL}/{session}/messages")
            return answer.status_code == 200 and answer.json()["items"][0]["state"] != "answering"

        await eventually(is_stored)
        await asyncio.wait_for(llm.left.wait(), 60)
        (message,) = await kept(client, session)
        assert message["state"] == "broken_off" and message["answer"].startswith("The warranty lasts 24 months.")
        assert [one["supported"] for one in message["citations"]] == [True]
        whole = events(await client.get(f"{place_of(begun[0], session)}/events"))
        assert whole[: len(begun)] == begun and whole[-1]["data"]["finish_reason"] == "broken_off"


async def test_who_comes_back_finds_the_rest_and_nothing_is_made_anew(search: ASearch, tmp_path: Path) -> None:
    going_on = asyncio.Event()
    async with llm_that(goes_on_when(going_on)) as llm:
        times = StreamTimes(abandoned_seconds=60)
        async with a_chat(search, tmp_path, times=times, llm_url=llm.url, llm_model="m") as client:
            begun = await left_after(client, "citation")
            place = place_of(begun[0], begun[0]["data"]["session"])
            last = f"{begun[-1]['message_id']}:{begun[-1]['sequence']}"
            headers = {"Last-Event-ID": last}
            async with client.stream("GET", f"{place}/events", headers=headers) as again:
                going_on.set()
                rest = [event async for event in told(again)]
        whole = without_gap(begun + rest)
        text = "".join(one["data"]["text"] for one in whole if one["type"] == "answer_delta")
        assert text == "The warranty lasts 24 months. It covers the pump."
        assert whole[-1]["data"]["finish_reason"] == "stop" and len(llm.asked) == 1


async def test_buttons_do_not_wait_for_the_first_word_of_a_language_model(search: ASearch, tmp_path: Path) -> None:
    going_on = asyncio.Event()
    says_late = goes_on_after(going_on, b"", HEAD + chunk("It covers the pump [1].") + chunk(reason="stop") + DONE)
    question = {"question": "Is the pump of HS 8413.70 covered?"}
    async with llm_that(says_late) as llm:
        settings: dict[str, Any] = {"llm_url": llm.url, "llm_model": "m", "llm_first_token_seconds": 60}
        async with (
            a_chat(search, tmp_path, **settings) as client,
            client.stream("POST", URL, json=question) as response,
            aclosing(told(response)) as stream,
        ):
            begun = await until(stream, "detail_page_buttons_complete")
            going_on.set()
            rest = [event async for event in stream]
    assert "841370" in [one["data"]["code"] for one in begun if one["type"] == "detail_page_button_ready"]
    assert "answer_delta" not in [one["type"] for one in begun]
    end = without_gap(begun + rest)[-1]["data"]
    assert (end["finish_reason"], end["degraded"]) == ("stop", [])


async def test_a_stream_is_taken_up_for_five_minutes_and_then_refused_clearly(search: ASearch, tmp_path: Path) -> None:
    turned = [0.0]
    async with a_chat(search, tmp_path, monotonic=lambda: asyncio.get_running_loop().time() + turned[0]) as client:
        asked = events(await client.post(URL, json=QUESTION))
        session = asked[0]["data"]["session"]
        place = place_of(asked[0], session)
        headers = {"Last-Event-ID": f"{asked[0]['message_id']}:3"}
        turned[0] = 200  # what the machine takes meanwhile counts too
        assert events(await client.get(f"{place}/events", headers=headers)) == asked[3:]
        turned[0] = 310
        late = await client.get(f"{place}/events", headers=headers)
        assert (late.status_code, late.json()["code"]) == (410, "stream_expired")
        assert late.headers["content-type"] == "application/problem+json"
        assert [one["state"] for one in await kept(client, session)] == ["done"]
        never = await client.get(f"{URL}/{session}/messages/{new_id()}/events")
        assert (never.status_code, never.json()["code"]) == (404, "message_not_found")


@pytest.mark.parametrize("last", ["{other}:2", "{own}", "{own}:x", "{own}:-1", ":2", "{own}:²", "x" * 150])
async def test_the_last_event_of_another_message_is_refused(client: AsyncClient, last: str) -> None:
    asked = events(await client.post(URL, json=QUESTION))
    place = place_of(asked[0], asked[0]["data"]["session"])
    sent = last.format(other=new_id(), own=asked[0]["message_id"]).encode()
    answer = await client.get(f"{place}/events", headers={b"Last-Event-ID": sent})
    assert (answer.status_code, answer.json()["code"]) == (422, "wrong_last_event_id")


async def test_two_messages_at_once_in_one_session_are_both_answered_and_kept(client: AsyncClient) -> None:
    session = events(await client.post(URL, json=QUESTION))[0]["data"]["session"]
    questions = ["How long is the warranty?", "What does the warranty cover?"]
    answers = await asyncio.gather(*(client.post(URL, json={"question": one, "session": session}) for one in questions))
    streams = [events(answer) for answer in answers]
    assert [stream[0]["data"]["question"] for stream in streams] == questions
    assert all(stream[-1]["data"]["finish_reason"] == "stop" for stream in streams)
    assert all({one["message_id"] for one in stream} == {stream[0]["message_id"]} for stream in streams)
    messages = await kept(client, session)
    assert [one["ordinal"] for one in messages] == [1, 2, 3]
    assert {one["question"] for one in messages[1:]} == set(questions)
    assert all(one["state"] == "done" and one["answer"] for one in messages)


async def test_a_conversation_that_is_deleted_while_it_is_answered_stays_deleted(
    search: ASearch, llm: StandIn, tmp_path: Path
) -> None:
    async with (
        a_chat(search, tmp_path, llm_url=llm.url, llm_model="m") as client,
        client.stream("POST", URL, json=QUESTION) as response,
        aclosing(told(response)) as stream,
    ):
        begun = await until(stream, "citation")
        session = begun[0]["data"]["session"]
        assert (await client.delete(f"{URL}/{session}")).status_code == 204
        rest = [event async for event in stream]
        assert rest[-1]["data"]["finish_reason"] == "cancelled" and "history_saved" not in {one["type"] for one in rest}
        assert (await client.get(f"{URL}/{session}")).status_code == 404


async def test_a_server_that_ends_keeps_what_it_has_told(search: ASearch, llm: StandIn, tmp_path: Path) -> None:
    async with a_chat(search, tmp_path, llm_url=llm.url, llm_model="m") as client:
        begun = await left_after(client, "citation")
    async with a_chat(search, tmp_path) as client:
        session = begun[0]["data"]["session"]
        (message,) = await kept(client, session)
        assert message["state"] == "broken_off" and message["answer"].startswith("The warranty lasts 24 months.")
        gone = await client.get(f"{place_of(begun[0], session)}/events")
        assert (gone.status_code, gone.json()["code"]) == (410, "stream_expired")


async def test_an_answer_whose_history_is_broken_is_whole_and_says_so(search: ASearch, tmp_path: Path) -> None:
    (tmp_path / "chat.sqlite").mkdir()
    async with a_chat(search, tmp_path) as client:
        asked = events(await client.post(URL, json=QUESTION))
        (error,) = [one["data"] for one in asked if one["type"] == "error"]
        assert error["task"] == "history" and error["detail"]
        end = asked[-1]["data"]
        assert "history" in end["degraded"] and end["tasks"]["history"]["status"] == "failed"
        assert end["finish_reason"] == "stop" and end["citations"] >= 1
