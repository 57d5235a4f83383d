"""Blobs as files: originals under their content's hash, artefacts in packs, each whole or not there.

What is not there may be in the trash: then it comes back.

A file is written in `incoming/` of the same file system, synced, renamed into place, and its folder synced.
"""

import asyncio
import contextlib
import errno
import hashlib
import os
import threading
import time
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from io import FileIO
from pathlib import Path
from typing import Final, Self, TypeVar

from typing_extensions import override

from shared.disk_reserve import DiskReserve
from shared.durable_files import make_folders, sync
from shared.infrastructure.files.artefacts import FileArtefacts, files_behind, files_of, is_artefact
from shared.infrastructure.files.incoming import INCOMING, Incoming
from shared.infrastructure.files.keys import (
    ORIGINALS,
    PIECE_BYTES,
    checked,
    not_found,
    too_large,
)
from shared.infrastructure.files.trash import FileTrash
from shared.kernel import Damaged, NotFound, StorageFull, Unavailable
from shared.ports.health import ComponentHealth
from shared.ports.storage import BlobStore, StoredBlob, Trash
from shared.shortages import told_as_unavailable

T = TypeVar("T")
_THREADS: Final = 8
"""Threads mostly wait for the disk: parallel syncs share the file system's journal commits."""
# With so much room to spare, small files are written without asking for each how much is left.
_PLENTY_BYTES: Final = 1 << 30
_SMALL_BYTES: Final = 64 << 10


