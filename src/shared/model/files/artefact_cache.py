"""What is built from a model is kept on disk under its content's hash: whole, checked, built once, within a size."""

import contextlib
import errno
import json
import os
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from shared.durable_files import put_in_place, sync
from shared.kernel import StorageFull, Unavailable
from shared.model.files.durable import UNFINISHED, StillLocked, locked, remove_folder, sha256_of, write_whole
from shared.telemetry import get_log

_MANIFEST: Final = "manifest.json"
_HASHES: Final = "hashes.json"
# Only what is named so is ever deleted: the folder may be one that holds other things too.
_KEY: Final = re.compile(r"[0-9a-z]{32}")
_LEFT_BY_A_BUILD: Final = re.compile(r"([0-9a-z]{32})\.(building|lock)")
_LEFT_BY_A_WRITE: Final = re.compile(rf"(hashes|engines-[0-9a-z]+)\.json\..*{re.escape(UNFINISHED)}")
_MOST_BYTES: Final = 4 << 30
_log = get_log("model")

Origin = Literal["hit", "built", "rebuilt"]
Build = Callable[[Path], None]
"""Writes files into the folder it is given."""


@dataclass(frozen=True, slots=True)
class Artefact:
    """A folder whose files are exactly what was built, and how it came about."""

    folder: Path
    origin: Origin


@dataclass(frozen=True, slots=True)
class CacheStatistics:
    """What this process asked of the cache since its start, and what lies on disk now."""

    hits: int
    misses: int
    """What had to be built, damaged ones included."""
    rebuilt: int
    """Of the misses, those that were there but damaged."""
    evicted: int
    entries: int
    bytes: int


@dataclass(frozen=True, slots=True)
class _Entry:
    key: str
    bytes: int
    used_at: float
    """Seconds since 1970."""


