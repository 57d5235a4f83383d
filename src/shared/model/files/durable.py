"""Files that are there whole or not at all, and a lock that threads and processes share."""

import contextlib
import fcntl
import hashlib
import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from shared import durable_files
from shared.kernel import new_id

UNFINISHED: Final = ".writing"
"""Ends the names of files that are being written; an old one was left by a crash."""


class StillLocked(Exception):
    """Another thread or process has held the lock for as long as was waited, or the waiting was given up."""


@contextlib.contextmanager
def locked(
    path: Path,
    *,
    timeout_seconds: float,
    given_up: Callable[[], bool] = lambda: False,
    poll_seconds: float = 0.05,
) -> Iterator[None]:
    """Holds the lock that the file `path` stands for; waits at most that long (0: not at all).

    The file is there only while somebody holds the lock or crashed with it: the system frees the lock of a dead
    process, so an orphan is nothing to wait for. Who waits tries every `poll_seconds`. Raises StillLocked, and
    OSError where no file can be made.
    """
    deadline = time.monotonic() + timeout_seconds
    while (descriptor := _take(path)) is None:
        if time.monotonic() >= deadline or given_up():
            raise StillLocked(str(path))
        time.sleep(poll_seconds)
    try:
        yield
    finally:
        # Removed while it is still held: who waited for this very file sees that it is gone and opens the new one.
        with contextlib.suppress(OSError):
            path.unlink()
        os.close(descriptor)


def _take(path: Path) -> int | None:
    """The lock's descriptor, or None where another holds it or has just removed the file."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(descriptor), path.stat()):
            return descriptor
    except (BlockingIOError, FileNotFoundError):
        pass
    except BaseException:
        os.close(descriptor)
        raise
    os.close(descriptor)
    return None


def write_whole(path: Path, content: bytes) -> None:
    """On disk when it returns; a reader sees the old content or the new. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # A name of its own: several processes may write the same file at once.
    durable_files.write_whole(path, content, beside=path.with_name(f"{path.name}.{new_id()}{UNFINISHED}"))


def sha256_of(path: Path) -> str:
    """In hex; 90 MB take about 0.1 s, without the GIL."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def remove_folder(folder: Path) -> None:
    """With all that is in it; fine where it is not there."""
    with contextlib.suppress(FileNotFoundError):
        shutil.rmtree(folder)
