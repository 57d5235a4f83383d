"""Child processes: started clean, spoken to in msgpack frames, ended with their parent.

This is the parent's end; what a child does stands in shared.runtime.child.
"""

import asyncio
import contextlib
import itertools
import os
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgpack

from shared.kernel import Unavailable
from shared.runtime.child import LENGTH, READY, SHORTAGE
from shared.runtime.disk_waiting import DiskWatch, Seen
from shared.shortages import as_unavailable
from shared.silence import FETCHES_OFF

_READ_AHEAD_BYTES: Final = 4 << 20
"""Large answers (vectors) come in a few reads instead of hundreds."""
_LOOK_SECONDS: Final = 0.05
_LAST_LOOKS: Final = 4
"""When it was this process that stood still, the answer is in the pipe already."""
_LOOKS_AFTER_DISK: Final = 20
"""One that was at the disk may not be seen there for a moment."""
_LONG_AT_WORK_SECONDS: Final = 0.5
"""At one call; a child that has much to answer is not at any for so long."""

_ahead: Final[dict[str, "ChildProcess"]] = {}
"""By their modules: started, and not yet asked for."""


class ChildEnded(Exception):
    """The child is gone (killed, crashed, over its memory) and did not answer."""


class ChildNotStarted(ChildEnded):
    """It ended before it could be asked anything: whatever it was asked is not to blame."""


class ChildLate(ChildEnded):
    """The child did not answer in the time that the call allows, and was killed."""


class ChildError(Exception):
    """The child answered with an error: `kind` is the exception's class name in the child."""

    def __init__(self, kind: str, detail: str, data: dict[str, Any]) -> None:
        super().__init__(f"{kind}: {detail}")
        self.kind = kind
        self.detail = detail
        self.data = data


@dataclass(frozen=True, slots=True)
class _Asked:
    """A call that the child has not answered yet, whether or not somebody still waits for it."""

    method: str
    within_seconds: float
    at_disk_seconds: float


@dataclass(frozen=True, slots=True)
class ChildLimits:
    """What the child imposes on itself before it does anything; None is no limit."""

    memory_bytes: int | None = None
    cpu_seconds: int | None = None
    is_sandboxed: bool = False
    """It gives up what shared.runtime.sandbox can take from it, as far as this machine allows."""
    writable: str | None = None
    """A folder, which exists, where a sandboxed child may make files all the same."""


