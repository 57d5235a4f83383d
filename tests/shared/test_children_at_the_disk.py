"""A child that is late because it waits for the disk is not taken for one that stands still."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Coroutine
from pathlib import Path
from typing import Any

import pytest

from shared.runtime.children import ChildLate, ChildProcess

CHILD = """
import os, time
from shared.runtime.child import serve_parent

def wait_in_the_kernel(fifo):
    # As for a disk: nothing but a kill ends it, until somebody reads from the pipe, and Linux shows it as D.
    opened = (os.POSIX_SPAWN_OPEN, 1, fifo, os.O_WRONLY, 0)
    os.waitpid(os.posix_spawn("/bin/true", ["true"], os.environ, file_actions=[opened]), 0)

serve_parent({
    "echo": lambda **given: given,
    "hang": lambda: time.sleep(600),
    "wait_in_the_kernel": wait_in_the_kernel,
})
"""


@pytest.fixture
async def child(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[ChildProcess]:
    (tmp_path / "a_child_at_the_disk.py").write_text(CHILD)
    monkeypatch.syspath_prepend(str(tmp_path))
    started = await ChildProcess.start("a_child_at_the_disk")
    yield started
    await started.kill()


def ask(child: ChildProcess, method: str, **arguments: Any) -> Coroutine[Any, Any, Any]:
    """A call that has all the time it needs."""
    return child.call(method, within_seconds=60, **arguments)


@pytest.fixture
def fifo(tmp_path: Path) -> Path:
    """What a child that waits in the kernel waits for: a reader."""
    os.mkfifo(tmp_path / "fifo")
    return tmp_path / "fifo"


def released(fifo: Path) -> int:
    """The reader's descriptor."""
    return os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux says what a process waits for")
async def test_a_child_that_waits_for_the_disk_is_not_late(child: ChildProcess, fifo: Path) -> None:
    assert await ask(child, "echo") == {}
    call = asyncio.create_task(child.call("wait_in_the_kernel", within_seconds=0.2, at_disk_seconds=60, fifo=str(fifo)))
    behind = asyncio.create_task(child.call("echo", within_seconds=0.2))
    # Ten times as long as it is given for what is no disk.
    assert not (await asyncio.wait({call, behind}, timeout=2.0, return_when=asyncio.FIRST_COMPLETED))[0]
    assert await child.waits_for_disk()
    reader = released(fifo)
    assert await call is None
    assert await behind == {}
    assert not await child.waits_for_disk()
    os.close(reader)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux says what a process waits for")
async def test_a_child_that_waits_for_the_disk_for_too_long_is_late(child: ChildProcess, fifo: Path) -> None:
    assert await ask(child, "echo") == {}
    with pytest.raises(ChildLate, match="wait_in_the_kernel"):
        await child.call("wait_in_the_kernel", within_seconds=0.2, at_disk_seconds=0.5, fifo=str(fifo))


async def test_a_child_that_does_not_wait_for_the_disk_gets_no_time_for_that(child: ChildProcess) -> None:
    assert await ask(child, "echo") == {}
    late = asyncio.create_task(child.call("hang", within_seconds=0.2, at_disk_seconds=600))
    with pytest.raises(ChildLate, match="hang"):
        await asyncio.wait_for(late, 60)


async def test_a_stopped_child_gets_no_time_for_the_disk(child: ChildProcess) -> None:
    assert await ask(child, "echo") == {}
    os.kill(child.pid, signal.SIGSTOP)
    assert not await child.waits_for_disk()
    with pytest.raises(ChildLate):
        await asyncio.wait_for(child.call("echo", within_seconds=0.2, at_disk_seconds=600), 60)
