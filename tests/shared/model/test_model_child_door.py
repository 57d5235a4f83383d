"""The synchronous door to a child process: from any thread, and without leaving a child behind."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest
from picture_builders import a_picture, as_file, ocr_reader

from builders import eventually
from shared.kernel import Unavailable
from shared.model.engines.cores import usable_cores
from shared.model.pictures.child_door import ChildDoor, ChildEnded, ChildError


def a_door(module: str = "shared.model.graph.building", setup: dict[str, Any] | None = None) -> ChildDoor:
    return ChildDoor(module, name="thing", start_timeout_seconds=30, setup=setup)


def test_the_child_outlives_the_thread_that_started_it() -> None:
    door = a_door()
    try:
        starter = threading.Thread(target=door.start)
        starter.start()
        starter.join()
        pid = door.pid
        with pytest.raises(ChildError, match="KeyError"):
            door.call("unknown", timeout_seconds=10)
        assert door.is_alive
        assert door.pid == pid
        assert door.memory_bytes > 1 << 20
    finally:
        door.close()
    assert pid is not None
    assert not psutil.pid_exists(pid)


def test_a_door_that_was_never_used_has_no_child_and_closes() -> None:
    door = a_door()
    assert (door.is_alive, door.pid, door.memory_bytes) == (False, None, 0)
    door.close()
    with pytest.raises(Unavailable, match="The thing was unloaded"):
        door.call("build", timeout_seconds=1)


def test_a_child_that_cannot_start_is_not_started_again_at_once() -> None:
    door = a_door("shared.no_such_module", setup={})
    try:
        with pytest.raises(ChildEnded):
            door.start()
        with pytest.raises(Unavailable, match="tried again soon") as early:
            door.call("anything", timeout_seconds=30)
        assert early.value.specific_code == "child_not_started"
        assert 0 < early.value.retry_after_seconds <= 30
    finally:
        door.close()


def test_a_child_that_cannot_be_set_up_is_unavailable_to_calls_and_tells_the_cause() -> None:
    door = a_door(setup={})
    try:
        with pytest.raises(Unavailable, match="could not be started again: KeyError: 'setup'"):
            door.call("build", timeout_seconds=30)
        assert not door.is_alive
    finally:
        door.close()


def test_a_door_closes_while_its_child_is_being_started(monkeypatch: pytest.MonkeyPatch) -> None:
    connect, is_connecting = asyncio.SelectorEventLoop.connect_write_pipe, threading.Event()

    async def connect_late(loop: Any, *how: Any) -> Any:
        is_connecting.set()
        await asyncio.sleep(0.1)
        return await connect(loop, *how)

    monkeypatch.setattr(asyncio.SelectorEventLoop, "connect_write_pipe", connect_late)
    door, ends = a_door(), []

    def start() -> None:
        with pytest.raises(Unavailable, match="was unloaded"):
            door.start()
        ends.append("call")

    def close() -> None:
        assert is_connecting.wait(30)
        door.close()
        ends.append("door")

    threads = [threading.Thread(target=work, daemon=True) for work in (start, close)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(ends) == ["call", "door"]


async def test_calls_under_way_end_when_the_door_closes(tmp_path: Path) -> None:
    reader = ocr_reader(tmp_path)
    page = as_file(a_picture(*["many words on a long page of text"] * 150))
    with ThreadPoolExecutor(4) as threads:
        try:
            calls = [threads.submit(reader.read_text, [page]) for _ in range(4)]
            before = reader.memory_bytes
            await eventually(lambda: reader.memory_bytes > before + (1 << 20) or usable_cores() < 2)
        finally:
            reader.close()
        errors = [call.exception(timeout=30) for call in calls]
    assert all(isinstance(error, Unavailable) for error in errors)
    assert {str(error) for error in errors} == {"The text reader was unloaded."}