class ArtefactCache:
    """One folder for each key. Safe for many threads and processes; methods block and belong in a thread.

    Beyond `most_bytes` the least recently used entries are deleted, but never one that this object gave out (it
    is in use), that any process was given just now (it is being opened), or that is being built: so the limit may
    be exceeded for a while. Who has mapped the files of a deleted entry keeps them.
    """

    def __init__(
        self,
        folder: Path,
        *,
        machine_folder: Path | None = None,
        most_bytes: int = _MOST_BYTES,
        opening_seconds: float = 60.0,
        left_after_seconds: float = 3600.0,
    ) -> None:
        """Just now is within `opening_seconds`: between `get` and the engine's having opened the files lies a second
        or two, also in other processes. An unfinished write of `left_after_seconds` ago was left by a crash.
        """
        self._folder = folder
        self._machine_folder = machine_folder or folder
        self._most_bytes = most_bytes
        self._opening_seconds = opening_seconds
        self._left_after_seconds = left_after_seconds
        self._lock = threading.Lock()
        self._counts = {"hits": 0, "misses": 0, "rebuilt": 0, "evicted": 0}
        self._given: set[str] = set()
        self._tidied = False
        self._hashes_lock = threading.Lock()

    @property
    def folder(self) -> Path:
        """Where it keeps everything."""
        return self._folder

    @property
    def machine_folder(self) -> Path:
        """Where lies what holds for the machine, whatever data directory is used on it; else the same folder."""
        return self._machine_folder

    @property
    def most_bytes(self) -> int:
        """The size beyond which entries are deleted."""
        return self._most_bytes

    def get(self, key: str, build: Build, *, timeout_seconds: float) -> Artefact:
        """The verified artefact; built first where it is missing or damaged.

        Of two processes that miss it, one builds and the other waits, at most that long. Raises Unavailable,
        StorageFull, and what `build` raises; then nothing is left behind.
        """
        with self._lock:
            self._given.add(key)
        try:
            origin = self._get(key, build, timeout_seconds)
        except BaseException as error:
            with self._lock:
                self._given.discard(key)
            if isinstance(error, StillLocked):
                raise Unavailable(f"Another process has been building the model for {timeout_seconds:g} s.") from None
            if isinstance(error, OSError):
                raise self._unusable(error) from error
            raise
        with self._lock:
            self._counts["hits" if origin == "hit" else "misses"] += 1
            self._counts["rebuilt"] += origin == "rebuilt"
            tidy = origin != "hit" or not self._tidied
            self._tidied = True
        if tidy:
            self._tidy()
        return Artefact(self._folder / key, origin)

    def statistics(self) -> CacheStatistics:
        """Counted since this object was made; a look at the disk takes about 0.1 ms an entry."""
        entries = self._entries()
        with self._lock:
            return CacheStatistics(**self._counts, entries=len(entries), bytes=sum(entry.bytes for entry in entries))

    def invalidate(self, key: str | None = None) -> int:
        """Deletes the entry, or all and the remembered hashes; how many it deleted.

        Entries in use are deleted too: loaded engines keep the files they mapped, and the next load builds anew.
        One that is being built this moment stays. Raises Unavailable where the disk refuses.
        """
        try:
            deleted = sum(self._delete(entry.key) for entry in self._entries() if key in (None, entry.key))
            if key is None:
                with self._hashes_lock:
                    (self._folder / _HASHES).unlink(missing_ok=True)
        except OSError as error:
            raise self._unusable(error) from error
        _log.info("model artefacts deleted", action="model.artefact.invalidated", key=key or "all", deleted=deleted)
        return deleted

    def content_sha256(self, path: Path) -> str:
        """The file's SHA-256, remembered by path, size and modification time. Raises Unavailable.

        Reading 90 MB takes about 0.1 s, so it is done once and not at every start.
        """
        try:
            with self._hashes_lock:
                stat = path.stat()
                known = self._read_hashes()
                name, seen = str(path.resolve()), [stat.st_size, stat.st_mtime_ns]
                entry = known.get(name)
                if isinstance(entry, list) and entry[:2] == seen:
                    return str(entry[2])
                digest = sha256_of(path)
                known = {name: entry for name, entry in known.items() if Path(name).exists()}
                known[name] = [*seen, digest]
                # Without it the next start hashes again: no reason to fail.
                with contextlib.suppress(OSError):
                    write_whole(self._folder / _HASHES, json.dumps(known, indent=1).encode())
                return digest
        except OSError as error:
            raise Unavailable(f"The model's file '{path}' cannot be read: {error.strerror}.") from error

    def _get(self, key: str, build: Build, timeout_seconds: float) -> Origin:
        self._folder.mkdir(parents=True, exist_ok=True)
        # Who evicts takes the lock, then looks at the time: so an entry that is touched and then seen without a
        # lock is not deleted until long after the files have been opened.
        with contextlib.suppress(OSError):
            os.utime(self._folder / key / _MANIFEST)
        if not self._lock_of(key).exists() and self._is_whole(key):
            return "hit"
        with self._locked(key, timeout_seconds):
            # Another may have built it while this one waited.
            if self._is_whole(key):
                return "hit"
            damaged = (self._folder / key).exists()
            if damaged:
                _log.warning("model artefact damaged, building it again", action="model.artefact.damaged", key=key)
            self._publish(key, build)
        return "rebuilt" if damaged else "built"

    def _is_whole(self, key: str) -> bool:
        """Every file of the manifest is there with its size and SHA-256."""
        folder = self._folder / key
        try:
            files = json.loads((folder / _MANIFEST).read_bytes())["files"]
            return bool(files) and all(
                (folder / name).stat().st_size == size and sha256_of(folder / name) == digest
                for name, (size, digest) in files.items()
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return False

    def _publish(self, key: str, build: Build) -> None:
        """Built beside, made durable, then renamed: nobody ever sees half of it. The key's lock is held."""
        building = self._folder / f"{key}.building"
        target = self._folder / key
        remove_folder(building)
        building.mkdir()
        try:
            build(building)
            files = {path.name: [path.stat().st_size, sha256_of(path)] for path in sorted(building.iterdir())}
            (building / _MANIFEST).write_text(json.dumps({"files": files}, indent=1), encoding="utf-8")
            for path in (*building.iterdir(), building):
                sync(path)
            # A rename replaces only an empty folder. Processes that mapped the old files keep them.
            remove_folder(target)
            put_in_place(building, target)
        finally:
            remove_folder(building)

    def _tidy(self) -> None:
        """Clears away what crashes left, then the least recently used entries beyond the limit."""
        with contextlib.suppress(OSError):  # the disk's trouble must not fail who got a good artefact
            self._remove_leftovers()
            entries = sorted(self._entries(), key=lambda entry: entry.used_at)
            excess = sum(entry.bytes for entry in entries) - self._most_bytes
            for entry in entries:
                if excess <= 0:
                    break
                with self._lock:
                    given = entry.key in self._given
                if not given and self._delete(entry.key, unless_used_after=time.time() - self._opening_seconds):
                    excess -= entry.bytes
                    with self._lock:
                        self._counts["evicted"] += 1
                    _log.info("model artefact evicted", action="model.artefact.evicted", key=entry.key)

    def _remove_leftovers(self) -> None:
        for path in list(self._folder.iterdir()):
            if left := _LEFT_BY_A_BUILD.fullmatch(path.name):
                # Who takes the lock of a dead process removes its file in giving it back.
                with contextlib.suppress(StillLocked), self._locked(left[1], 0):
                    remove_folder(self._folder / f"{left[1]}.building")
            elif _LEFT_BY_A_WRITE.fullmatch(path.name):
                with contextlib.suppress(FileNotFoundError):
                    if path.stat().st_mtime < time.time() - self._left_after_seconds:
                        path.unlink()

    def _delete(self, key: str, *, unless_used_after: float = float("inf")) -> bool:
        """False where it is being built, was used meanwhile, or is gone."""
        target, building = self._folder / key, self._folder / f"{key}.building"
        with contextlib.suppress(StillLocked, FileNotFoundError), self._locked(key, 0):
            if _used_at(target) > unless_used_after:
                return False
            remove_folder(building)
            # At once, under a name that is cleared away should this process die before the next line.
            target.rename(building)
            remove_folder(building)
            return True
        return False

    def _entries(self) -> list[_Entry]:
        """What lies on disk; [] where nothing can be read."""
        found = []
        with contextlib.suppress(OSError):
            for path in self._folder.iterdir():
                if _KEY.fullmatch(path.name) and path.is_dir():
                    with contextlib.suppress(FileNotFoundError):  # deleted by another this moment
                        found.append(_Entry(path.name, _bytes_in(path), _used_at(path)))
        return found

    def _locked(self, key: str, timeout_seconds: float) -> contextlib.AbstractContextManager[None]:
        return locked(self._lock_of(key), timeout_seconds=timeout_seconds)

    def _lock_of(self, key: str) -> Path:
        return self._folder / f"{key}.lock"

    def _read_hashes(self) -> dict[str, Any]:
        try:
            known = json.loads((self._folder / _HASHES).read_bytes())
        except (OSError, ValueError):
            return {}
        return known if isinstance(known, dict) else {}

    def _unusable(self, error: OSError) -> Unavailable:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return StorageFull(f"The disk that holds '{self._folder}' is full; the model needs room there.")
        return Unavailable(f"The folder for model files '{self._folder}' cannot be used: {error.strerror or error}.")


def _bytes_in(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*"))


def _used_at(folder: Path) -> float:
    """The manifest's time, which each use sets; the folder's own where the manifest is gone."""
    try:
        return (folder / _MANIFEST).stat().st_mtime
    except FileNotFoundError:
        return folder.stat().st_mtime
