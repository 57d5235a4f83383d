"""Sets damaged files aside, so that the next start makes again what they kept."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal

from shared.durable_files import make_folders, put_in_place, sync
from shared.infrastructure.sqlite.checking import first_problem
from shared.infrastructure.sqlite.stores import STORES, Store, damaged, is_emptied
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


def repair(data_dir: Path, *, remake: Collection[str] = ()) -> list[Repair]:
    """Looks every file through and sets aside the damaged ones that are made again, and those named in `remake`.

    Raises Conflict while a server runs on the data directory, InvalidInput for a name of `remake` that is none or
    cannot be made again.
    """
    for name in remake:
        store = next((store for store in STORES if store.name == name), None)
        if store is None or not store.is_remade:
            known = ", ".join(store.name for store in STORES if store.is_remade)
            raise InvalidInput(f"{name!r} cannot be made again. These can: {known}.")
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
    if not store.is_remade:
        return Repair(store.file_name, "damaged", str(damaged(path, problem)))
    _set_aside(path, folder)
    what = f"it was damaged ({problem})" if problem else "as it was asked for"
    return Repair(
        store.file_name,
        "set aside",
        f"{what}: it lies in {folder} now. It kept {store.keeps}; the next start makes it again.",
    )


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
