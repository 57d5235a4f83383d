"""Room on the disk that is kept for a bad day: given up when the disk is full, so that deleting is still possible.

A deletion has to be written down before it frees anything, and the index needs a little room to be opened. The room is
a file in the data directory; what is free once it is gone is for these alone: what brings new content must leave as
much as `owed_bytes` free.
"""

import contextlib
import os
import threading
from pathlib import Path
from typing import Final

from shared.durable_files import sync

RESERVE: Final = "reserve"
"""The file's name in the data directory."""
_LITTLE_BYTES: Final = 4 << 20
_SPARE_BYTES: Final = 32 << 20
_making: Final = threading.Lock()


class DiskReserve:
    """Of one data directory. Every object of the same one is the same: the file is the state. Its methods block."""

    def __init__(self, folder: Path, size_bytes: int = 0) -> None:
        """Whoever only gives it up need not know its size."""
        self._folder = folder
        self._file = folder / RESERVE
        self._size_bytes = size_bytes

    @property
    def is_there(self) -> bool:
        """Whether the room is set aside now; true where there is to be none."""
        if not self._size_bytes:
            return True
        try:
            state = self._file.stat()
        except OSError:
            return False
        return state.st_blocks * 512 >= self._size_bytes

    @property
    def owed_bytes(self) -> int:
        """What has to stay free so that it can be set aside again; 0 while it is."""
        return 0 if self.is_there else self._size_bytes

    def make(self) -> bool:
        """Sets the room aside if there is enough of it; whether it is there on return."""
        if self.is_there:
            return True
        with _making:
            with contextlib.suppress(OSError):
                if free_bytes(self._folder) < self._size_bytes + _SPARE_BYTES:
                    return False
                new = self._file.with_name(f"{RESERVE}.new")
                try:
                    with new.open("wb") as file:
                        os.posix_fallocate(file.fileno(), 0, self._size_bytes)
                    new.replace(self._file)
                    sync(self._folder)
                finally:
                    new.unlink(missing_ok=True)
            return self.is_there

    def release(self) -> bool:
        """Gives the room up; False when there was none left to give."""
        with _making:
            try:
                self._file.unlink()
            except OSError:
                return False
            return True

    def release_if_short(self) -> bool:
        """The same, if hardly anything is free."""
        with contextlib.suppress(OSError):
            return free_bytes(self._folder) < _LITTLE_BYTES and self.release()
        return False


def free_bytes(folder: Path) -> int:
    """What may still be written to the disk that holds the folder. Raises OSError."""
    state = os.statvfs(folder)
    return state.f_bavail * state.f_frsize
