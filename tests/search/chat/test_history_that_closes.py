"""Conversations that are closed while something is still written: nothing goes on behind who closed them."""

import asyncio
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest
from chat_builders import a_question, a_source
from sqlalchemy import event
from sqlalchemy.engine import Engine

from builders import eventually
from search.chat.infrastructure.history.source import FILE
from shared.kernel import Unavailable


async def test_what_was_broken_off_is_out_of_the_file_when_it_is_closed(tmp_path: Path) -> None:
    sent: list[str] = []

    def note(connection: object, cursor: object, sql: str, *_: object) -> None:
        sent.append(sql)

    before = set(threading.enumerate())
    async with a_source(tmp_path) as source:
        history = await source.get()
        event.listen(Engine, "before_cursor_execute", note)
        try:
            with closing(sqlite3.connect(tmp_path / FILE, isolation_level=None)) as other:
                other.execute("BEGIN IMMEDIATE")
                writing = asyncio.create_task(history.begin(a_question()))
                # In the driver's thread, where it waits for the other writer.
                await eventually(lambda: any(not sql.startswith("BEGIN") for sql in sent))
                # Once to be broken off, and once more, as a loop that ends does, while it is broken off.
                for _ in range(2):
                    writing.cancel()
                    await asyncio.wait({writing}, timeout=0.2)
                assert writing.cancelled()
                leaving = asyncio.create_task(source.__aexit__())
                await asyncio.wait({leaving}, timeout=0.2)
                other.execute("ROLLBACK")
            await leaving
        finally:
            event.remove(Engine, "before_cursor_execute", note)
        left = [one.name for one in set(threading.enumerate()) - before if "_connection_worker_thread" in one.name]
        assert left == []


async def test_who_asks_when_it_is_closed_opens_nothing(tmp_path: Path) -> None:
    async with a_source(tmp_path) as source:
        await source.get()
    with pytest.raises(Unavailable, match="server ends"):
        await source.get()
