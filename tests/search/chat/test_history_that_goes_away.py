"""PostgreSQL that goes away in the middle of an answer: the answer goes on, and what is not kept is said not to be."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from chat_builders import postgres_database
from chat_streams import URL, Told, a_chat, events, kept, told, until, without_gap
from httpx import AsyncClient
from llm_stand_in import DONE, HEAD, chunk, goes_on_after, llm_that
from search_builders import ASearch, a_search
from tcp_proxy import TcpProxy

from builders import eventually, labels

pytestmark = [pytest.mark.servers, pytest.mark.asyncio(loop_scope="module")]
QUESTION = {"question": "How long is the warranty?"}
WHOLE = "The warranty lasts 24 months. It covers the pump."
SECONDS = 2
"""So long a server may take to answer."""


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def search(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ASearch]:
    """One for all, with one document."""
    async with a_search(tmp_path_factory.mktemp("search")) as one:
        await one.add(WHOLE, given=labels(name="guide.txt"))
        yield one


@dataclass
class Answer:
    """One that waits in its middle, when its question is stored."""

    client: AsyncClient
    postgres: TcpProxy
    begun: list[Told]
    rest: AsyncGenerator[Told, None]
    go_on: Callable[[], None]

    @property
    def session(self) -> str:
        """Where it is kept."""
        session: str = self.begun[0]["data"]["session"]
        return session

    async def ended(self) -> tuple[list[Told], dict[str, Any]]:
        """Its events, and what the last one says."""
        self.go_on()
        whole = without_gap(self.begun + [event async for event in self.rest])
        assert whole[-1]["type"] == "message_complete"
        return whole, whole[-1]["data"]


@asynccontextmanager
async def in_the_middle(search: ASearch, folder: Path) -> AsyncIterator[Answer]:
    """Conversations are kept in PostgreSQL, which is reached through a proxy."""
    going_on = asyncio.Event()
    begins, goes_on = HEAD + chunk("The warranty lasts 24 months [1]. It "), chunk("covers the pump [1].")
    says = goes_on_after(going_on, begins, goes_on + chunk(reason="stop") + DONE)
    async with postgres_database() as url, llm_that(says) as llm:
        where = urlsplit(url)
        assert where.hostname and where.port
        async with TcpProxy(where.hostname, where.port) as postgres:
            behind = url.replace(f":{where.port}/", f":{postgres.port}/")
            given: dict[str, Any] = {
                "chat_url": behind,
                "server_timeout_seconds": SECONDS,
                "llm_url": llm.url,
                "llm_model": "m",
            }
            async with (
                a_chat(search, folder, **given) as client,
                client.stream("POST", URL, json=QUESTION) as response,
                aclosing(told(response)) as stream,
            ):
                begun = await until(stream, "citation")
                answer = Answer(client, postgres, begun, stream, going_on.set)

                async def is_begun() -> bool:
                    return (await client.get(f"{URL}/{answer.session}")).status_code == 200

                await eventually(is_begun)
                yield answer


def text_of(whole: list[Told]) -> str:
    return "".join(one["data"]["text"] for one in whole if one["type"] == "answer_delta")


async def goes_away(postgres: TcpProxy) -> None:
    await postgres.cut()


async def says_no_more(postgres: TcpProxy) -> None:
    await postgres.black_hole()


@pytest.mark.parametrize("happens", [goes_away, says_no_more])
async def test_the_answer_goes_on_and_says_that_it_is_not_kept(
    search: ASearch, tmp_path: Path, happens: Callable[[TcpProxy], Awaitable[None]]
) -> None:
    async with in_the_middle(search, tmp_path) as answer:
        await happens(answer.postgres)
        whole, end = await asyncio.wait_for(answer.ended(), 10 * SECONDS)
        assert text_of(whole) == WHOLE and end["finish_reason"] == "stop" and end["citations"] == 2
        assert end["degraded"] == ["history"] and end["tasks"]["history"]["status"] == "failed"
        assert end["tasks"]["answer"]["status"] == end["tasks"]["detail_pages"]["status"] == "done"
        (error,) = [one["data"] for one in whole if one["type"] == "error"]
        assert error["task"] == "history" and "PostgreSQL" in error["detail"]
        assert "history_saved" not in {one["type"] for one in whole}

        # Back again: what was said not to be kept is not, and the conversation goes on.
        await answer.postgres.restore()

        async def can_be_read() -> bool:
            return (await answer.client.get(f"{URL}/{answer.session}")).status_code == 200

        await eventually(can_be_read)
        (message,) = await kept(answer.client, answer.session)
        assert (message["state"], message["answer"]) == ("answering", "")
        again = events(await answer.client.post(URL, json=QUESTION | {"session": answer.session}))
        assert again[-1]["data"]["degraded"] == [] and "history_saved" in {one["type"] for one in again}
        messages = await kept(answer.client, answer.session)
        assert [(one["ordinal"], one["state"]) for one in messages] == [(1, "answering"), (2, "done")]


async def test_what_is_back_before_the_answer_ends_keeps_it_all_the_same(search: ASearch, tmp_path: Path) -> None:
    async with in_the_middle(search, tmp_path) as answer:
        await answer.postgres.cut()
        await answer.postgres.restore()
        whole, end = await answer.ended()
        assert text_of(whole) == WHOLE and end["degraded"] == [] and end["tasks"]["history"]["status"] == "done"
        assert [one["data"]["message_id"] for one in whole if one["type"] == "history_saved"] == [
            whole[0]["message_id"]
        ]
        (message,) = await kept(answer.client, answer.session)
        assert (message["state"], message["answer"], len(message["citations"])) == ("done", WHOLE, 2)


async def test_a_conversation_that_cannot_be_read_is_gone_on_with_all_the_same(search: ASearch, tmp_path: Path) -> None:
    async with in_the_middle(search, tmp_path) as answer:
        await answer.ended()
        await answer.postgres.cut()
        again = events(await answer.client.post(URL, json=QUESTION | {"session": answer.session}))
        assert text_of(again) == WHOLE and again[-1]["data"]["finish_reason"] == "stop"
        assert again[-1]["data"]["degraded"] == ["history"]
        unread = await answer.client.get(f"{URL}/{answer.session}/messages")
        assert unread.status_code == 503 and unread.headers["content-type"] == "application/problem+json"