class FileBlobs(BlobStore):
    """BlobStore under `root`; refuses what would leave less than `min_free_bytes` on the disk."""

    def __init__(
        self,
        root: Path,
        *,
        min_free_bytes: int = 0,
        reserve: DiskReserve | None = None,
        look_again_seconds: float = 1.0,
        probe_seconds: float = 10.0,
    ) -> None:
        """What is written here leaves room for the `reserve` while it is given up.

        Where there is plenty of room, it is looked only every `look_again_seconds` how much is left."""
        self._root = root
        self._min_free_bytes = min_free_bytes
        self._reserve = reserve or DiskReserve(root)
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="blobs")
        # Between looking at a file's age and deleting it, nobody may make it young again.
        self._renewing = threading.Lock()
        self._trash = FileTrash(root, self._renewing)
        originals = (root, self._trash.folder)
        self._artefacts, self._trashed = (FileArtefacts(one, self._write, originals=originals) for one in originals)
        self._look_again_seconds = look_again_seconds
        self._looked_at = -look_again_seconds
        self._probe_seconds = probe_seconds
        self._probe_due_at = 0.0
        self._health: ComponentHealth | None = None
        self._place: tuple[int, int] | None = None

    async def __aenter__(self) -> Self:
        await self._run(lambda: make_folders(self._root / INCOMING))
        folder = self._root.stat()
        self._place = (folder.st_dev, folder.st_ino)
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.to_thread(self._threads.shutdown)

    async def check(self) -> ComponentHealth:
        """For health: a small file is written, synced, read again and deleted, at most every `probe_seconds`."""
        now = time.monotonic()
        if self._health is None or now >= self._probe_due_at:
            self._health = await self._run(self._probe)
            self._probe_due_at = now + (self._probe_seconds if self._health.ready else 0)
        return self._health

    def _probe(self) -> ComponentHealth:
        file, content = self._root / INCOMING / f"probe-{os.getpid()}", os.urandom(64)
        way_out = (
            "Bring the folder back (docs/operations/backup.md) or mend its disk or rights, then restart the server."
        )
        try:
            folder = self._root.stat()
            if self._place not in (None, (folder.st_dev, folder.st_ino)):
                return ComponentHealth(False, f"The folder {self._root} was replaced while the server runs. {way_out}")
            try:
                with file.open("wb") as written:
                    written.write(content)
                    written.flush()
                    os.fsync(written.fileno())
                found = file.read_bytes()
            finally:
                file.unlink(missing_ok=True)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                return ComponentHealth(False, "The disk is full: nothing is taken in.", required=False)
            words = f"The folder {self._root} cannot be written and read ({error.strerror}). {way_out}"
            return ComponentHealth(False, words)
        if found != content:
            return ComponentHealth(False, f"What is written to {self._root} is not what is read there. {way_out}")
        return ComponentHealth(True, "a file was written and read")

    @override
    async def store(self, stream: AsyncIterator[bytes], *, max_bytes: int) -> StoredBlob:
        file = Incoming(self._root, self._must_have_room)
        try:
            await self._run(file.begin)
            pieces: list[bytes] = []
            waiting = size = 0
            async for piece in stream:
                size += len(piece)
                if size > max_bytes:
                    raise too_large(max_bytes)
                pieces.append(piece)
                waiting += len(piece)
                if waiting >= PIECE_BYTES:
                    whole, pieces, waiting = b"".join(pieces), [], 0
                    await self._run(partial(file.write, whole))
            return await self._run(lambda: self._keep_original(file, b"".join(pieces)))
        finally:
            if not file.is_done:
                # Also when cancelled: the thread that writes is waited for, then the file goes.
                await asyncio.shield(asyncio.get_running_loop().run_in_executor(self._threads, file.discard))

    @override
    async def put(self, key: str, content: bytes) -> None:
        """Raises InvalidInput for a key that is none, StorageFull."""
        await self.put_all({key: content})

    @override
    async def put_all(self, contents: Mapping[str, bytes]) -> None:
        for key in contents:
            checked(key)

        def put() -> None:
            # What else is in its pack stays with it.
            self._bring_back(contents)
            self._artefacts.put(contents)

        await self._run(put)

    @override
    async def read(self, key: str) -> bytes:
        if is_artefact(key):
            return (await self.read_all((key,)))[0]
        path = await self._found(key)
        return await self._run(lambda: path.read_bytes(), key)

    @override
    async def read_all(self, keys: Sequence[str]) -> Sequence[bytes]:
        for key in keys:
            # What the first stages meet.
            if not self._may_have(key):
                raise not_found(key)

        def read() -> Sequence[bytes]:
            self._bring_back(keys)
            return self._artefacts.read(keys)

        return await self._run(read)

    @override
    async def open(self, key: str, *, start: int = 0, length: int | None = None) -> AsyncIterator[bytes]:
        if is_artefact(key):
            content = await self.read(key)
            content = content[start : None if length is None else start + length]
            for place in range(0, len(content), PIECE_BYTES):
                yield content[place : place + PIECE_BYTES]
            return
        path = await self._found(key)
        opening = asyncio.ensure_future(self._run(lambda: path.open("rb", buffering=0), key))
        try:
            file = await asyncio.shield(opening)
        except asyncio.CancelledError:
            opening.add_done_callback(_close_opened)
            raise
        try:
            await self._run(lambda: file.seek(start))
            left = length
            while left is None or left > 0:
                wanted = PIECE_BYTES if left is None else min(PIECE_BYTES, left)
                piece = await self._run(partial(file.read, wanted))
                if not piece:
                    return
                if left is not None:
                    left -= len(piece)
                yield piece
        finally:
            file.close()

    @override
    async def local_path(self, key: str) -> str:
        if is_artefact(key):
            raise not_found(key)
        return str((await self._found(key)).absolute())

    @override
    async def exists(self, key: str) -> bool:
        if not is_artefact(key):
            return self._path(key).is_file() or self._trash.has(key)
        # Looked at where it is: who only asks does not bring it back.
        for artefacts in (self._artefacts, self._trashed):
            with contextlib.suppress(NotFound, Damaged):
                if artefacts.may_have(checked(key)):
                    await self._run(partial(artefacts.read, (key,)))
                    return True
        return False

    @override
    async def size(self, key: str) -> int | None:
        for path in (self._path(key), self._trash.path(key)):
            with contextlib.suppress(FileNotFoundError):
                return path.stat().st_size
        return None

    @override
    async def delete(self, key: str) -> None:
        path = self._path(key)

        def delete() -> None:
            if is_artefact(key):
                self._bring_back((key,))
                self._artefacts.delete(key)
            else:
                path.unlink(missing_ok=True)
                self._trash.delete(key)

        await self._run(delete)

    @override
    async def hashes(self, after: str | None = None) -> tuple[Collection[str], str | None]:
        return await self._run(lambda: self._trash.page(after))

    @override
    async def young(self, hashes: Collection[str], *, younger_than_seconds: float) -> Collection[str]:
        return await self._run(lambda: self._trash.young(hashes, time.time() - younger_than_seconds))

    @override
    async def discard(self, hashes: Collection[str], *, older_than_seconds: float) -> Collection[str]:
        return await self._run(lambda: self._trash.take(hashes, time.time() - older_than_seconds))

    @override
    async def waiting(self, *, longer_than_seconds: float) -> Collection[str]:
        return await self._run(lambda: self._trash.waiting(time.time() - longer_than_seconds))

    @override
    async def bring_back(self, hashes: Collection[str]) -> None:
        await self._run(lambda: self._trash.bring_all_back(hashes))

    @override
    async def destroy(self, hashes: Collection[str], *, waiting_longer_than_seconds: float) -> int:
        return await self._run(lambda: self._trash.destroy(hashes, time.time() - waiting_longer_than_seconds))

    @override
    async def trash(self) -> Trash:
        return await self._run(self._trash.content)

    @override
    async def tidy(self, *, older_than_seconds: float) -> None:
        await self._run(lambda: self._tidy(time.time() - older_than_seconds))

    @override
    async def free_bytes(self) -> int | None:
        """What may still be stored, the reserve not counted."""
        return await self._run(lambda: max(0, self._free() - self._min_free_bytes))

    def _path(self, key: str) -> Path:
        return self._root / checked(key)

    def _write(self, target: Path, content: bytes) -> None:
        file = Incoming(self._root, self._must_have_room)
        try:
            file.begin()
            file.write(content, hashing=False)
            file.move_to(target)
        finally:
            file.discard()

    async def _found(self, key: str) -> Path:
        """Of an original. Raises NotFound."""
        path = self._path(key)
        if not path.is_file() and not (self._trash.has(key) and await self._run(lambda: self._trash.bring_back(key))):
            raise not_found(key)
        return path

    def _may_have(self, key: str) -> bool:
        """Whether reading the artefact may find it. Costs a few looks, which is less than a thread's waking."""
        return self._artefacts.may_have(checked(key)) or any(map(self._trash.has, files_of(key)))

    def _bring_back(self, keys: Iterable[str]) -> None:
        """The files that reading these artefacts may need."""
        for file in {file for key in keys for file in files_behind(key)}:
            if self._trash.has(file):
                self._trash.bring_back(file)

    def _free(self) -> int:
        make_folders(self._root)
        state = os.statvfs(self._root)
        return state.f_bavail * state.f_frsize

    def _must_have_room(self, size: int) -> None:
        now = time.monotonic()
        if now - self._looked_at < self._look_again_seconds and size < _SMALL_BYTES:
            return
        owed = self._reserve.owed_bytes
        if not self._min_free_bytes and not owed:
            return
        left = self._free() - size - self._min_free_bytes - owed
        if left > _PLENTY_BYTES:
            self._looked_at = now
        if left < 0:
            raise StorageFull(
                f"The disk would have less than {self._min_free_bytes} bytes left (SEOGA_MIN_FREE_BYTES). "
                "Free some room; nothing was lost."
            )

    def _keep_original(self, file: Incoming, rest: bytes) -> StoredBlob:
        file.write(rest)
        sha256 = file.hash.hexdigest()
        key = f"{ORIGINALS}/{sha256[:2]}/{sha256}"
        target = self._root / key
        if self._trash.has(key):
            self._trash.bring_back(key)
        # An upload was just hashed, so that hashing what is there costs no more: it may have been damaged since.
        new = not (_has_content(target, sha256, file.size) and self._renew(target, file.size))
        if new:
            file.move_to(target)
        else:
            # Whoever renamed it first may not have synced the folder yet.
            sync(target.parent)
            file.discard()
        return StoredBlob(sha256=sha256, size=file.size, head=file.head, key=key, new=new)

    def _renew(self, target: Path, size: int) -> bool:
        """Whether the whole content is there already; then it is young again, so that it is not collected."""
        with self._renewing:
            try:
                if target.stat().st_size != size:
                    return False
                os.utime(target)
            except FileNotFoundError:
                return False
            return True

    def _tidy(self, oldest: float) -> None:
        for path in (self._root / INCOMING).glob("*"):
            with contextlib.suppress(FileNotFoundError):
                if path.stat().st_mtime < oldest:
                    path.unlink()

    async def _run(self, work: Callable[[], T], key: str | None = None) -> T:
        try:
            with told_as_unavailable(RuntimeError, MemoryError):
                return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
            if key is None:
                raise Unavailable(f"The blob store at {self._root} cannot be used: {error.strerror}.") from error
            raise not_found(key) from error
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise StorageFull("The disk that holds the documents is full. Free some room; nothing was lost.") from (
                    error
                )
            raise Unavailable(f"The blob store at {self._root} cannot be used: {error.strerror}.") from error


def _close_opened(opening: "asyncio.Task[FileIO]") -> None:
    """Whoever asked for it has gone."""
    if not opening.cancelled() and opening.exception() is None:
        opening.result().close()


def _has_content(path: Path, sha256: str, size: int) -> bool:
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_size != size:
                return False
            return hashlib.file_digest(file, "sha256").hexdigest() == sha256
    except FileNotFoundError:
        return False
