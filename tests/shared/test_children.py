"""Child processes: frames of any size, death in every moment, limits, and no orphans."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Coroutine
from pathlib import Path
from typing import Any

import psutil
import pytest
import uvloop

from builders import eventually
from shared.runtime.children import ChildEnded, ChildError, ChildLate, ChildLimits, ChildProcess

CHILD = """
import os, subprocess, sys, time
from shared.runtime.child import serve_parent

class Strange(Exception):
    def __init__(self, text, data):
        super().__init__(text)
        self.data = data

def fail(text, **data):
    raise Strange(text, data)

def fail_unpackable():
    raise Strange("odd", {"it": object()})

def noisy():
    print("a library prints this")
    os.write(1, b"and writes this")
    return sys.stdin.read()

def start_another():
    return subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]).pid

serve_parent({
    "echo": lambda **given: given,
    "size": lambda content: len(content),
    "make": lambda size: b"x" * size,
    "fail": fail,
    "fail_unpackable": fail_unpackable,
    "unpackable": lambda: object(),
    "noisy": noisy,
    "die": lambda: os._exit(3),
    "hang": lambda: time.sleep(600),
    "wait": lambda seconds: time.sleep(seconds),
    "start_another": start_another,
    "pid": os.getpid,
})
"""
PARENT = """
import asyncio, sys
from shared.runtime.children import ChildProcess

async def main():
    child = await ChildProcess.start("a_child")
    print(await child.call("pid", within_seconds=60), flush=True)
    await child.call("hang", within_seconds=60)

