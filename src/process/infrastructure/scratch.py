"""A folder for files on their way from a parser to the store; nothing in it outlives the process."""

import contextlib
import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from shared.kernel import new_id


class Scratch:
    """An async context manager that makes the process's own folder below `folder`, and removes it.

    A lock says that a process lives: what those that were killed left is removed, what others work in is not.
    """

    def __init__(self, folder: Path) -> None:
        self._shared = folder
        self.folder = folder / new_id()
        self._lock = -1

    async def __aenter__(self) -> Self:
        self._shared.mkdir(parents=True, exist_ok=True)
        # One at a time: between its making and its lock a folder looks as if it were left.
        with _locked(self._shared):
            for left in self._shared.iterdir():
                with contextlib.suppress(OSError), _locked(left, waits=False):
                    shutil.rmtree(left, ignore_errors=True)
            self.folder.mkdir()
            self._lock = os.open(self.folder, os.O_RDONLY)
            fcntl.flock(self._lock, fcntl.LOCK_EX)
        return self

    async def __aexit__(self, *_: object) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        os.close(self._lock)


@contextmanager
def _locked(path: Path, *, waits: bool = True) -> Iterator[None]:
    """Raises BlockingIOError where it is held and not to be waited for."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if waits else fcntl.LOCK_NB))
        yield
    finally:
        os.close(descriptor)
