"""Files and folders that survive a power cut: whoever makes or renames an entry syncs the folder it is in.

All of it blocks, and raises OSError as the system says it: what that means to a user is said where the file is known.
"""

import contextlib
import os
from pathlib import Path


def sync(path: Path) -> None:
    """A file's content, or a folder's entries (new, renamed, removed), are on disk on return."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_folders(folder: Path) -> None:
    """Makes the folder and what is missing above it, durably; nothing happens when it is there."""
    missing = []
    while not folder.is_dir():
        missing.append(folder)
        folder = folder.parent
    for new in reversed(missing):
        new.mkdir(exist_ok=True)
        sync(new.parent)


def put_in_place(new: Path, target: Path) -> None:
    """Renames what is synced itself, a file or a folder, to where it belongs; durable on return."""
    new.replace(target)
    sync(target.parent)


def write_whole(target: Path, content: bytes, *, beside: Path) -> None:
    """On disk on return; a reader sees the old content or the new, and so does a crash.

    `beside` is in the same folder, for this writer alone, and gone when it is done; a crash may leave it.
    """
    try:
        with beside.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        put_in_place(beside, target)
    except BaseException:
        with contextlib.suppress(OSError):
            beside.unlink()
        raise
