"""Looks a data directory through wholly: every page of its stores, every byte of the originals. Changes nothing."""

import hashlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from shared.infrastructure.sqlite.stores import STORES, damaged
from shared.upkeep.repairing import problem_of

_MOST_NAMED: Final = 20


class Look(NamedTuple):
    """One thing that was looked at."""

    name: str
    ok: bool
    detail: str
    remedy: str = ""


def look_deep(data_dir: Path) -> Iterator[Look]:
    """Also while a server runs; reads as fast as the disk gives."""
    for store in reversed(STORES):
        path = data_dir / store.file_name
        if not path.exists():
            continue
        try:
            problem = problem_of(path)
        except (sqlite3.Error, OSError) as error:
            yield Look(store.file_name, False, f"It cannot be looked through: {error}.", "Look at the disk.")
            continue
        if problem is None:
            yield Look(store.file_name, True, "sound")
        else:
            yield Look(store.file_name, False, damaged(path, problem).detail)
    folder = data_dir / "blobs" / "originals"
    if folder.is_dir():
        yield _originals(folder)


def _originals(folder: Path) -> Look:
    count, size, spoiled = 0, 0, list[str]()
    for parent, _, names in os.walk(folder):
        for name in names:
            path = Path(parent, name)
            try:
                with path.open("rb") as file:
                    is_whole = hashlib.file_digest(file, "sha256").hexdigest() == name
                    size += os.fstat(file.fileno()).st_size
            except FileNotFoundError:
                continue  # deleted meanwhile
            except OSError as error:
                is_whole = False
                name = f"{name} ({error.strerror})"
            count += 1
            if not is_whole:
                spoiled.append(name)
    if not spoiled:
        return Look("originals", True, f"{count:,} files, {size / 1e6:,.1f} MB, all as they were uploaded")
    some = ", ".join(spoiled[:_MOST_NAMED]) + (", …" if len(spoiled) > _MOST_NAMED else "")
    remedy = "Upload these files again, or bring back a backup: the same bytes replace what is damaged."
    return Look("originals", False, f"{len(spoiled):,} of {count:,} are damaged: {some}", remedy)
