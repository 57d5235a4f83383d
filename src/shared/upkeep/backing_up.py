"""Copies a data directory, also while a server works on it; what is there already from the last time stays.

Stores are copied first, those that listen before those that tell: what a later copy knows more is done again after a
restore. Then come the blobs, which never change under their names and are deleted long after nothing names them. The
index and the built models are left out: both are made again from what is copied. Holes of a file stay holes.
"""

import errno
import fcntl
import hashlib
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from shared.artefacts.address import original_key
from shared.disk_reserve import RESERVE
from shared.durable_files import make_folders
from shared.infrastructure.sqlite.copying import copy_database
from shared.infrastructure.sqlite.stores import STORES
from shared.kernel import Conflict, InvalidInput, NotFound, StorageFull, Unavailable, new_id
from shared.runtime.data_directory import DataDirectory
from shared.settings import Settings, WrongSettings, scheme_of
from shared.upkeep.holes import end_with_holes, write_with_holes
from shared.upkeep.manifest import (
    BadBackup,
    Entry,
    Manifest,
    object_path,
    objects_folder,
    read_manifest,
    write_manifest,
)
from shared.upkeep.repairing import SET_ASIDE
from shared.version import VERSION

_PIECE: Final = 1 << 20
_INCOMING: Final = "incoming"
# Of this moment and this machine, made again, or put away.
_LEFT_OUT: Final = frozenset(("lock", "server.json", "index", "models", "blob-cache", RESERVE, SET_ASIDE))
_STORE_SUFFIXES: Final = (".sqlite", ".sqlite-wal", ".sqlite-shm")


@dataclass(slots=True)
class Backup:
    """What was done."""

    made_at: str
    files: int = 0
    """In the backup now."""
    total_bytes: int = 0
    copied: int = 0
    """Files that were not there from the last time."""
    copied_bytes: int = 0
    damaged: list[str] = field(default_factory=list)
    """Originals whose bytes do not fit their name; they are copied as they are."""
    notes: list[str] = field(default_factory=list)
    """What is not in it, though somebody might think so."""


def back_up(settings: Settings, backup: Path) -> Backup:
    """Brings the folder `backup` up to date with the data directory.

    Until the very end the former backup in it stands. Raises WrongSettings where the documents are on a server,
    NotFound when there is no data directory, InvalidInput, Conflict while another backup goes there, StoreDamaged,
    StorageFull, Unavailable.
    """
    source, backup = settings.data_dir.absolute(), backup.absolute()
    notes = _must_be_here(settings)
    if not (source / "schema.json").exists():
        raise NotFound(f"{source} is no data directory: there is nothing to back up (SEOGA_DATA_DIR).")
    if backup.resolve().is_relative_to(source.resolve()):
        raise InvalidInput(f"{backup} lies in the data directory itself. Choose another folder, best on another disk.")
    with explained(backup), _alone(backup):
        run = _Run(source, backup, notes)
        run.copy_stores()
        run.copy_files()
        return run.finish()


def _must_be_here(settings: Settings) -> list[str]:
    if scheme_of(settings.store_url) != "sqlite":
        raise WrongSettings(
            "SEOGA_STORE_URL names a MongoDB: documents (with gridfs: their bytes too) are backed up with its own "
            "tools (docs/operations/backup.md). This command copies what lies in the data directory."
        )
    notes = []
    if scheme_of(settings.events_url) != "sqlite":
        notes.append("Events are in Kafka: what was not read yet is sent again after a restore, dead letters are not.")
    if scheme_of(settings.blobs_url) != "file":
        notes.append("The documents' bytes are in MongoDB and not in this backup.")
    return notes


