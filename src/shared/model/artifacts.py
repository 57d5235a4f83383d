"""What is built from a model is kept on disk under its content's hash: whole, checked, and built once."""

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from shared.kernel import StorageFull, Unavailable
from shared.telemetry import get_log

_MANIFEST: Final = "manifest.json"
_HASHES: Final = "hashes.json"
_POLL_SECONDS: Final = 0.05
_log = get_log("model")

Origin = Literal["hit", "built", "rebuilt"]
Build = Callable[[Path], None]
"""Writes files into the folder it is given."""


@dataclass(frozen=True, slots=True)
class Artefact:
    """A folder whose files are exactly what was built, and how it came about."""

    folder: Path
    origin: Origin


class ArtefactCache:
    """One folder for each key. Safe for many processes; methods block and belong in a thread."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._hashes_lock = threading.Lock()

    def get(self, key: str, build: Build, *, timeout_seconds: float) -> Artefact:
        """The verified artefact; built first where it is missing or damaged.

        Of two processes that miss it, one builds and the other waits, at most that long. Raises Unavailable,
        StorageFull, and what `build` raises; then nothing is left behind.
        """
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            if self._is_whole(key):
                return Artefact(self._folder / key, "hit")
            with self._locked(key, timeout_seconds):
                # Another process may have built it while this one waited.
                if self._is_whole(key):
                    return Artefact(self._folder / key, "hit")
                damaged = (self._folder / key).exists()
                if damaged:
                    _log.warning("model artefact damaged, building it again", action="model.artefact.damaged", key=key)
                self._publish(key, build)
                return Artefact(self._folder / key, "rebuilt" if damaged else "built")
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise StorageFull(
                    f"The disk that holds '{self._folder}' is full; the model needs room there."
                ) from error
            raise Unavailable(
                f"The folder for model files '{self._folder}' cannot be used: {error.strerror or error}."
            ) from error

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
                digest = _sha256(path)
                known[name] = [*seen, digest]
                # Without it the next start hashes again: no reason to fail.
                with contextlib.suppress(OSError):
                    self._write_hashes(known)
                return digest
        except OSError as error:
            raise Unavailable(f"The model's file '{path}' cannot be read: {error.strerror}.") from error

    def _is_whole(self, key: str) -> bool:
        """Every file of the manifest is there with its size and SHA-256."""
        folder = self._folder / key
        try:
            files = json.loads((folder / _MANIFEST).read_bytes())["files"]
            return bool(files) and all(
                (folder / name).stat().st_size == size and _sha256(folder / name) == digest
                for name, (size, digest) in files.items()
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return False

    def _publish(self, key: str, build: Build) -> None:
        """Built beside, made durable, then renamed: nobody ever sees half of it."""
        building = self._folder / f"{key}.building"
        target = self._folder / key
        _remove(building)
        building.mkdir()
        try:
            build(building)
            files = {path.name: [path.stat().st_size, _sha256(path)] for path in sorted(building.iterdir())}
            (building / _MANIFEST).write_text(json.dumps({"files": files}, indent=1), encoding="utf-8")
            for path in (*building.iterdir(), building):
                _fsync(path)
            if target.exists():
                # A rename replaces only an empty folder. Processes that mapped the old files keep them.
                _remove(target)
            building.rename(target)
            _fsync(self._folder)
        finally:
            _remove(building)

    @contextlib.contextmanager
    def _locked(self, key: str, timeout_seconds: float) -> Iterator[None]:
        deadline = time.monotonic() + timeout_seconds
        with (self._folder / f"{key}.lock").open("w") as lock:
            while True:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > deadline:
                        raise Unavailable(
                            f"Another process has been building the model for {timeout_seconds:g} s."
                        ) from None
                    time.sleep(_POLL_SECONDS)
            yield

    def _read_hashes(self) -> dict[str, Any]:
        try:
            known = json.loads((self._folder / _HASHES).read_bytes())
        except (OSError, ValueError):
            return {}
        return known if isinstance(known, dict) else {}

    def _write_hashes(self, known: dict[str, Any]) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        fresh = self._folder / f"{_HASHES}.{os.getpid()}"
        fresh.write_text(json.dumps(known, indent=1), encoding="utf-8")
        fresh.replace(self._folder / _HASHES)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _fsync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)
