"""Output that never fails and never waits: what cannot be written is dropped, and counted.

A log is for whoever reads it. When nobody does (a pipe whose reader is gone or stands still) or the disk it goes to is
full, the work goes on without it.
"""

import io
import os
import select
import sys
import threading
from collections.abc import Callable
from typing import Any, Final, TextIO

from typing_extensions import override

_PIECE_BYTES: Final = 4096
"""A pipe that says it is writable takes so many without waiting (PIPE_BUF of Linux)."""

Notice = Callable[[int, str], str]
"""The line that says how many lines were dropped, and why."""


def _no_notice(_: int, __: str) -> str:
    return ""


class _Dropped:
    """Lines dropped by all streams of this process since it began."""

    lines = 0
    lock: Final = threading.Lock()


def dropped_lines() -> int:
    """How many lines of this process could not be written."""
    return _Dropped.lines


class LossyStream(io.TextIOBase):
    """A text stream over another one. Safe from any thread; write whole lines, so that whole lines are dropped."""

    def __init__(self, inner: TextIO, *, notice: Notice = _no_notice) -> None:
        """`notice` is asked once after lines were dropped, when one can be written again."""
        super().__init__()
        self.notice = notice
        self._inner = inner
        # A signal's handler may log while its thread does.
        self._lock = threading.RLock()
        self._missing = 0
        self._why = ""
        try:
            inner.flush()
            self._descriptor: int | None = inner.fileno()
            self._poll = select.poll()
            self._poll.register(self._descriptor, select.POLLOUT)
        except (OSError, ValueError):
            self._descriptor = None

    @override
    def write(self, text: str, /) -> int:
        """Its length, whether or not it was written."""
        with self._lock:
            notice = self.notice(self._missing, self._why) if self._missing else ""
            try:
                self._put(notice + text)
                self._missing = 0
            except Exception as error:
                lines = text.count("\n")
                self._missing += lines
                self._why = getattr(error, "strerror", None) or str(error) or type(error).__name__
                with _Dropped.lock:
                    _Dropped.lines += lines
        return len(text)

    def _put(self, text: str) -> None:
        """Raises whatever the system says, and BlockingIOError instead of waiting."""
        if self._descriptor is None:
            self._inner.write(text)
            self._inner.flush()
            return
        data = memoryview(text.encode(self.encoding, "backslashreplace"))
        while data:
            if not self._poll.poll(0):
                raise BlockingIOError("nobody reads it")
            data = data[os.write(self._descriptor, data[:_PIECE_BYTES]) :]

    @override
    def flush(self) -> None:
        """Nothing is kept back."""

    @override
    def fileno(self) -> int:
        return self._inner.fileno()

    @override
    def isatty(self) -> bool:
        return self._inner.isatty()

    @override
    def writable(self) -> bool:
        return True

    @property
    def encoding(self) -> str:  # type: ignore[override]  # an attribute there, the inner stream's here
        """The inner stream's."""
        return self._inner.encoding or "utf-8"

    @property
    def errors(self) -> str:  # type: ignore[override]  # as above
        """What cannot be encoded is written as an escape."""
        return "backslashreplace"

    @property
    def buffer(self) -> Any:
        """The inner stream's, for who writes bytes."""
        return self._inner.buffer


def let_output_fail() -> None:
    """From now on nothing that this process prints or logs can fail or wait: for servers and children.

    A command whose output goes to a program that ended should end too, so it does without.
    """
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is not None and not isinstance(stream, LossyStream):
            setattr(sys, name, LossyStream(stream))


def let_output_be_encoded() -> None:
    """What the terminal's encoding has not is written as an escape from now on, so that no command dies of it."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
