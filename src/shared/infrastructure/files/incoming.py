"""A file on its way into the blobs: written beside them, hashed as it comes, synced, and renamed into its place."""

import hashlib
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Final

from shared.durable_files import make_folders, put_in_place
from shared.infrastructure.files.keys import HEAD_BYTES
from shared.kernel import new_id

INCOMING: Final = "incoming"
"""The folder beside the blobs."""


class Incoming:
    """A file on its way in. Its methods run in threads, one at a time."""

    def __init__(self, root: Path, must_have_room: Callable[[int], None]) -> None:
        """`must_have_room` raises StorageFull when so many bytes more would not fit."""
        self._root = root
        self._must_have_room = must_have_room
        self._path = root / INCOMING / new_id()
        self._file: BinaryIO | None = None
        self._one_at_a_time = threading.Lock()
        self._is_discarded = False
        self.is_done = False
        """Nothing is left that `discard` would have to take away."""
        self.hash = hashlib.sha256()
        self.size = 0
        self.head = b""

    def begin(self) -> None:
        """Opens it. Raises OSError, StorageFull."""
        with self._one_at_a_time:
            if self._is_discarded:
                return
            self._must_have_room(0)
            make_folders(self._path.parent)
            self._file = self._path.open("xb", buffering=0)

    def write(self, piece: bytes, *, hashing: bool = True) -> None:
        """One piece more. Raises OSError, StorageFull."""
        with self._one_at_a_time:
            if self._file is None or not piece:
                return
            self._must_have_room(len(piece))
            left = memoryview(piece)
            while left:
                left = left[self._file.write(left) :]
            if hashing:
                self.hash.update(piece)
            self.size += len(piece)
            if len(self.head) < HEAD_BYTES:
                self.head += piece[: HEAD_BYTES - len(self.head)]

    def move_to(self, target: Path) -> None:
        """Durable on return; replaces what was there."""
        with self._one_at_a_time:
            assert self._file is not None
            os.fsync(self._file.fileno())
            make_folders(target.parent)
            put_in_place(self._path, target)
            self._file.close()
            self._file = None
            self.is_done = True

    def discard(self) -> None:
        """Closes it, and deletes what was not moved."""
        with self._one_at_a_time:
            self._is_discarded = True
            if self._file is not None:
                self._file.close()
                self._file = None
                self._path.unlink(missing_ok=True)
            self.is_done = True