asyncio.run(main())
"""


@pytest.fixture(autouse=True)
def child_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a_child.py").write_text(CHILD)
    (tmp_path / "a_parent.py").write_text(PARENT)
    monkeypatch.syspath_prepend(str(tmp_path))


@pytest.fixture
async def child(child_module: None) -> AsyncIterator[ChildProcess]:
    started = await ChildProcess.start("a_child")
    yield started
    await started.kill()


def ask(child: ChildProcess, method: str, **arguments: Any) -> Coroutine[Any, Any, Any]:
    """A call that has all the time it needs."""
    return child.call(method, within_seconds=60, **arguments)


def is_running(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


async def test_answers_what_it_was_asked(child: ChildProcess) -> None:
    answer = await ask(child, "echo", text="한국어", number=1.5, bytes=b"\x00", nested={"list": [1, None], 2: True})
    assert answer == {"text": "한국어", "number": 1.5, "bytes": b"\x00", "nested": {"list": [1, None], 2: True}}
    assert await ask(child, "pid") == child.pid
    assert child.is_alive


async def test_large_frames_go_both_ways_at_once(child: ChildProcess) -> None:
    content = os.urandom(30 << 20)
    answers = await asyncio.gather(
        ask(child, "echo", content=content), ask(child, "size", content=content), ask(child, "make", size=50 << 20)
    )
    assert answers[0] == {"content": content}
    assert answers[1] == len(content)
    assert len(answers[2]) == 50 << 20


async def test_overlapping_calls_each_get_their_own_answer(child: ChildProcess) -> None:
    payload = "x" * 100_000  # more than a pipe holds: many writers wait for room at the same time
    answers = await asyncio.gather(*(ask(child, "echo", number=number, payload=payload) for number in range(100)))
    assert [answer["number"] for answer in answers] == list(range(100))


async def test_an_exception_becomes_the_answer_and_the_child_goes_on(child: ChildProcess) -> None:
    with pytest.raises(ChildError) as caught:
        await ask(child, "fail", text="암호", page=3)
    assert (caught.value.kind, caught.value.detail, caught.value.data) == ("Strange", "암호", {"page": 3})
    with pytest.raises(ChildError, match="KeyError"):
        await ask(child, "no_such_method")
    assert await ask(child, "echo") == {}


async def test_what_cannot_be_packed_is_an_error_and_not_the_end(child: ChildProcess) -> None:
    with pytest.raises(ChildError, match="TypeError"):
        await ask(child, "unpackable")
    with pytest.raises(ChildError, match="Strange: odd"):
        await ask(child, "fail_unpackable")
    with pytest.raises(TypeError):
        await ask(child, "echo", it=object())
    assert await ask(child, "echo") == {}


async def test_prints_and_reads_of_a_library_stay_out_of_the_frames(child: ChildProcess) -> None:
    assert await ask(child, "noisy") == ""
    assert await ask(child, "echo", fine=True) == {"fine": True}


async def test_a_child_that_dies_in_a_call_ends_every_call(child: ChildProcess) -> None:
    calls = [ask(child, "die"), *(ask(child, "echo", payload="x" * 200_000) for _ in range(20))]
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert {type(result) for result in results} == {ChildEnded}
    assert not child.is_alive
    with pytest.raises(ChildEnded):
        await ask(child, "echo")


async def test_a_killed_child_ends_the_call_that_waits(child: ChildProcess) -> None:
    call = asyncio.create_task(ask(child, "hang"))
    await asyncio.wait({call}, timeout=0.2)
    os.kill(child.pid, signal.SIGKILL)
    with pytest.raises(ChildEnded):
        await call


async def test_killing_takes_what_the_child_started_along(child: ChildProcess) -> None:
    grandchild = await ask(child, "start_another")
    assert is_running(grandchild)
    await child.kill()
    assert not is_running(child.pid)
    await eventually(lambda: not is_running(grandchild))


async def test_a_cancelled_call_disturbs_no_other(child: ChildProcess) -> None:
    first = asyncio.create_task(ask(child, "echo", payload="x" * 5_000_000))
    second = asyncio.create_task(ask(child, "echo", number=2))
    await asyncio.sleep(0)
    first.cancel()
    assert await second == {"number": 2}
    assert await ask(child, "echo", number=3) == {"number": 3}
    with pytest.raises(asyncio.CancelledError):
        await first


async def test_stopping_waits_for_the_answer_that_is_under_way(child: ChildProcess) -> None:
    call = asyncio.create_task(ask(child, "make", size=20 << 20))
    await asyncio.sleep(0)
    await child.stop()
    assert len(await call) == 20 << 20
    assert not is_running(child.pid)


async def test_a_child_that_does_not_stop_is_killed(child: ChildProcess) -> None:
    call = asyncio.create_task(ask(child, "hang"))
    await asyncio.wait({call}, timeout=0.2)
    await child.stop(grace_seconds=0.1)
    assert not is_running(child.pid)
    with pytest.raises(ChildEnded):
        await call


async def test_a_child_that_misses_the_time_of_a_call_is_killed(child: ChildProcess) -> None:
    assert await ask(child, "echo") == {}
    late = asyncio.create_task(child.call("hang", within_seconds=0.3))
    behind = asyncio.create_task(ask(child, "echo"))
    with pytest.raises(ChildLate, match=r"longer than 0\.3 s for `hang`"):
        await late
    with pytest.raises(ChildEnded) as caught:
        await behind
    assert not isinstance(caught.value, ChildLate)
    await child.stop()
    assert not is_running(child.pid)


async def test_a_child_that_stands_still_is_killed_also_while_it_is_written_to(child: ChildProcess) -> None:
    assert await ask(child, "echo") == {}
    os.kill(child.pid, signal.SIGSTOP)
    with pytest.raises(ChildLate):
        await child.call("echo", within_seconds=0.3, payload="x" * 5_000_000)
    await child.stop()
    assert not is_running(child.pid)


async def test_a_call_is_not_late_for_those_before_it(child: ChildProcess) -> None:
    """Each has its own time, also when it is shorter, and when nobody waits for the one before any more."""
    assert await ask(child, "echo") == {}
    left = asyncio.create_task(ask(child, "wait", seconds=0.3))
    await asyncio.sleep(0)
    calls = [child.call("wait", within_seconds=2, seconds=0.6) for _ in range(4)]
    left.cancel()
    assert await asyncio.gather(*calls) == [None] * 4
    with pytest.raises(ChildLate, match="hang"):
        await asyncio.gather(ask(child, "echo"), child.call("hang", within_seconds=0.2))


async def test_a_parent_that_stood_still_finds_the_answers_in_time(child: ChildProcess) -> None:
    assert await ask(child, "echo") == {}
    call = asyncio.create_task(child.call("echo", within_seconds=0.1, number=1))
    await asyncio.sleep(0)
    time.sleep(2.0)  # noqa: ASYNC251 (the whole loop, as some libraries hold it while they load)
    assert await call == {"number": 1}


async def test_stopping_or_killing_twice_is_nothing(child: ChildProcess) -> None:
    await child.stop()
    await child.stop()
    await child.kill()
    await child.kill()


async def test_memory_over_the_limit_fails_the_call_and_not_the_machine() -> None:
    child = await ChildProcess.start("a_child", limits=ChildLimits(memory_bytes=512 << 20))
    try:
        with pytest.raises((ChildError, ChildEnded)) as caught:
            await ask(child, "make", size=2 << 30)
        if isinstance(caught.value, ChildError):
            assert caught.value.kind == "MemoryError"
            assert await ask(child, "echo") == {}
    finally:
        await child.kill()


async def test_a_module_that_does_not_exist_is_a_child_that_ended() -> None:
    child = await ChildProcess.start("no_such_module_anywhere")
    with pytest.raises(ChildEnded):
        await ask(child, "echo")
    await child.stop()


def test_all_this_holds_on_the_servers_event_loop(child_module: None) -> None:
    """The server runs on uvloop, whose pipes and processes are not asyncio's."""

    async def scenario() -> None:
        child = await ChildProcess.start("a_child")
        await test_large_frames_go_both_ways_at_once(child)
        await test_overlapping_calls_each_get_their_own_answer(child)
        await test_a_cancelled_call_disturbs_no_other(child)
        await test_stopping_waits_for_the_answer_that_is_under_way(child)
        for dies in (
            test_a_child_that_dies_in_a_call_ends_every_call,
            test_a_killed_child_ends_the_call_that_waits,
            test_a_child_that_stands_still_is_killed_also_while_it_is_written_to,
        ):
            child = await ChildProcess.start("a_child")
            await dies(child)
            await child.kill()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(scenario())


