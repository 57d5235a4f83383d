"""The lines of a stream as they are sent: nothing is left behind by whoever leaves, whenever that is."""

import asyncio
import gc
from typing import Any

import pytest

from search.chat.application.message_stream import MessageStream
from search.chat.interface.http import event_lines
from shared.kernel import new_id


def a_stream() -> MessageStream:
    stream = MessageStream(new_id(), new_id(), "me")
    stream.add("history_saved", {"message_id": stream.message_id})
    return stream


async def test_all_events_come_and_then_it_is_over() -> None:
    stream = a_stream()
    lines = event_lines(stream, after=0)
    assert b"event: history_saved" in await anext(lines)
    stream.end()
    assert [line async for line in lines] == []
    assert not stream.has_followers


@pytest.mark.parametrize("turns", range(4))
async def test_who_leaves_as_it_ends_leaves_no_failure_behind(turns: int) -> None:
    failures: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: failures.append(context))
    stream = a_stream()
    lines = event_lines(stream, after=0)
    await anext(lines)
    waiting = asyncio.ensure_future(anext(lines))
    await asyncio.sleep(0)
    await asyncio.sleep(0)  # it waits for an event that has not come
    stream.end()
    for _ in range(turns):
        await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait((waiting,))
    await lines.aclose()  # type: ignore[attr-defined]
    del lines, waiting
    gc.collect()
    assert failures == [] and not stream.has_followers
