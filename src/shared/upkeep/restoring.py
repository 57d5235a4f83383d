"""Puts a backup into an empty data directory; every byte is checked before anything is in its place."""

import hashlib
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from shared.durable_files import put_in_place
from shared.kernel import Conflict, new_id
from shared.runtime.data_directory import DataDirectory, NewerData
from shared.upkeep.backing_up import explained
from shared.upkeep.holes import end_with_holes, write_with_holes
from shared.upkeep.manifest import BadBackup, Entry, Manifest, object_path, read_manifest

_PIECE: Final = 1 << 20
_OF_THE_LOCK: Final = frozenset(("lock", "schema.json"))
_UNFINISHED: Final = ".restoring-"


@dataclass(frozen=True, slots=True)
class Restored:
    """What was put back."""

    made_at: str
    """When the backup was made."""
    files: int
    total_bytes: int


def verify(backup: Path) -> Manifest:
    """Reads all of it. Raises BadBackup naming what is missing or damaged."""
    manifest = read_manifest(backup)
    for entry in manifest.entries.values():
        _read(backup, entry, None)
    return manifest


def restore(backup: Path, data_dir: Path) -> Restored:
    """Raises Conflict when the data directory is not empty, BadBackup, NewerData, StorageFull, Unavailable.

    After any of these it is as empty as before.
    """
    manifest = read_manifest(backup)
    directory = DataDirectory(data_dir)
    if manifest.schema_version > directory.schema_version:
        raise NewerData(
            f"The backup {backup} was made by Seoga {manifest.seoga}, whose files have version "
            f"{manifest.schema_version}; this one reads up to {directory.schema_version}."
        )
    if data_dir.exists() and any(path.name != "lock" for path in data_dir.iterdir()):
        raise Conflict(
            f"The data directory {data_dir} is not empty, and nothing in it is overwritten. Move it away, or choose "
            "another SEOGA_DATA_DIR.",
            code="data_directory_not_empty",
        )
    with explained(data_dir), directory.hold():
        incoming = data_dir / f"{_UNFINISHED}{new_id()}"
        try:
            for entry in manifest.entries.values():
                target = incoming / entry.path
                target.parent.mkdir(parents=True, exist_ok=True)
                _read(backup, entry, target)
                os.utime(target, ns=(entry.mtime_ns, entry.mtime_ns))
            os.sync()
            for path in sorted(incoming.iterdir()):
                put_in_place(path, data_dir / path.name)
        except BaseException:
            for path in data_dir.iterdir():
                if path.name not in _OF_THE_LOCK:
                    shutil.rmtree(path) if path.is_dir() else path.unlink()
            (data_dir / "schema.json").unlink(missing_ok=True)
            raise
        incoming.rmdir()
    return Restored(manifest.made_at, len(manifest.entries), sum(entry.size for entry in manifest.entries.values()))


def _read(backup: Path, entry: Entry, target: Path | None) -> None:
    """Hashes it, into `target` if there is one."""
    if Path(entry.path).is_absolute() or ".." in Path(entry.path).parts:
        raise BadBackup(f"{backup} names {entry.path!r}, which is not below a data directory.")
    digest = hashlib.sha256()
    try:
        with object_path(backup, entry.sha256).open("rb") as file:
            copy = None if target is None else target.open("xb")
            try:
                while piece := file.read(_PIECE):
                    digest.update(piece)
                    if copy is not None:
                        write_with_holes(copy, piece)
                if copy is not None:
                    end_with_holes(copy)
            finally:
                if copy is not None:
                    copy.close()
    except FileNotFoundError as error:
        raise BadBackup(f"{backup} lacks the content of {entry.path}.") from error
    if digest.hexdigest() != entry.sha256:
        raise BadBackup(f"In {backup} the content of {entry.path} is damaged.")
