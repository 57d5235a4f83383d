"""The list of what a backup holds: one JSON line a file, and a last line that proves the others."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from shared.durable_files import write_whole
from shared.kernel import DomainError

FORMAT: Final = 1
_NAME: Final = "manifest.jsonl"
_OBJECTS: Final = "objects"


class BadBackup(DomainError):
    """The folder is no backup, or not all of what was written."""

    code = "backup_damaged"
    title = "The backup cannot be used"


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of the data directory as it was copied."""

    path: str
    """Below the data directory, with slashes."""
    sha256: str
    size: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """What one backup holds."""

    made_at: str
    """ISO 8601, UTC: when it began."""
    seoga: str
    """The version that made it."""
    schema_version: int
    """Of the data directory."""
    entries: Mapping[str, Entry]
    """By path."""


def object_path(backup: Path, sha256: str) -> Path:
    """Where the content with this hash lies in the backup: each is there once, whatever files have it."""
    return backup / _OBJECTS / sha256[:2] / sha256


def objects_folder(backup: Path) -> Path:
    """Everything in it is a content under its hash."""
    return backup / _OBJECTS


def write_manifest(backup: Path, manifest: Manifest) -> None:
    """Durable on return; before that the former one stands."""
    head: dict[str, Any] = {
        "format": FORMAT,
        "made_at": manifest.made_at,
        "seoga": manifest.seoga,
        "schema_version": manifest.schema_version,
    }
    lines = [_line(head), *(_line(asdict(manifest.entries[path])) for path in sorted(manifest.entries))]
    content = b"".join(lines)
    content += _line({"files": len(manifest.entries), "sha256": hashlib.sha256(content).hexdigest()})
    write_whole(backup / _NAME, content, beside=backup / f"{_NAME}.new")


def read_manifest(backup: Path) -> Manifest:
    """Raises BadBackup when there is none, or not all of it."""
    try:
        lines = (backup / _NAME).read_bytes().splitlines(keepends=True)
    except OSError as error:
        raise BadBackup(f"{backup} has no {_NAME}: it is no backup, or its first one never ended.") from error
    try:
        head, tail = json.loads(lines[0]), json.loads(lines[-1])
        if head["format"] != FORMAT:
            raise BadBackup(f"{backup} has the format {head['format']}; this Seoga reads {FORMAT}.")
        if tail["sha256"] != hashlib.sha256(b"".join(lines[:-1])).hexdigest() or tail["files"] != len(lines) - 2:
            raise BadBackup(f"{backup / _NAME} is damaged: its lines do not fit its last one.")
        entries = {one["path"]: Entry(**one) for one in map(json.loads, lines[1:-1])}
        return Manifest(head["made_at"], head["seoga"], head["schema_version"], entries)
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise BadBackup(f"{backup / _NAME} is damaged: {error}.") from error


def _line(content: Mapping[str, Any]) -> bytes:
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
