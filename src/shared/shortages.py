"""What a machine that has run out of something makes the system and libraries say, and what it means: Unavailable.

It is nobody's fault that is being worked for: it costs no attempt, waits, and goes on by itself. Whoever judges a
failure asks here first.
"""

import errno
import mmap
import re
import resource
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from shared.kernel import DomainError, StorageFull, Unavailable

_RETRY_SECONDS: Final = 5.0
_PROBED_BYTES: Final = 64 << 20
_OF_ERRNO: Final = {
    errno.EMFILE: "descriptors",
    errno.ENFILE: "descriptors",
    errno.ENOMEM: "memory",
    # Of a fork or a thread: their number is limited, by the user's or the container's limit.
    errno.EAGAIN: "processes",
    errno.ENOSPC: "disk",
    errno.EDQUOT: "disk",
}
# In errors of native libraries, which have no number. Rust ends such a sentence with "(os error 24)".
_OF_WORDS: Final = (
    ("threads", re.compile(r"can't start new thread|pthread_create|failed to spawn thread|thread constructor failed")),
    ("descriptors", re.compile(r"Too many open files")),
    ("memory", re.compile(r"std::bad_alloc|bad allocation|[Ff]ailed to allocate memory|[Cc]annot allocate memory")),
    ("processes", re.compile(r"Resource temporarily unavailable")),
    ("disk", re.compile(r"No space left on device|Disk quota exceeded")),
)
# Words count in these only: elsewhere they may be a document's.
_SPEAKING: Final = (RuntimeError, OSError, ImportError, SystemError)
_SPEAKING_LIBRARIES: Final = frozenset({"onnxruntime", "openvino", "qdrant_edge"})
_SAID: Final = {
    "threads": "The machine lets Seoga start no more threads (ulimit -u, -v, or the container's limit of processes).",
    "processes": "The machine lets Seoga start no more processes (ulimit -u, or the container's limit of processes).",
    "descriptors": "The machine lets Seoga open no more files (ulimit -n).",
    "memory": "The machine has no more memory for Seoga.",
}
_LONGEST_CHAIN: Final = 8


def as_unavailable(error: BaseException) -> Unavailable | None:
    """What to wait for when this failed: the error itself if it says so, else the machine's shortage behind it.

    None for a failure that has another cause.
    """
    if isinstance(error, Unavailable):
        return error
    if isinstance(error, DomainError):
        return None  # a verdict: whoever gave it knew what was behind it
    kind = next((kind for one in _chain(error) if (kind := _kind(one)) is not None), None)
    if kind is None:
        return None
    if kind == "disk":
        return StorageFull("The disk is full. Free some room; nothing was lost.")
    return out_of(kind)


@contextmanager
def told_as_unavailable(*kinds: type[Exception]) -> Iterator[None]:
    """What fails in the block by one of these kinds, because the machine has run out of something, is Unavailable."""
    try:
        yield
    except kinds as error:
        away = as_unavailable(error)
        if away is None or away is error:
            raise
        raise away from error


def out_of(kind: str) -> Unavailable:
    """`kind` is threads, processes, descriptors or memory."""
    return Unavailable(f"{_SAID[kind]} What needs it waits.", code=f"out_of_{kind}", retry_after_seconds=_RETRY_SECONDS)


def start_thread(target: Callable[..., object], *arguments: Any, name: str) -> threading.Thread:
    """A daemon, running. Raises Unavailable when the machine has no more threads to give."""
    thread = threading.Thread(target=target, args=arguments, name=name, daemon=True)
    with told_as_unavailable(RuntimeError, MemoryError):
        thread.start()
    return thread


def _kind(error: BaseException) -> str | None:
    if isinstance(error, MemoryError):
        return "memory"
    if isinstance(error, OSError) and error.errno is not None:
        return _OF_ERRNO.get(error.errno)
    library = type(error).__module__.partition(".")[0]
    if isinstance(error, _SPEAKING) or library in _SPEAKING_LIBRARIES:
        said = str(error)
        return next((kind for kind, words in _OF_WORDS if words.search(said)), None)
    return None


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and what it came from."""
    one: BaseException | None = error
    for _ in range(_LONGEST_CHAIN):
        if one is None:
            return
        yield one
        one = one.__cause__ or (None if one.__suppress_context__ else one.__context__)


def machine_has_memory() -> bool:
    """Whether what failed asked for too much, at once or beyond this process's limit; else the machine has none left.

    Asked while what the failed call holds is still held.
    """
    try:
        mmap.mmap(-1, _PROBED_BYTES, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS).close()
        return True
    except OSError:
        limit, _ = resource.getrlimit(resource.RLIMIT_AS)
        try:
            return limit != resource.RLIM_INFINITY and _address_space_bytes() + _PROBED_BYTES > limit
        except OSError:
            return False  # descriptors lack too


def _address_space_bytes() -> int:
    with open("/proc/self/statm", "rb", buffering=0) as file:  # noqa: PTH123 - there is little memory left
        return int(file.read(64).split(maxsplit=1)[0]) * resource.getpagesize()