class ChildProcess:
    """The parent's end. Calls may overlap; the child answers them in order."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None and process.stdout is not None
        self._process = process
        self._input = process.stdin
        self._output = process.stdout
        self.given_up: frozenset[str] | None = None
        """Of shared.runtime.sandbox.ALL; None before it is up."""
        self._numbers = itertools.count()
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._is_up = False
        # In the order in which they are answered. The child works at the first since `_at_work_since`.
        self._asked: dict[int, _Asked] = {}
        self._at_work_since = 0.0
        self._watch: asyncio.TimerHandle | None = None
        self._disk = DiskWatch(process.pid)
        self._late: _Asked | None = None
        self._reader = asyncio.create_task(self._read_answers(), name=f"child-{process.pid}")

    @classmethod
    async def start(cls, module: str, *arguments: str, limits: ChildLimits | None = None) -> "ChildProcess":
        """Starts `python -m module` with this process's import path; its stderr is this process's.

        One that was started ahead is taken instead. Raises Unavailable when the machine gives no process for it.
        """
        if not arguments and limits is None and (ahead := _ahead.pop(module, None)) is not None and ahead.is_alive:
            return ahead
        limits = limits or ChildLimits()
        environment = {
            **os.environ,
            **FETCHES_OFF,
            "PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry),
            "SEOGA_CHILD_PARENT": str(os.getpid()),
            "SEOGA_CHILD_MEMORY": str(limits.memory_bytes or 0),
            "SEOGA_CHILD_CPU": str(limits.cpu_seconds or 0),
            "SEOGA_CHILD_SANDBOX": str(int(limits.is_sandboxed)),
            "SEOGA_CHILD_WRITABLE": limits.writable or "",
            "OMP_THREAD_LIMIT": os.environ.get("OMP_THREAD_LIMIT", "1"),
        }
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                module,
                *arguments,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                env=environment,
                close_fds=True,
                start_new_session=True,
                limit=_READ_AHEAD_BYTES,
            )
        except (OSError, RuntimeError, MemoryError) as error:
            lacking = as_unavailable(error)
            if lacking is None and not isinstance(error, OSError):
                raise
            raise lacking or Unavailable(f"A child process could not be started: {error}.") from error
        return cls(process)

    @staticmethod
    @contextlib.asynccontextmanager
    async def ahead(modules: Sequence[str]) -> AsyncIterator[None]:
        """In the block a child of each is under way: the next `start` of its module, in this event loop, gets it.

        What it imports it imports beside this process, which has its own to do until it asks. Who is not asked for is
        ended with the block. Where the machine gives no process the one who asks will hear of it.
        """
        for module in modules:
            with contextlib.suppress(Unavailable):
                _ahead[module] = await ChildProcess.start(module)
        try:
            yield
        finally:
            for module in modules:
                if (child := _ahead.pop(module, None)) is not None:
                    await child.kill()

    @property
    def pid(self) -> int:
        """The child's process id."""
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """Whether it has not ended and still answers."""
        return self._process.returncode is None and not self._reader.done()

    @property
    def crashed_by(self) -> signal.Signals | None:
        """The fault of its own that ended it, if one did: not a kill, and not its memory's limit."""
        code = self._process.returncode
        faults = (signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT, signal.SIGILL, signal.SIGFPE)
        return next((fault for fault in faults if code == -fault), None)

    async def waits_for_disk(self) -> bool:
        """Whether what it works at lasts, and it was seen to wait for the disk at one of a few looks."""
        watch, loop = DiskWatch(self.pid), asyncio.get_running_loop()
        for _ in range(_LAST_LOOKS):
            if not self._asked or loop.time() - self._at_work_since < _LONG_AT_WORK_SECONDS:
                return False
            seen = watch.look()
            if seen is not Seen.OTHERWISE:
                return seen is Seen.AT_DISK
            await asyncio.sleep(_LOOK_SECONDS)
        return False

    async def call(
        self, method: str, /, *, within_seconds: float, at_disk_seconds: float = 0.0, **arguments: Any
    ) -> Any:
        """The child's answer. A cancelled call is still done by the child.

        When the child works at this one call for longer than `within_seconds`, it is killed, and ChildLate raised.
        Time that it takes for the calls before does not count: each has its own. While it waits for the disk it has up
        to `at_disk_seconds` more.

        Raises ChildError; ChildEnded, and ChildNotStarted when it never came so far as to be asked; Unavailable when
        the machine ran out of something while the child was at it.
        """
        if not self.is_alive:
            raise self._ending(None, "is gone")
        number = next(self._numbers)
        frame = msgpack.packb((number, method, arguments))
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Any] = loop.create_future()
        self._waiting[number] = answer
        self._asked[number] = _Asked(method, within_seconds, at_disk_seconds)
        if len(self._asked) == 1:
            self._begins(self._asked[number])
        try:
            # One write for the whole frame: a call that is cancelled while it drains leaves no half frame behind.
            self._input.write(LENGTH.pack(len(frame)) + frame)
            await self._input.drain()
            return await answer
        except (BrokenPipeError, ConnectionResetError) as error:
            raise self._ending(self._asked.get(number), "is gone") from error
        finally:
            del self._waiting[number]
            if not answer.cancel() and not answer.cancelled():
                answer.exception()  # seen, also when the call ended while it still drained

    async def end_signal(self, *, within_seconds: float = 1.0) -> signal.Signals | None:
        """Of a child that is gone: the signal that ended it; None for one that ended by itself."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(self._process.wait()), within_seconds)
        code = self._process.returncode
        return signal.Signals(-code) if code is not None and code < 0 else None

    async def stop(self, *, grace_seconds: float = 10) -> None:
        """Ends its input, waits, then kills it."""
        with contextlib.suppress(Exception):
            self._input.close()
        try:
            await asyncio.wait_for(self._process.wait(), grace_seconds)
        except TimeoutError:
            await self.kill()
        await asyncio.gather(self._reader, return_exceptions=True)

    async def kill(self) -> None:
        """At once, with whatever it started; gone on return."""
        # Also when the child itself has ended: what it started may live on in its process group.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        await self._process.wait()
        with contextlib.suppress(Exception):
            self._input.close()
        await asyncio.gather(self._reader, return_exceptions=True)

    def _begins(self, asked: _Asked) -> None:
        """The child works at this one now."""
        self._at_work_since = now = asyncio.get_running_loop().time()
        # One timer for all: it looks at the time when it fires, and is set again only when that would be too late.
        if self._watch is None or self._watch.when() > now + asked.within_seconds:
            self._watch_for(asked.within_seconds)

    def _watch_for(self, seconds: float) -> None:
        if self._watch is not None:
            self._watch.cancel()
        self._watch = asyncio.get_running_loop().call_later(seconds, self._look_at_the_time)

    def _look_at_the_time(self, late: _Asked | None = None, looks: int = 0) -> None:
        """Kills the child when the call that it works at has had its time; else looks again when it will have.

        `late` had it already, and there were to be so many more `looks`.
        """
        self._watch = None
        if not self._asked or self._reader.done():
            return
        asked, loop = next(iter(self._asked.values())), asyncio.get_running_loop()
        over = loop.time() - self._at_work_since - asked.within_seconds
        if over < 0:
            self._watch_for(-over)
            return
        if asked is not late:
            self._disk, looks = DiskWatch(self.pid), _LAST_LOOKS
        seen = self._disk.look() if over < asked.at_disk_seconds else Seen.OTHERWISE
        if seen is Seen.AT_DISK:
            looks = _LOOKS_AFTER_DISK
        elif seen is Seen.STOPPED:
            looks = min(looks, _LAST_LOOKS)
        if looks:
            self._watch = loop.call_later(_LOOK_SECONDS, self._look_at_the_time, asked, looks - 1)
        else:
            self._late = asked
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)

    async def _read_answers(self) -> None:
        why = "ended"
        try:
            while True:
                (length,) = LENGTH.unpack(await self._output.readexactly(LENGTH.size))
                number, result, error = msgpack.unpackb(await self._output.readexactly(length), strict_map_key=False)
                if number == READY:
                    self.given_up = frozenset(result)
                self._is_up = True
                self._asked.pop(number, None)
                if self._asked:
                    self._begins(next(iter(self._asked.values())))
                answer = self._waiting.get(number)
                if answer is None or answer.done():
                    continue
                if error is None:
                    answer.set_result(result)
                elif error["kind"] == SHORTAGE:
                    answer.set_exception(Unavailable(error["detail"], **error["data"]))
                else:
                    answer.set_exception(ChildError(error["kind"], error["detail"], error["data"]))
        except (asyncio.IncompleteReadError, ConnectionResetError):
            pass
        except Exception as error:
            # Something that is no answer: nothing after it can be trusted, nor can the child.
            why = f"answered with something that is no frame ({error!r})"
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
        finally:
            if self._watch is not None:
                self._watch.cancel()
            for number, answer in self._waiting.items():
                if not answer.done():
                    answer.set_exception(self._ending(self._asked.get(number), why))

    def _ending(self, asked: _Asked | None, why: str) -> ChildEnded:
        late = self._late
        if late is None:
            return (ChildEnded if self._is_up else ChildNotStarted)(f"child {self.pid} {why}")
        reason = f"child {self.pid} took longer than {late.within_seconds:g} s for `{late.method}` and was ended"
        return ChildLate(reason) if asked is late else ChildEnded(reason)
