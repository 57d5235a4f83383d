"""A child process: `python -m module`, spoken to in msgpack frames, ended with its parent.

It reads requests from standard input and answers on standard output, each frame four bytes of length (big-endian)
and msgpack. It ends at the end of its input, and by the kernel's signal when the thread that started it ends.
What it imports every child waits for: no event loop, nothing of the parent's end (shared.runtime.children).
"""

import ctypes
import math
import os
import resource
import signal
import struct
from collections.abc import Callable
from typing import Any, BinaryIO, Final

import msgpack

from shared.kernel import Unavailable
from shared.lossy_stream import let_output_fail
from shared.runtime.sandbox import give_up_rights
from shared.shortages import as_unavailable, machine_has_memory, out_of

LENGTH: Final = struct.Struct(">I")
"""What stands before a frame."""
READY: Final = -1
"""Number of the frame by which a child says that it can be asked; no call has it."""
SHORTAGE: Final = "Shortage"
"""Kind of the error by which a child says that the machine ran out of something."""
_PR_SET_PDEATHSIG: Final = 1

Handler = Callable[..., Any]


def serve_parent(handlers: dict[str, Handler]) -> None:
    """The child's whole life: limits itself, then answers requests one by one until its input ends.

    An exception becomes the answer; its attribute `data` (a dict), if any, goes along. What a library prints is lost
    when standard error cannot take it.
    """
    _bind_to_parent()
    given_up = _limit_self()
    requests: BinaryIO = os.fdopen(os.dup(0), "rb")
    answers: BinaryIO = os.fdopen(os.dup(1), "wb")
    # Whatever a library prints or reads must not take part in the frames.
    os.dup2(2, 1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    let_output_fail()
    _send(answers, _packed(READY, sorted(given_up), None))
    while (frame := _read_frame(requests)) is not None:
        number, method, arguments = msgpack.unpackb(frame, strict_map_key=False)
        del frame
        answer = _answer(handlers, number, method, arguments)
        del arguments
        _send(answers, answer)


def _send(answers: BinaryIO, frame: bytes) -> None:
    answers.write(LENGTH.pack(len(frame)))
    answers.write(frame)
    answers.flush()


def _read_frame(requests: BinaryIO) -> bytes | None:
    """The next frame, or None at the end of the input (a parent may die in the middle of a frame)."""
    header = requests.read(LENGTH.size)
    if len(header) < LENGTH.size:
        return None
    (length,) = LENGTH.unpack(header)
    frame = requests.read(length)
    return frame if len(frame) == length else None


def _answer(handlers: dict[str, Handler], number: int, method: str, arguments: dict[str, Any]) -> bytes:
    """The answer's frame: the result or the error. What cannot be packed is an error, not the child's end."""
    try:
        return _packed(number, handlers[method](**arguments), None)
    except MemoryError:
        # Unless the machine is to blame, this is what the limit is there for.
        if machine_has_memory():
            return _packed(number, None, {"kind": "MemoryError", "detail": "out of memory", "data": {}})
        return _packed_shortage(number, out_of("memory"))
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as failure:  # panics of a library in Rust are no plain exceptions
        lacking = as_unavailable(failure) if isinstance(failure, Exception) else None
        if lacking is not None and not (lacking.specific_code == "out_of_memory" and machine_has_memory()):
            return _packed_shortage(number, lacking)
        error = {"kind": type(failure).__name__, "detail": str(failure), "data": getattr(failure, "data", {})}
        try:
            return _packed(number, None, error)
        except Exception:
            return _packed(number, None, {**error, "data": {}})


def _packed_shortage(number: int, lacking: Unavailable) -> bytes:
    data = {"code": lacking.specific_code, "retry_after_seconds": lacking.retry_after_seconds}
    return _packed(number, None, {"kind": SHORTAGE, "detail": lacking.detail, "data": data})


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


def _limit_self() -> frozenset[str]:
    memory = int(os.environ.get("SEOGA_CHILD_MEMORY", "0"))
    cpu = int(os.environ.get("SEOGA_CHILD_CPU", "0"))
    if memory:
        # Who started Seoga may have allowed less.
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        most = memory if hard == resource.RLIM_INFINITY else min(memory, hard)
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
    if cpu:
        resource.setrlimit(resource.RLIMIT_CPU, (cpu, cpu))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if os.environ.get("SEOGA_CHILD_SANDBOX") != "1":
        return frozenset()
    return give_up_rights(os.environ.get("SEOGA_CHILD_WRITABLE") or None)


def limit_cpu(seconds: float) -> None:
    """From now on this process may use so much more processor time; then the kernel ends it (SIGXCPU)."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    soft = math.ceil(used.ru_utime + used.ru_stime + seconds)
    resource.setrlimit(resource.RLIMIT_CPU, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard))