async def test_a_child_that_answers_garbage_is_ended(tmp_path: Path) -> None:
    (tmp_path / "a_garbled_child.py").write_text("import os, time; os.write(1, b'\\0\\0\\0\\2hm'); time.sleep(600)")
    child = await ChildProcess.start("a_garbled_child")
    with pytest.raises(ChildEnded, match=r"no frame|is gone"):
        await ask(child, "echo")
    await eventually(lambda: not is_running(child.pid))
    await child.stop()


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's signal to orphans is Linux's")
async def test_a_killed_parent_leaves_no_child(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry)}
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "a_parent", stdout=asyncio.subprocess.PIPE, env=environment
    )
    assert parent.stdout is not None
    child = int(await parent.stdout.readline())
    assert is_running(child)
    parent.kill()
    await parent.wait()
    # It hangs in a call and reads no end of input: only the signal can end it.
    await eventually(lambda: not is_running(child))


@pytest.mark.parametrize(
    "module",
    ["search.infrastructure.edge.process", "search.infrastructure.kiwi.process", "process.infrastructure.parser_child"],
)
def test_a_child_starts_without_what_only_its_parent_needs(module: str) -> None:
    code = f"import sys, {module}; print('asyncio' in sys.modules)"
    tried = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert tried.stdout.strip() == "False"


async def test_one_that_was_started_ahead_is_who_is_asked_first() -> None:
    before = set(psutil.Process().children())
    async with ChildProcess.ahead(["a_child"]):
        (ahead,) = set(psutil.Process().children()) - before
        # Nobody has limited that one.
        limited = await ChildProcess.start("a_child", limits=ChildLimits(cpu_seconds=600))
        first, second = await ChildProcess.start("a_child"), await ChildProcess.start("a_child")
        assert first.pid == ahead.pid
        assert len({limited.pid, first.pid, second.pid}) == 3
    # Whoever asked keeps it.
    assert await ask(first, "pid") == first.pid
    for child in (limited, first, second):
        await child.kill()


async def test_one_that_nobody_asked_for_ends_with_the_block() -> None:
    before = set(psutil.Process().children())
    async with ChildProcess.ahead(["a_child"]):
        (ahead,) = set(psutil.Process().children()) - before
    assert not is_running(ahead.pid)


async def test_one_that_ended_before_it_was_asked_is_replaced() -> None:
    before = set(psutil.Process().children())
    async with ChildProcess.ahead(["a_child"]):
        (ahead,) = set(psutil.Process().children()) - before
        ahead.kill()
        await eventually(lambda: not is_running(ahead.pid))
        await asyncio.sleep(0.1)  # until the loop has heard of it
        child = await ChildProcess.start("a_child")
        assert child.pid != ahead.pid
        assert await ask(child, "pid") == child.pid
        await child.kill()
