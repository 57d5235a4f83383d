"""Fifty conversations at once: each is answered whole and kept in order, and nothing of them stays in memory."""

import asyncio
import gc
import json
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import pytest
import pytest_asyncio
from chat_streams import URL, Told, a_chat, kept, without_gap
from httpx import AsyncClient
from search_builders import ASearch, a_search

from builders import eventually, labels
from search.chat.application.citing import Citing
from search.chat.application.message import Message
from search.chat.application.message_stream import MessageStream
from search.chat.application.parallel_tasks import ParallelTaskManager

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]
AT_ONCE: Final = 50
QUESTIONS: Final = ("How long is the warranty?", "What does it cover?")
ANSWERS: Final = ("The warranty lasts 24 months.", "The warranty covers the pump.")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def search(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ASearch]:
    """With one document."""
    async with a_search(tmp_path_factory.mktemp("search")) as one:
        await one.add(" ".join(ANSWERS), given=labels(name="guide.txt"))
        yield one


async def asked(client: AsyncClient, **body: str | bool) -> list[Told]:
    """The events; what each must look like is looked at elsewhere: here it would be most of the work."""
    response = await client.post(URL, json=body)
    assert response.status_code == 200, response.text
    told = [json.loads(line[6:]) for line in response.text.splitlines() if line.startswith("data: ")]
    return without_gap(told)


async def a_conversation(client: AsyncClient) -> tuple[str, list[list[Told]]]:
    """Its session, and the events of its answers."""
    first = await asked(client, question=QUESTIONS[0])
    session: str = first[0]["data"]["session"]
    return session, [first, await asked(client, question=QUESTIONS[1], session=session)]


def kept_in_memory() -> Counter[str]:
    """What belongs to an answer that runs or can be taken up again."""
    gc.collect()
    kinds = (Message, MessageStream, ParallelTaskManager, Citing)
    found = Counter(type(one).__name__ for one in gc.get_objects() if isinstance(one, kinds))
    found["tasks"] = sum(one.get_name().startswith("chat-") for one in asyncio.all_tasks())
    return +found


async def test_fifty_conversations_at_once_are_whole_and_leave_nothing_behind(search: ASearch, tmp_path: Path) -> None:
    turned = [0.0]
    async with a_chat(search, tmp_path, monotonic=lambda: asyncio.get_running_loop().time() + turned[0]) as client:
        for _ in range(2):
            told = await asyncio.gather(*(a_conversation(client) for _ in range(AT_ONCE)))
            assert len({session for session, _ in told}) == AT_ONCE
            for session, (first, second) in told:
                for stream, said in zip((first, second), ANSWERS, strict=True):
                    end: dict[str, Any] = stream[-1]["data"]
                    assert (stream[-1]["type"], end["finish_reason"], end["degraded"]) == (
                        "message_complete",
                        "stop",
                        [],
                    )
                    assert {task["status"] for task in end["tasks"].values()} == {"done"}
                    text = "".join(one["data"]["text"] for one in stream if one["type"] == "answer_delta")
                    assert said in text
                messages = await kept(client, session)
                assert [(one["ordinal"], one["state"]) for one in messages] == [(1, "done"), (2, "done")]
            # What an answer was made of goes with its end, its events after a while. Its task ends a turn after its
            # last event is told.
            await eventually(lambda: set(kept_in_memory()) == {"MessageStream"}, every_seconds=0.1)
            # All can be taken up again for five minutes; then the next question finds none of them.
            turned[0] += 301
            await asked(client, question=QUESTIONS[0], remember=False)
            await eventually(lambda: kept_in_memory() == {"MessageStream": 1}, every_seconds=0.1)
    await eventually(lambda: not kept_in_memory(), every_seconds=0.1)
