"""A synchronous door to one child process, for threads: it is started, watched and ended from a thread of its own.

The kernel ends a child with the thread that started it, and models are loaded in threads that end soon.
"""

import asyncio
import threading
import time
from collections.abc import Coroutine
from concurrent.futures import CancelledError
from dataclasses import dataclass
from typing import Any, Final

import psutil

from shared.kernel import Unavailable
from shared.runtime.backoff import Backoff
from shared.runtime.children import ChildEnded, ChildError, ChildLate, ChildLimits, ChildProcess
from shared.shortages import start_thread

__all__ = ["ChildDoor", "ChildDoorTimes", "ChildEnded", "ChildError"]


@dataclass(frozen=True, slots=True)
class ChildDoorTimes:
    """How long a child that could not be started is left alone, and how long an ending one is waited for."""

    first_pause_seconds: float = 0.5
    """After the first start that failed; each further one doubles it."""
    longest_pause_seconds: float = 30.0
    grace_seconds: float = 2.0
    """For an idle child to clean up after itself when the door closes."""


_TIMES: Final = ChildDoorTimes()


class ChildDoor:
    """Calls from any thread, answered one at a time. A child that ended is started anew by the next call."""

    def __init__(
        self,
        module: str,
        *arguments: str,
        name: str,
        start_timeout_seconds: float,
        limits: ChildLimits | None = None,
        setup: dict[str, Any] | None = None,
        times: ChildDoorTimes = _TIMES,
    ) -> None:
        """Starts nothing yet. `setup`, if given, are the arguments of a call `setup` that every new child gets first.

        `name` is what messages call the child.
        """
        self._module = module
        self._arguments = arguments
        self._name = name
        self._limits = limits
        self._setup = setup
        self._start_timeout_seconds = start_timeout_seconds
        self._child: ChildProcess | None = None
        self._backoff = Backoff(times.first_pause_seconds, times.longest_pause_seconds)
        self._grace_seconds = times.grace_seconds
        self._not_before = 0.0
        self._is_closed = False
        self._guard = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._turn: asyncio.Lock
        self._ending: asyncio.Event
        self._thread: threading.Thread | None = None
        self._calls: set[asyncio.Task[Any]] = set()

    @property
    def is_alive(self) -> bool:
        """Whether a child is there now; without one the next call starts it."""
        return self._child is not None and self._child.is_alive

    @property
    def pid(self) -> int | None:
        """The child's process id, while it is there."""
        child = self._child
        return child.pid if child is not None and child.is_alive else None

    @property
    def memory_bytes(self) -> int:
        """The child's resident memory; 0 without a child."""
        pid = self.pid
        if pid is None:
            return 0
        try:
            resident: int = psutil.Process(pid).memory_info().rss
        except psutil.Error:
            return 0
        return resident

    def start(self) -> None:
        """Starts the child and waits until its setup is done. Raises Unavailable, ChildError, ChildEnded."""
        self._run(self._started())

    def call(self, method: str, /, *, timeout_seconds: float, **arguments: Any) -> Any:
        """The child's answer.

        Raises ChildError as the child said it; ChildEnded when it crashed; TimeoutError when it took longer
        than `timeout_seconds` (it is killed then); Unavailable when other calls took the child for that long,
        or when it cannot be started.
        """
        return self._run(self._answered(method, timeout_seconds, arguments))

    def close(self) -> None:
        """Ends the child at once, and the thread; calls under way raise Unavailable. Once is enough."""
        with self._guard:
            if self._loop is not None and not self._is_closed:
                self._loop.call_soon_threadsafe(self._ending.set)
            self._is_closed = True
        if self._thread is not None:
            self._thread.join()

    def _run(self, work: Coroutine[Any, Any, Any]) -> Any:
        # Under the guard: what is handed over before the thread is told to end is still ended by it.
        with self._guard:
            try:
                loop = self._open_loop()
            except BaseException:
                work.close()
                raise
            future = asyncio.run_coroutine_threadsafe(self._ended_with_the_door(work), loop)
        try:
            return future.result()
        except CancelledError:
            raise self._closed() from None

    async def _ended_with_the_door(self, work: Coroutine[Any, Any, Any]) -> Any:
        if self._ending.is_set():
            work.close()
            raise self._closed()
        me = asyncio.current_task()
        assert me is not None
        self._calls.add(me)
        try:
            return await work
        finally:
            self._calls.discard(me)

    def _closed(self) -> Unavailable:
        return Unavailable(f"The {self._name} was unloaded.", code="unloaded")

    def _open_loop(self) -> asyncio.AbstractEventLoop:
        if self._is_closed:
            raise self._closed()
        if self._loop is None:
            ready = threading.Event()
            # A daemon: a program that forgets to close still ends, and the kernel ends the child.
            self._thread = start_thread(self._live, ready, name=self._name)
            ready.wait()
        assert self._loop is not None
        return self._loop

    def _live(self, ready: threading.Event) -> None:
        # The plain loop: another one's subprocess support may want the main thread.
        with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
            runner.run(self._serve(ready))

    async def _serve(self, ready: threading.Event) -> None:
        self._turn, self._ending = asyncio.Lock(), asyncio.Event()
        self._loop = asyncio.get_running_loop()
        ready.set()
        await self._ending.wait()
        # These alone: a child that is being started would never be told to have ended without the task of asyncio's
        # own that connects its pipes.
        calls = list(self._calls)
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
        # One that was at work is gone already; an idle one may clean up after itself.
        await self._end_child(grace_seconds=self._grace_seconds)

    async def _answered(self, method: str, timeout_seconds: float, arguments: dict[str, Any]) -> Any:
        try:
            async with asyncio.timeout(timeout_seconds):
                await self._turn.acquire()
        except TimeoutError:
            raise Unavailable(f"The {self._name} is busy with other pictures.", code="busy") from None
        try:
            try:
                child = await self._living_child()
            except (ChildError, ChildEnded) as error:
                raise Unavailable(
                    f"The {self._name} could not be started again: {error}.", code="child_not_started"
                ) from error
            # A call that is given up leaves a child that still works at it: it is of no more use.
            is_answered = False
            try:
                answer = await child.call(method, within_seconds=timeout_seconds, **arguments)
                is_answered = True
            except ChildLate as error:
                raise TimeoutError(str(error)) from None
            except ChildError as error:
                # After this one much memory may be held that is never given back.
                is_answered = error.kind != "MemoryError"
                raise
            finally:
                if not is_answered:
                    await self._end_child()
            return answer
        finally:
            self._turn.release()

    async def _started(self) -> None:
        async with self._turn:
            await self._living_child()

    async def _living_child(self) -> ChildProcess:
        """The child, started and set up if it must be."""
        if self._child is not None and self._child.is_alive:
            return self._child
        await self._end_child()
        wait_seconds = self._not_before - time.monotonic()
        if wait_seconds > 0:
            raise Unavailable(
                f"The {self._name} could not be started; it is tried again soon.",
                code="child_not_started",
                retry_after_seconds=wait_seconds,
            )
        is_ready = False
        try:
            self._child = await ChildProcess.start(self._module, *self._arguments, limits=self._limits)
            try:
                if self._setup is not None:
                    await self._child.call("setup", within_seconds=self._start_timeout_seconds, **self._setup)
            except ChildLate:
                raise Unavailable(f"The {self._name} was not ready within {self._start_timeout_seconds:g} s.") from None
            is_ready = True
        finally:
            if is_ready:
                self._backoff.reset()
            else:
                self._not_before = time.monotonic() + self._backoff.next_seconds()
                await self._end_child()
        return self._child

    async def _end_child(self, *, grace_seconds: float = 0) -> None:
        child, self._child = self._child, None
        if child is not None:
            if grace_seconds:
                await child.stop(grace_seconds=grace_seconds)
            await child.kill()