class _Run:
    def __init__(self, source: Path, backup: Path, notes: list[str]) -> None:
        self._source = source
        self._backup = backup
        self._incoming = backup / _INCOMING
        self._done = Backup(datetime.now(UTC).isoformat(timespec="seconds"), notes=notes)
        self._entries: dict[str, Entry] = {}
        try:
            self._former = read_manifest(backup).entries
        except BadBackup:
            self._former = {}
        make_folders(self._incoming)

    def copy_stores(self) -> None:
        for store in STORES:
            path = self._source / store.file_name
            if not path.exists():
                continue
            copy = self._incoming / new_id()
            try:
                copy_database(path, copy)
                self._keep(store.file_name, copy, path.stat().st_mtime_ns)
            finally:
                copy.unlink(missing_ok=True)

    def copy_files(self) -> None:
        for path in _files(self._source):
            name = path.relative_to(self._source).as_posix()
            try:
                found = path.stat()
                former = self._former.get(name)
                now = (found.st_size, found.st_mtime_ns)
                if former and (former.size, former.mtime_ns) == now and _is_there(self._backup, former):
                    self._entries[name] = former
                    continue
                self._keep(name, path, found.st_mtime_ns)
            except FileNotFoundError:
                continue  # deleted since it was listed

    def finish(self) -> Backup:
        # One word for all files instead of one for each.
        os.sync()
        schema = DataDirectory(self._source).schema_version
        write_manifest(self._backup, Manifest(self._done.made_at, VERSION, schema, self._entries))
        self._prune()
        self._done.files = len(self._entries)
        self._done.total_bytes = sum(entry.size for entry in self._entries.values())
        return self._done

    def _keep(self, name: str, path: Path, mtime_ns: int) -> None:
        new = self._incoming / new_id()
        digest, size = hashlib.sha256(), 0
        try:
            with path.open("rb") as origin, new.open("xb") as copy:
                while piece := origin.read(_PIECE):
                    digest.update(piece)
                    write_with_holes(copy, piece)
                    size += len(piece)
                end_with_holes(copy)
            sha256 = digest.hexdigest()
            target = object_path(self._backup, sha256)
            target.parent.mkdir(parents=True, exist_ok=True)
            new.replace(target)
        finally:
            new.unlink(missing_ok=True)
        self._entries[name] = Entry(name, sha256, size, mtime_ns)
        self._done.copied += 1
        self._done.copied_bytes += size
        if name.startswith("blobs/originals/") and name != f"blobs/{original_key(sha256)}":
            self._done.damaged.append(name)

    def _prune(self) -> None:
        """What no file of this backup has goes, and what an interrupted one left."""
        wanted = {entry.sha256 for entry in self._entries.values()}
        for folder in (objects_folder(self._backup), self._incoming):
            for path in folder.rglob("*"):
                if path.is_file() and path.name not in wanted:
                    path.unlink()


def _files(source: Path) -> Iterator[Path]:
    """Everything but the stores and what is left out; what one does not know is copied."""
    for folder, below, names in os.walk(source):
        here = Path(folder)
        if here == source:
            below[:] = [name for name in below if name not in _LEFT_OUT]
            names = [name for name in names if name not in _LEFT_OUT and not name.endswith(_STORE_SUFFIXES)]
        # Half an upload.
        below[:] = [name for name in below if name != _INCOMING]
        yield from (here / name for name in names if not (here / name).is_symlink())


def _is_there(backup: Path, entry: Entry) -> bool:
    try:
        return object_path(backup, entry.sha256).stat().st_size == entry.size
    except FileNotFoundError:
        return False


@contextmanager
def _alone(backup: Path) -> Iterator[None]:
    make_folders(backup)
    descriptor = os.open(backup / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise Conflict(f"Another backup goes to {backup} now.", code="backup_running") from error
    finally:
        os.close(descriptor)


@contextmanager
def explained(folder: Path) -> Iterator[None]:
    """Errors of the disk as StorageFull or Unavailable, which name the folder."""
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        code = getattr(error, "errno", None)
        if code in (errno.ENOSPC, errno.EDQUOT) or getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
            raise StorageFull(f"The disk that holds {folder} is full. What was there before is whole.") from error
        raise Unavailable(f"{folder} cannot be used: {getattr(error, 'strerror', None) or error}.") from error
