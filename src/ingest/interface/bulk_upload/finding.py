"""Which files a command's paths mean, and the names that their documents get."""

import os
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

_LITTER: Final = frozenset(("thumbs.db", "ehthumbs.db", "desktop.ini", ".ds_store", "icon\r"))
_LITTER_STARTS: Final = ("~$", "._", ".~lock.")
"""Office's and LibreOffice's marks of open files, and what a Mac keeps beside a file."""


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file and the name that its document gets."""

    path: Path
    name: str
    size: int


@dataclass(slots=True)
class Found:
    """What a command's paths mean."""

    files: list[FoundFile] = field(default_factory=list)
    litter: list[Path] = field(default_factory=list)
    """What systems and offices leave in folders, which no one means."""


def find_files(paths: Sequence[Path]) -> Found:
    """Files as given, and those below folders without hidden ones, each once, in order of their names.

    A file in a folder is named by its path from there (NFC, forward slashes), a file by its own name.
    """
    files: dict[Path, FoundFile] = {}
    litter: dict[Path, Path] = {}

    def add(path: Path, name: str) -> None:
        if _is_litter(path.name):
            litter.setdefault(path.absolute(), path)
        else:
            _add(files, path, name)

    for path in paths:
        if not path.is_dir():
            add(path, path.name)
            continue
        for folder, folders, names in os.walk(path):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            for name in sorted(names):
                file = Path(folder, name)
                if (not name.startswith(".") or _is_litter(name)) and file.is_file():
                    add(file, file.relative_to(path).as_posix())
    return Found(list(files.values()), list(litter.values()))


def _is_litter(name: str) -> bool:
    return name.lower() in _LITTER or name.startswith(_LITTER_STARTS)


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
