"""The trash of blobs that are files: a folder beside them, with the same folders in it; a rename each way.

The time of a file is when it was last young among the blobs, and when it was put there in the trash.
"""

import contextlib
import os
import threading
import time
from collections import defaultdict
from collections.abc import Collection, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from shared.durable_files import make_folders, put_in_place
from shared.infrastructure.files.keys import ARTEFACTS, ORIGINALS, sha256_in
from shared.ports.storage import Trash

_TRASH: Final = "trash"
_KINDS: Final = (ORIGINALS, ARTEFACTS)
_PREFIXES: Final = tuple(f"{number:02x}" for number in range(256))


class FileTrash:
    """Of the blobs under `root`. Its methods block; any number of threads may call them."""

    def __init__(self, root: Path, renewing: threading.Lock) -> None:
        """While `renewing` is held, nobody else makes a blob young: its age is looked at and acted on under it."""
        self._root = root
        self._trash = root / _TRASH
        self._renewing = renewing

    @property
    def folder(self) -> Path:
        """Where what is in it lies, under its key."""
        return self._trash

    def has(self, key: str) -> bool:
        """Whether `bring_back` would find something; costs one look."""
        return (self._trash / key).is_file()

    def path(self, key: str) -> Path:
        """Where it lies when it is there."""
        return self._trash / key

    def bring_back(self, key: str) -> bool:
        """Whether it was there; what is among the blobs by now goes before it. Durable on return."""
        here, there = self._trash / key, self._root / key
        with self._renewing:
            if there.exists() or not here.is_file():
                return there.is_file()
            make_folders(there.parent)
            os.utime(here)
            put_in_place(here, there)
        return True

    def bring_all_back(self, hashes: Collection[str]) -> None:
        """Everything of these hashes."""
        for paths in _by_hash(self._trash, hashes).values():
            for path in paths:
                self.bring_back(str(path.relative_to(self._trash)))

    def page(self, after: str | None) -> tuple[frozenset[str], str | None]:
        """Hashes that begin with the two digits after these; and these digits."""
        place = 0 if after is None else _PREFIXES.index(after) + 1
        found = (sha256_in(path.name) for path in _files(self._root, _PREFIXES[place]))
        return frozenset(one for one in found if one), _PREFIXES[place] if place + 1 < len(_PREFIXES) else None

    def young(self, hashes: Collection[str], oldest: float) -> frozenset[str]:
        """Those of which anything is younger than `oldest`."""
        found = _by_hash(self._root, hashes).items()
        return frozenset(sha256 for sha256, paths in found if any(_time_of(path) >= oldest for path in paths))

    def take(self, hashes: Collection[str], oldest: float) -> frozenset[str]:
        """Puts them into the trash; those of which anything is younger than `oldest` stay, and are the answer."""
        young = set[str]()
        for sha256, paths in _by_hash(self._root, hashes).items():
            with self._renewing:
                if any(_time_of(path) >= oldest for path in paths):
                    young.add(sha256)
                    continue
                for path in paths:
                    self._put(path)
        return frozenset(young)

    def waiting(self, before: float) -> frozenset[str]:
        """Hashes of which something was put there before that instant."""
        found = (sha256_in(path.name) for path in _all_files(self._trash) if _time_of(path) < before)
        return frozenset(one for one in found if one)

    def destroy(self, hashes: Collection[str], before: float) -> int:
        """How many files of these hashes went that were put there before that instant."""
        gone = 0
        for paths in _by_hash(self._trash, hashes).values():
            for path in paths:
                with self._renewing, contextlib.suppress(FileNotFoundError):
                    if _time_of(path) < before:
                        path.unlink()
                        gone += 1
        return gone

    def delete(self, key: str) -> None:
        """That one for good."""
        (self._trash / key).unlink(missing_ok=True)

    def content(self) -> Trash:
        """A look at every file in it."""
        hashes, size, oldest = set[str | None](), 0, float("inf")
        for path in _all_files(self._trash):
            with contextlib.suppress(FileNotFoundError):
                stat = path.stat()
                hashes.add(sha256_in(path.name))
                size += stat.st_size
                oldest = min(oldest, stat.st_mtime)
        return Trash(len(hashes), size, datetime.fromtimestamp(oldest, UTC) if hashes else None)

    def _put(self, path: Path) -> None:
        target = self._trash / path.relative_to(self._root)
        target.parent.mkdir(parents=True, exist_ok=True)
        # Dated first: a crash in between leaves a blob that is young, not one that has waited for long.
        now = time.time()
        os.utime(path, (now, now))
        # Not synced: a crash that undoes it leaves a blob without a record, which is found again.
        path.replace(target)


def _by_hash(base: Path, hashes: Collection[str]) -> dict[str, list[Path]]:
    """The files of each, as far as there are any. Each folder is read once."""
    wanted: dict[str, set[str]] = defaultdict(set)
    for sha256 in hashes:
        wanted[sha256[:2]].add(sha256)
    found: dict[str, list[Path]] = defaultdict(list)
    for prefix, some in wanted.items():
        for path in _files(base, prefix):
            sha256_of = sha256_in(path.name)
            if sha256_of in some:
                found[sha256_of].append(path)
    return found


def _files(base: Path, prefix: str) -> Iterator[Path]:
    for kind in _KINDS:
        folder = base / kind / prefix
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            yield from folder.iterdir()


def _all_files(base: Path) -> Iterator[Path]:
    for prefix in _PREFIXES:
        yield from _files(base, prefix)


def _time_of(path: Path) -> float:
    """Of a file that is gone: as if it were young."""
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return float("inf")
