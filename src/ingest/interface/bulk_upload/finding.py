"""Which files a command's paths mean, and the names that their documents get."""

import os
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file and the name that its document gets."""

    path: Path
    name: str
    size: int


def find_files(paths: Sequence[Path]) -> list[FoundFile]:
    """Files as given, and those below folders without hidden ones, each once, in order of their names.

    A file in a folder is named by its path from there (NFC, forward slashes), a file by its own name.
    """
    found: dict[Path, FoundFile] = {}
    for path in paths:
        if not path.is_dir():
            _add(found, path, path.name)
            continue
        for folder, folders, files in os.walk(path):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            for name in sorted(files):
                file = Path(folder, name)
                if not name.startswith(".") and file.is_file():
                    _add(found, file, file.relative_to(path).as_posix())
    return list(found.values())


def same_names(files: Sequence[FoundFile]) -> dict[str, list[Path]]:
    """Names that more than one file would get."""
    by_name: dict[str, list[Path]] = {}
    for file in files:
        by_name.setdefault(file.name, []).append(file.path)
    return {name: paths for name, paths in by_name.items() if len(paths) > 1}


def _add(found: dict[Path, FoundFile], path: Path, name: str) -> None:
    try:
        size = path.stat().st_size
    except OSError:
        size = 0
    found.setdefault(path.absolute(), FoundFile(path, unicodedata.normalize("NFC", name), size))
