"""Copies on this machine's disk of blobs that lie elsewhere: bounded, each whole or not there, for many processes."""

import asyncio
import contextlib
import errno
import hashlib
import os
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

from shared.durable_files import make_folders
from shared.kernel import StorageFull, Unavailable, new_id
from shared.shortages import told_as_unavailable

T = TypeVar("T")
_INCOMING: Final = "incoming-"


@dataclass(frozen=True, slots=True)
class CopyTimes:
    """How long copies stay."""

    in_use_seconds: float = 120
    """Who was given a path has so long to open it, whatever else wants room."""
    kept_seconds: float = 3600
    """What is unused for so long goes: a document that was deleted must not stay on every machine that once read it."""
    look_again_seconds: float = 60
    """A new copy has what is too old or too much removed, if that was not done for so long."""


_TIMES: Final = CopyTimes()


class LocalCopies:
    """Files in `folder`, the least recently used removed beyond `most_bytes`; several processes may share it."""

    def __init__(self, folder: Path, *, most_bytes: int, times: CopyTimes = _TIMES) -> None:
        self._folder = folder
        self._most_bytes = most_bytes
        self._times = times
        self._tidied_at = -times.look_again_seconds
        self._new_bytes = 0

    async def get(self, name: str, size: int) -> str | None:
        """The path of a copy that is there, and counts as used now."""
        return await _in_thread(lambda: self._use(self._folder / name, size))

    async def put(self, name: str, content: AsyncIterator[bytes]) -> str:
        """Writes a copy; its path. Raises StorageFull, Unavailable, and what `content` raises."""
        await _in_thread(lambda: make_folders(self._folder))
        incoming, target = self._folder / f"{_INCOMING}{new_id()}", self._folder / name
        try:
            async for piece in content:
                await _in_thread(partial(_append, incoming, piece))
                self._new_bytes += len(piece)
            await _in_thread(lambda: _finish(incoming, target))
        except BaseException:
            await asyncio.shield(_in_thread(lambda: incoming.unlink(missing_ok=True)))
            raise
        is_time_to_look = time.monotonic() - self._tidied_at > self._times.look_again_seconds
        if is_time_to_look or self._new_bytes > self._most_bytes // 16:
            await self.tidy()
        return str(target.absolute())

    async def keep(self, name: str, content: bytes) -> None:
        """Writes a small copy in one go, because it will be asked for; what cannot be written is fetched then."""
        incoming = self._folder / f"{_INCOMING}{new_id()}"

        def write() -> None:
            make_folders(self._folder)
            incoming.write_bytes(content)
            incoming.replace(self._folder / name)

        with contextlib.suppress(StorageFull, Unavailable):
            await _in_thread(write)
            self._new_bytes += len(content)

    async def remove(self, name: str) -> None:
        """Gone, or was not there."""
        await _in_thread(lambda: (self._folder / name).unlink(missing_ok=True))

    async def tidy(self) -> None:
        """Removes what is too old, what is too much, and what was half written."""
        self._tidied_at, self._new_bytes = time.monotonic(), 0
        await _in_thread(self._tidy)

    def _use(self, path: Path, size: int) -> str | None:
        try:
            # After a power cut a file may be there without its content.
            if path.stat().st_size != size:
                return None
            os.utime(path)
        except FileNotFoundError:
            return None
        return str(path.absolute())

    def _tidy(self) -> None:
        now, times = time.time(), self._times
        total = 0
        for at, size, path in sorted(self._files(), reverse=True):
            total += size
            if now - at > times.in_use_seconds and (total > self._most_bytes or now - at > times.kept_seconds):
                path.unlink(missing_ok=True)
                total -= size

    def _files(self) -> Iterator[tuple[float, int, Path]]:
        with contextlib.suppress(FileNotFoundError), os.scandir(self._folder) as entries:
            for entry in entries:
                with contextlib.suppress(FileNotFoundError):
                    state = entry.stat()
                    yield state.st_mtime, state.st_size, Path(entry.path)


def _append(path: Path, piece: bytes) -> None:
    with path.open("ab", buffering=0) as file:
        left = memoryview(piece)
        while left:
            left = left[file.write(left) :]


def _finish(incoming: Path, target: Path) -> None:
    incoming.touch()  # an empty content has no pieces
    incoming.replace(target)


async def _in_thread(work: Callable[[], T]) -> T:
    try:
        with told_as_unavailable(RuntimeError, MemoryError):
            return await asyncio.to_thread(work)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StorageFull(
                "The disk that holds SEOGA_DATA_DIR is full. Free some room; nothing was lost."
            ) from error
        raise Unavailable(f"SEOGA_DATA_DIR cannot be used: {error.strerror}.") from error


def copy_name(key: str, version: str) -> str:
    """The file of a blob's copy; another content of the key has another version."""
    return hashlib.sha256(f"{key} {version}".encode()).hexdigest()
