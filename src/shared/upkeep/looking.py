"""Looks a data directory through, quickly or wholly (every page, every byte of the originals). Changes nothing."""

import hashlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from shared.infrastructure.sqlite.stores import STORES, damaged
from shared.upkeep.repairing import problem_of, quick_problem_of

_MOST_NAMED: Final = 20
_QUICK_SECONDS: Final = 3.0


class Look(NamedTuple):
    """One thing that was looked at."""

    name: str
    ok: bool
    detail: str
    remedy: str = ""


def look(data_dir: Path, deep: bool) -> Iterator[Look]:
    """Also while a server runs. Deep: all of it, as fast as the disk gives; else some seconds for each store.

    Of what is sound only the deep look tells: the quick one may have ended before it came to the damage.
    """
    for store in reversed(STORES):
        path = data_dir / store.file_name
        if not path.exists():
            continue
        try:
            problem = problem_of(path) if deep else quick_problem_of(path, seconds=_QUICK_SECONDS)
        except (sqlite3.Error, OSError) as error:
            yield Look(store.file_name, False, f"It cannot be looked through: {error}.", "Look at the disk.")
            continue
        if problem is not None:
            yield Look(store.file_name, False, damaged(path, problem).detail)
        elif deep:
            yield Look(store.file_name, True, "sound")
    folder = data_dir / "blobs" / "originals"
    if deep and folder.is_dir():
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
