"""Where the index's shards lie: one folder for each vector space. The child reads it too."""

import re
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from shared.durable_files import sync

COMPLETE: Final = "complete"
"""The file that says: this folder holds everything, and not part of what is still being moved into it.

It holds the name of the vector space; it was empty once, when the folder's name had to do.
"""
DAMAGED: Final = "damaged-"
"""Before the name of a folder that was set aside, and the time."""
TRASH: Final = "trash-"
"""Before the seconds since 1970 and the name of a folder that waits to be removed."""
_NAME: Final = re.compile(r"(?P<dimension>\d+)-(?P<space>[\w.]+)-a(?P<layout>\w+)(?:\.(?P<generation>\d+))?")
_LAYOUT: Final = "3"
"""Of the shards: numbers of dense vectors have a byte, and there is no log of what was written.

Another analysis of words needs no other folder: each point says which one made it.
"""
_EARLIER_LAYOUTS: Final = ("1", "2")
"""Numbers of four bytes, and a log; numbers of two bytes. Such a folder serves until all in it is moved to today's."""
_SAFE: Final = re.compile(r"[^\w.]")
_NO_SPACE: Final = "none"
_PACKAGED_DIMENSION: Final = 384


@dataclass(frozen=True, slots=True)
class Place:
    """A shard's folder, and the vectors that belong there."""

    path: Path
    space: str | None
    """None: no dense vectors."""
    dimension: int
    generation: int = 0
    """How often its points were written anew, to be rid of deleted ones."""


class EdgeFolders:
    """The folders below `root`."""

    def __init__(self, root: Path, *, trash_seconds: float = 7 * 86400) -> None:
        """What is removed with everything in it waits in the trash for `trash_seconds`."""
        self.root = root
        self._trash_seconds = trash_seconds

    def place(self, space: str | None, dimension: int = _PACKAGED_DIMENSION, generation: int = 0) -> Place:
        """Where its vectors belong, whether or not the folder is there."""
        name = f"{dimension}-{_SAFE.sub('_', space or _NO_SPACE)[:40]}-a{_LAYOUT}"
        return Place(self.root / (f"{name}.{generation}" if generation else name), space, dimension, generation)

    def complete(self) -> Sequence[Place]:
        """Those that can serve, the last used first."""
        return [place for place in self._found() if (place.path / COMPLETE).exists()]

    def set_aside(self, place: Place, at: datetime) -> Path:
        """Out of the way, for a person to look at or to delete; where it is now."""
        target = self.root / f"{DAMAGED}{at:%Y%m%d-%H%M%S}-{place.path.name}"
        place.path.rename(target)
        sync(self.root)
        return target

    def damaged(self) -> Sequence[Path]:
        """What was set aside."""
        return sorted(self.root.glob(f"{DAMAGED}*"))

    def remove_others(self, *used: Place) -> None:
        """Frees the room of every other space, at once where it is a part of one.

        Nobody moved the points of a complete one here: it waits in the trash, out of which a person may rename it.
        """
        now = time.time()
        for place in self._found():
            if place.path in {one.path for one in used}:
                continue
            if (place.path / COMPLETE).exists():
                place.path.rename(self.root / f"{TRASH}{int(now)}-{place.path.name}")
            else:
                remove(place.path)
        for path in self.root.glob(f"{TRASH}*"):
            since = path.name.removeprefix(TRASH).partition("-")[0]
            if since.isdecimal() and int(since) < now - self._trash_seconds:
                remove(path)

    def _found(self) -> list[Place]:
        self.root.mkdir(parents=True, exist_ok=True)
        found = []
        for path in self.root.iterdir():
            match = _NAME.fullmatch(path.name)
            if match and match["layout"] in (_LAYOUT, *_EARLIER_LAYOUTS):
                space = _written_space(path) or match["space"]
                generation = int(match["generation"] or 0)
                place = Place(path, None if space == _NO_SPACE else space, int(match["dimension"]), generation)
                found.append((path.stat().st_mtime, place))
        return [place for _, place in sorted(found, key=lambda item: item[0], reverse=True)]


def mark_complete(folder: Path, space: str | None) -> None:
    """Durable on return, if the folder is."""
    (folder / COMPLETE).write_text(space or _NO_SPACE, encoding="utf-8")
    sync(folder / COMPLETE)
    sync(folder)


def _written_space(folder: Path) -> str:
    try:
        return (folder / COMPLETE).read_text(encoding="utf-8").strip()
    except OSError:
        return ""


def remove(folder: Path) -> None:
    """A crash in between leaves a folder that does not pass for complete."""
    (folder / COMPLETE).unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)
