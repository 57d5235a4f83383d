"""Tasks side by side: what becomes of one leaves the others whole."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search.chat.application.parallel_tasks import Emitted, ParallelTask, ParallelTaskManager, TaskClock
from search.chat.domain.tasks import TaskName, TaskReport, parallel_efficiency, speedup
from shared.kernel import Unavailable

NAMES: tuple[TaskName, ...] = ("answer", "detail_pages", "history")
Ending = Literal["done", "raises", "bug", "hangs", "deaf"]
STATUS = {"done": "done", "raises": "failed", "bug": "failed", "hangs": "timed_out", "deaf": "timed_out"}


def a_task(name: TaskName, events: int, ending: Ending, deadline: float = 5.0) -> ParallelTask:
    """Tells so many events and ends as it is said; a `deaf` one does not listen to being cancelled."""

    async def run(_: TaskClock) -> AsyncGenerator[Emitted, None]:
        for number in range(events):
            await asyncio.sleep(0)
            yield Emitted("answer_delta", {"text": f"{name} {number}"})
        if ending == "raises":
            raise Unavailable("It is away.", code="away")
        if ending == "bug":
            raise ValueError("of inner things")
        if ending == "hangs":
            await asyncio.Event().wait()
        while ending == "deaf":
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                if released.is_set():
                    raise

    released = asyncio.Event()
    task = ParallelTask(name, run, deadline)
    RELEASED.append(released)
    return task


RELEASED: list[asyncio.Event] = []


async def release() -> None:
    """Those that did not listen do now, so that no test leaves one behind."""
    for released in RELEASED:
        released.set()
    RELEASED.clear()
    for task in asyncio.all_tasks():
        if task.get_name().startswith("chat-"):
            task.cancel()
    await asyncio.sleep(0)


async def told(manager: ParallelTaskManager) -> list[Emitted]:
    return [event async for event in manager.results()]


def of(events: list[Emitted], name: str) -> list[Any]:
    return [event.data["text"] for event in events if event.data.get("text", "").startswith(name)]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@settings(max_examples=25)
@given(
    plans=st.lists(
        st.tuples(st.integers(0, 5), st.sampled_from(("done", "raises", "bug", "hangs"))), min_size=3, max_size=3
    )
)
def test_each_task_ends_as_it_would_alone(plans: list[tuple[int, Ending]]) -> None:
    async def run() -> None:
        tasks = [
            a_task(name, events, ending, 0.03 if ending == "hangs" else 5.0)
            for name, (events, ending) in zip(NAMES, plans, strict=True)
        ]
        manager = ParallelTaskManager(tasks)
        events = await told(manager)
        for name, (count, ending) in zip(NAMES, plans, strict=True):
            assert of(events, name) == [f"{name} {number}" for number in range(count)]
            assert manager.reports[name].status == STATUS[ending]
            errors = [event.data for event in events if event.name == "error" and event.data["task"] == name]
            assert len(errors) == (ending != "done")

    asyncio.run(run())


async def test_one_that_does_not_listen_to_being_ended_is_not_waited_for() -> None:
    manager = ParallelTaskManager([a_task("answer", 1, "deaf", 0.02), a_task("detail_pages", 3, "done")])
    events = await asyncio.wait_for(told(manager), 5)
    assert len(of(events, "detail_pages")) == 3
    assert manager.reports["answer"].status == "timed_out"
    (error,) = [event for event in events if event.name == "error"]
    assert (error.data["task"], error.data["code"]) == ("answer", "timeout")
    await release()


async def test_what_a_failure_says_is_told_and_a_fault_of_ours_is_not() -> None:
    manager = ParallelTaskManager([a_task("answer", 0, "raises"), a_task("history", 0, "bug")])
    errors = {event.data["task"]: event.data for event in await told(manager)}
    assert errors["answer"] == {"code": "away", "detail": "It is away.", "task": "answer"}
    assert errors["history"]["code"] == "internal_error" and "inner" not in errors["history"]["detail"]


async def test_all_begin_before_any_ends() -> None:
    began: list[str] = []
    all_began = asyncio.Event()

    def task(name: TaskName) -> ParallelTask:
        async def run(_: TaskClock) -> AsyncGenerator[Emitted, None]:
            began.append(name)
            if len(began) == len(NAMES):
                all_began.set()
            await all_began.wait()
            yield Emitted("answer_delta", {"text": name})

        return ParallelTask(name, run, 5)

    assert len(await told(ParallelTaskManager([task(name) for name in NAMES]))) == len(NAMES)


async def test_cancelling_some_leaves_the_others() -> None:
    manager = ParallelTaskManager([a_task("answer", 1, "hangs"), a_task("history", 0, "done")])
    events = []
    async for event in manager.results():
        events.append(event)
        manager.cancel("answer", "detail_pages")
    assert of(events, "answer") == ["answer 0"]
    assert {name: report.status for name, report in manager.reports.items()} == {
        "answer": "cancelled",
        "history": "done",
    }
    assert not [event for event in events if event.name == "error"]


async def test_waiting_for_another_counts_neither_as_work_nor_towards_the_deadline() -> None:
    now = 0.0

    def clock() -> float:
        return now

    async def run(task_clock: TaskClock) -> AsyncGenerator[Emitted, None]:
        nonlocal now
        now += 1
        with task_clock.waiting():
            now += 100
        now += 2
        yield Emitted("history_saved", {})

    manager = ParallelTaskManager([ParallelTask("history", run, 10)], monotonic=clock)
    await told(manager)
    assert manager.reports["history"] == TaskReport("done", 3, 100)


@given(st.lists(st.floats(0, 100), max_size=3), st.floats(0, 1000))
def test_how_well_they_ran_side_by_side(seconds: list[float], beyond: float) -> None:
    reports = [TaskReport("done", one) for one in seconds]
    wall = max(seconds, default=0) + beyond
    assert 0 <= parallel_efficiency(reports, wall) <= 1
    assert speedup(reports, wall) <= len(reports) + 1e-9
