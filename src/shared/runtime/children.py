"""Child processes: started clean, spoken to in msgpack frames, ended with their parent.

A child is `python -m module`; it reads requests from standard input and answers on standard output, each
frame four bytes of length (big-endian) and msgpack. It ends at the end of its input, and by the kernel's
signal when the thread that started it ends.
"""

import asyncio
import contextlib
import ctypes
import itertools
import os
import resource
import signal
import struct
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, BinaryIO, Final

import msgpack

from shared.kernel import Unavailable
from shared.lossy_stream import let_output_fail
from shared.silence import FETCHES_OFF

_PR_SET_PDEATHSIG: Final = 1
_LENGTH: Final = struct.Struct(">I")
_READ_AHEAD_BYTES: Final = 4 << 20
"""Large answers (vectors) come in a few reads instead of hundreds."""


class ChildEnded(Exception):
    """The child is gone (killed, crashed, over its memory) and did not answer."""


class ChildError(Exception):
    """The child answered with an error: `kind` is the exception's class name in the child."""

    def __init__(self, kind: str, detail: str, data: dict[str, Any]) -> None:
        super().__init__(f"{kind}: {detail}")
        self.kind = kind
        self.detail = detail
        self.data = data


@dataclass(frozen=True, slots=True)
class ChildLimits:
    """What the child imposes on itself before it does anything; None is no limit."""

    memory_bytes: int | None = None
    cpu_seconds: int | None = None


class ChildProcess:
    """The parent's end. Calls may overlap; the child answers them in order."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None and process.stdout is not None
        self._process = process
        self._input = process.stdin
        self._output = process.stdout
        self._numbers = itertools.count()
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._reader = asyncio.create_task(self._read_answers(), name=f"child-{process.pid}")

    @classmethod
    async def start(cls, module: str, *arguments: str, limits: ChildLimits | None = None) -> "ChildProcess":
        """Starts `python -m module` with this process's import path; its stderr is this process's."""
        limits = limits or ChildLimits()
        environment = {
            **os.environ,
            **FETCHES_OFF,
            "PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry),
            "SEOGA_CHILD_PARENT": str(os.getpid()),
            "SEOGA_CHILD_MEMORY": str(limits.memory_bytes or 0),
            "SEOGA_CHILD_CPU": str(limits.cpu_seconds or 0),
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
        except OSError as error:
            raise Unavailable(f"A child process could not be started: {error.strerror}.") from error
        return cls(process)

    @property
    def pid(self) -> int:
        """The child's process id."""
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """Whether it has not ended and still answers."""
        return self._process.returncode is None and not self._reader.done()

    async def call(self, method: str, /, **arguments: Any) -> Any:
        """The child's answer. Raises ChildEnded, ChildError. A cancelled call is still done by the child."""
        if not self.is_alive:
            raise ChildEnded(f"child {self.pid} is gone")
        number = next(self._numbers)
        frame = msgpack.packb((number, method, arguments))
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        try:
            # One write for the whole frame: a call that is cancelled while it drains leaves no half frame behind.
            self._input.write(_LENGTH.pack(len(frame)) + frame)
            await self._input.drain()
            return await answer
        except (BrokenPipeError, ConnectionResetError) as error:
            raise ChildEnded(f"child {self.pid} is gone") from error
        finally:
            del self._waiting[number]
            if not answer.cancel() and not answer.cancelled():
                answer.exception()  # seen, also when the call ended while it still drained

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

    async def _read_answers(self) -> None:
        why = "ended"
        try:
            while True:
                (length,) = _LENGTH.unpack(await self._output.readexactly(_LENGTH.size))
                number, result, error = msgpack.unpackb(await self._output.readexactly(length), strict_map_key=False)
                answer = self._waiting.get(number)
                if answer is None or answer.done():
                    continue
                if error is None:
                    answer.set_result(result)
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
            for answer in self._waiting.values():
                if not answer.done():
                    answer.set_exception(ChildEnded(f"child {self.pid} {why}"))


Handler = Callable[..., Any]


def serve_parent(handlers: dict[str, Handler]) -> None:
    """The child's whole life: limits itself, then answers requests one by one until its input ends.

    An exception becomes the answer; its attribute `data` (a dict), if any, goes along. What a library prints is lost
    when standard error cannot take it.
    """
    _bind_to_parent()
    _limit_self()
    requests: BinaryIO = os.fdopen(os.dup(0), "rb")
    answers: BinaryIO = os.fdopen(os.dup(1), "wb")
    # Whatever a library prints or reads must not take part in the frames.
    os.dup2(2, 1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    let_output_fail()
    while (frame := _read_frame(requests)) is not None:
        number, method, arguments = msgpack.unpackb(frame, strict_map_key=False)
        del frame
        answer = _answer(handlers, number, method, arguments)
        del arguments
        answers.write(_LENGTH.pack(len(answer)))
        answers.write(answer)
        answers.flush()


def _read_frame(requests: BinaryIO) -> bytes | None:
    """The next frame, or None at the end of the input (a parent may die in the middle of a frame)."""
    header = requests.read(_LENGTH.size)
    if len(header) < _LENGTH.size:
        return None
    (length,) = _LENGTH.unpack(header)
    frame = requests.read(length)
    return frame if len(frame) == length else None


def _answer(handlers: dict[str, Handler], number: int, method: str, arguments: dict[str, Any]) -> bytes:
    """The answer's frame: the result or the error. What cannot be packed is an error, not the child's end."""
    try:
        return _packed(number, handlers[method](**arguments), None)
    except MemoryError:
        return _packed(number, None, {"kind": "MemoryError", "detail": "out of memory", "data": {}})
    except Exception as failure:
        error = {"kind": type(failure).__name__, "detail": str(failure), "data": getattr(failure, "data", {})}
        try:
            return _packed(number, None, error)
        except Exception:
            return _packed(number, None, {**error, "data": {}})


def _packed(number: int, result: object, error: dict[str, Any] | None) -> bytes:
    frame: bytes = msgpack.packb((number, result, error))
    return frame


def _bind_to_parent() -> None:
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    parent = os.environ.get("SEOGA_CHILD_PARENT")
    if parent and os.getppid() != int(parent):
        os._exit(0)  # the parent ended before the signal was set
    # Ctrl-C goes to the whole terminal; the parent ends its children itself.
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _limit_self() -> None:
    memory = int(os.environ.get("SEOGA_CHILD_MEMORY", "0"))
    cpu = int(os.environ.get("SEOGA_CHILD_CPU", "0"))
    if memory:
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    if cpu:
        resource.setrlimit(resource.RLIMIT_CPU, (cpu, cpu))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
