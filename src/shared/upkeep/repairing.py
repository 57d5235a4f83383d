"""Sets damaged files aside, so that the next start makes again what they kept."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal

from shared.durable_files import make_folders, put_in_place, sync
from shared.infrastructure.sqlite.checking import first_problem
from shared.infrastructure.sqlite.stores import BEGINS_WITHOUT, STORES, Store, damaged, is_emptied
from shared.kernel import InvalidInput
from shared.runtime.data_directory import DataDirectory

SET_ASIDE: Final = "set-aside"
"""The folder in the data directory where files go that nobody reads any more; nothing of Seoga deletes it."""
_BESIDE: Final = ("", "-wal", "-shm")


@dataclass(frozen=True, slots=True)
class Repair:
    """What was found of one file, and what was done."""

    file: str
    state: Literal["sound", "absent", "set aside", "damaged"]
    """`damaged`: it stays where it is, as nothing can take its place."""
    detail: str

    @property
    def is_well(self) -> bool:
        """Whether a server can start with it."""
        return self.state != "damaged"


def problem_of(path: Path) -> str | None:
    """What is wrong with a store's file, looked through wholly; None when it is sound or not there."""
    if not path.exists():
        return None
    return "the file is empty" if is_emptied(path) else first_problem(path, whole=True)


def quick_problem_of(path: Path, *, seconds: float) -> str | None:
    """What is wrong with the structure of a store's file; None also when nothing was found in that time."""
    return "the file is empty" if is_emptied(path) else first_problem(path, seconds=seconds)


def repair(data_dir: Path, *, remake: Collection[str] = ()) -> list[Repair]:
    """Looks every file through and sets aside the damaged ones that are made again, and those named in `remake`.

    The list of documents is made again only where `remake` names it: from what searches show, without what was on its
    way or had failed and without older revisions. Raises Conflict while a server runs on the data directory,
    InvalidInput for a name of `remake` that is none.
    """
    for name in remake:
        if name not in (known := [store.name for store in STORES]):
            raise InvalidInput(f"{name!r} is none of the files that can be made again: {', '.join(known)}.")
    with DataDirectory(data_dir).hold():
        folder = data_dir / SET_ASIDE / datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        return [_repaired(data_dir, store, folder, anyway=store.name in remake) for store in reversed(STORES)]


def _repaired(data_dir: Path, store: Store, folder: Path, *, anyway: bool) -> Repair:
    path = data_dir / store.file_name
    if not path.exists():
        return Repair(store.file_name, "absent", "is not there; a server makes it")
    problem = problem_of(path)
    if problem is None and not anyway:
        return Repair(store.file_name, "sound", "sound")
    if not store.is_remade and not anyway:
        return Repair(store.file_name, "damaged", str(damaged(path, problem)))
    _set_aside(path, folder)
    why = f"it was damaged ({problem})" if problem else "as it was asked for"
    source = "" if store.is_remade or store.name in BEGINS_WITHOUT else " from what searches show"
    detail = f"{why}: it lies in {folder} now. It kept {store.keeps}; the next start makes it again{source}."
    return Repair(store.file_name, "set aside", detail)


def _set_aside(path: Path, folder: Path) -> None:
    make_folders(folder)
    for file in _files_of(path):
        put_in_place(file, folder / file.name)
    sync(path.parent)


def _files_of(path: Path) -> Iterator[Path]:
    """The log first: a crash in between leaves the file, which is found damaged again."""
    for beside in reversed(_BESIDE):
        file = path.with_name(path.name + beside)
        if file.exists():
            yield file
