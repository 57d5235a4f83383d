"""The loop of a server, in which children begin before there is anything to serve."""

import asyncio
from pathlib import Path

import psutil
import pytest

from shared.runtime.children import ChildProcess
from shared.web.loop import loop_with_children

_CHILD = """
import os
from shared.runtime.child import serve_parent
serve_parent({"pid": os.getpid})
"""


@pytest.fixture(autouse=True)
def child_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a_child.py").write_text(_CHILD)
    monkeypatch.syspath_prepend(str(tmp_path))


def test_what_runs_in_it_gets_the_child_that_began_before() -> None:
    async def ask() -> int:
        child = await ChildProcess.start("a_child")
        answer: int = await child.call("pid", within_seconds=60)
        await child.stop()
        return answer

    with loop_with_children(["a_child"]) as runner:
        (begun,) = psutil.Process().children()
        assert runner.run(ask()) == begun.pid


def test_no_child_outlives_a_start_that_failed() -> None:
    with pytest.raises(ZeroDivisionError), loop_with_children(["a_child"]):
        (begun,) = psutil.Process().children()
        _ = 1 / 0
    assert not begun.is_running()


def test_the_loop_goes_on_after_an_end_by_a_signal() -> None:
    async def end() -> None:
        raise SystemExit(0)

    with pytest.raises(SystemExit), loop_with_children(["a_child"]) as runner:
        runner.run(end())
    assert psutil.Process().children() == []
    assert asyncio.run(asyncio.sleep(0, "another loop")) == "another loop"
