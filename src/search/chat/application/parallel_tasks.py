"""Tasks that run side by side: started together, each on its own, their results told as they come."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from typing import Final

from search.chat.domain.events import Data, EventName
from search.chat.domain.tasks import TaskName, TaskReport, TaskStatus
from shared.kernel import DomainError, Unavailable
from shared.shortages import as_unavailable
from shared.telemetry import get_log

_log = get_log("search")
_GRACE_SECONDS: Final = 0.5
"""How long a task that was cancelled may take to end; one that takes longer is not waited for."""


@dataclass(frozen=True, slots=True)
class Emitted:
    """An event of a task, not numbered yet."""

    name: EventName
    data: Data


class TaskClock:
    """What a task took, without the time for which it waited for what others had to give."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._made_at = monotonic()
        self._began_at: float | None = None
        self._ended_at: float | None = None
        self._waited = 0.0
        self._waits_since: float | None = None

    def begin(self) -> None:
        """The task is at work from now on."""
        self._began_at = self._monotonic()

    def end(self) -> None:
        """It is over."""
        self._ended_at = self._monotonic()

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """What passes meanwhile counts neither as work nor towards the deadline."""
        self._waits_since = self._monotonic()
        try:
            yield
        finally:
            self._waited += self._monotonic() - self._waits_since
            self._waits_since = None

    @property
    def worked_seconds(self) -> float:
        """So far, or in all."""
        if self._began_at is None:
            return 0.0
        now = self._monotonic() if self._ended_at is None else self._ended_at
        waits = 0.0 if self._waits_since is None else now - self._waits_since
        return max(0.0, now - self._began_at - self._waited - waits)

    @property
    def waited_seconds(self) -> float:
        """Before it began and since."""
        return (0.0 if self._began_at is None else self._began_at - self._made_at) + self._waited


@dataclass(frozen=True, slots=True)
class ParallelTask:
    """What is to be done, and how long it may work."""

    name: TaskName
    run: Callable[[TaskClock], AsyncGenerator[Emitted, None]]
    deadline_seconds: float


class ParallelTaskManager:
    """Runs tasks side by side once; none hears of what became of another.

    A task that raises is `failed` and told by an `error` event; one that works longer than its deadline is ended and
    `timed_out`, also where it does not listen to being ended.
    """

    def __init__(self, tasks: Sequence[ParallelTask], monotonic: Callable[[], float] = time.monotonic) -> None:
        self._tasks = {task.name: task for task in tasks}
        self._clocks = {task.name: TaskClock(monotonic) for task in tasks}
        self._statuses: dict[TaskName, TaskStatus] = {}
        self._errors: dict[TaskName, DomainError] = {}
        self._events: asyncio.Queue[Emitted | None] = asyncio.Queue()
        self._ended = {task.name: asyncio.Event() for task in tasks}
        self._running: dict[TaskName, asyncio.Task[None]] = {}
        self._watched: list[asyncio.Task[None]] = []

    async def results(self) -> AsyncGenerator[Emitted, None]:
        """Starts all; events of each in their order, as they come; ends when all have. To be called once."""
        for task in self._tasks.values():
            self._running[task.name] = asyncio.create_task(self._run(task), name=f"chat-{task.name}")
        self._watched = [asyncio.create_task(self._watch(task)) for task in self._tasks.values()]
        try:
            remaining = len(self._tasks)
            while remaining:
                event = await self._events.get()
                if event is None:
                    remaining -= 1
                else:
                    yield event
        finally:
            for one in (*self._watched, *self._running.values()):
                one.cancel()

    def cancel(self, *names: TaskName) -> None:
        """Ends these; what they told before counts."""
        for name in names:
            if name in self._running and name not in self._statuses:
                self._statuses[name] = "cancelled"
                self._running[name].cancel()

    async def ended(self, *names: TaskName) -> None:
        """Until each of these, as far as there are any, is over: done or not."""
        for name in names:
            if name in self._ended:
                await self._ended[name].wait()

    def has_ended(self, name: TaskName) -> bool:
        """Whether it is over, or there is none."""
        return name not in self._ended or self._ended[name].is_set()

    def error_of(self, name: TaskName) -> DomainError | None:
        """Why it failed."""
        return self._errors.get(name)

    @property
    def reports(self) -> Mapping[TaskName, TaskReport]:
        """By task, of those that are over."""
        return {name: self._report(name) for name, ended in self._ended.items() if ended.is_set()}

    def _report(self, name: TaskName) -> TaskReport:
        clock = self._clocks[name]
        return TaskReport(self._statuses.get(name, "done"), clock.worked_seconds, clock.waited_seconds)

    async def _run(self, task: ParallelTask) -> None:
        clock = self._clocks[task.name]
        clock.begin()
        async with aclosing(task.run(clock)) as events:
            async for event in events:
                self._tell(task.name, event)

    def _tell(self, name: TaskName, event: Emitted) -> None:
        # A task that goes on after it was given up has nothing to say any more.
        if not self._ended[name].is_set():
            self._events.put_nowait(event)

    async def _watch(self, task: ParallelTask) -> None:
        clock, running = self._clocks[task.name], self._running[task.name]
        while not running.done():
            left = task.deadline_seconds - clock.worked_seconds
            if left <= 0 or task.name in self._statuses:
                if task.name not in self._statuses:
                    self._statuses[task.name] = "timed_out"
                running.cancel()
                await asyncio.wait((running,), timeout=_GRACE_SECONDS)
                break
            # Not longer than the grace: a task that was cancelled meanwhile and does not listen is seen.
            await asyncio.wait((running,), timeout=min(left, _GRACE_SECONDS))
        clock.end()
        self._conclude(task, running)
        self._ended[task.name].set()
        self._events.put_nowait(None)

    def _conclude(self, task: ParallelTask, running: asyncio.Task[None]) -> None:
        error: DomainError | None = None
        if self._statuses.get(task.name) == "timed_out":
            error = Unavailable(f"It took longer than {task.deadline_seconds:g} s and was ended.", code="timeout")
        elif running.done() and not running.cancelled() and (raised := running.exception()) is not None:
            self._statuses[task.name] = "failed"
            error = _as_domain_error(task.name, raised)
        elif running.cancelled():
            self._statuses.setdefault(task.name, "cancelled")
        if not running.done():
            # Its end, whenever it comes, is nobody's business; an exception nobody asks for would be logged.
            running.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
        if error is not None:
            self._errors[task.name] = error
            data = {"code": error.specific_code, "detail": error.detail, "task": task.name}
            self._events.put_nowait(Emitted("error", data))


def _as_domain_error(name: TaskName, raised: BaseException) -> DomainError:
    if isinstance(raised, DomainError):
        return raised
    away = as_unavailable(raised) if isinstance(raised, Exception) else None
    if away is not None:
        return away
    _log.error("a task of an answer failed", action="chat.task_failed", task=name, exc_info=raised)
    return DomainError("This is a fault of Seoga, not of the question. Its log has the details.", code="internal_error")
