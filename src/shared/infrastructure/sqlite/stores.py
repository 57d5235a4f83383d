"""The SQLite files of a data directory: what each keeps, and what is to be done when one is damaged."""

import json
import sqlite3
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from shared.kernel import StoreDamaged
from shared.vocabulary import INGEST, MONITOR, PROCESS, SEARCH


@dataclass(frozen=True, slots=True)
class Store:
    """One file."""

    name: str
    """Of the file, without its suffix."""
    keeps: str
    """In words that go on from "It keeps …"."""
    is_remade: bool
    """Whether what is lost with it comes back by itself: from the originals, and from what the other files know."""

    @property
    def file_name(self) -> str:
        """Below the data directory."""
        return f"{self.name}.sqlite"


EVENTS: Final = "events"
CHAT: Final = "chat"
ACCESS: Final = "access"
STORES: Final = (
    Store(MONITOR, "the journeys of documents; those of the past are lost with it", True),
    Store(SEARCH, "what searches show of each document", True),
    Store(PROCESS, "the work that waits", True),
    Store(EVENTS, "what the modules have yet to tell each other, and the dead letters", True),
    Store(CHAT, "the conversations, which nothing else has", False),
    Store(ACCESS, "the API keys that were made, and the audit log", False),
    Store(INGEST, "the list of documents, with their names, metadata and revisions", False),
)
"""Those that listen before those that tell: copied in this order, what a later one knows more is done again."""

BEGINS_WITHOUT: Final = {
    CHAT: "conversations",
    ACCESS: "them: where no key is set either, everybody on this machine may do everything",
}
"""Those that nothing else knows anything of."""

_BY_NAME: Final = {store.name: store for store in STORES}
_DAMAGE: Final = frozenset((sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB))
# What stands in a row is text and JSON of ours: a page whose bytes changed is not noticed by SQLite itself.
UNREADABLE: Final = (json.JSONDecodeError, UnicodeDecodeError, ValidationError, zlib.error)
"""What reading a row raises whose bytes have changed."""


def is_damage(error: BaseException) -> bool:
    """Whether a driver's error says that the file is not, or not all, what was written."""
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:  # raised by the Python driver itself
        return isinstance(error, UNREADABLE) or "Could not decode to UTF-8" in str(error)
    return (code & 0xFF) in _DAMAGE or code == sqlite3.SQLITE_IOERR_CORRUPTFS


def is_emptied(path: Path) -> bool:
    """Whether a file that nothing can replace has lost everything, though its neighbours show that it was in use."""
    store = _BY_NAME.get(path.stem)
    if store is None or store.is_remade or store.name == CHAT or not path.exists() or path.stat().st_size:
        return False
    return any(path.with_name(f"{name}.sqlite").exists() for name in (PROCESS, SEARCH))


def damaged(path: Path, problem: object) -> StoreDamaged:
    """The sentence that says which file, what is lost without it, and the way out."""
    store = _BY_NAME.get(path.stem)
    what = f"{path.absolute()} is damaged ({_short(problem)})."
    if store is None:
        return StoreDamaged(what)
    way_out = (
        "It is made again from the documents: stop the server, run `seoga repair` and start it again."
        if store.is_remade
        else "Stop the server and bring back a backup with `seoga restore`; without one, `seoga repair --remake "
        f"{store.name}` sets it aside, and the next start begins without {BEGINS_WITHOUT[store.name]}."
        if store.name in BEGINS_WITHOUT
        else "Nothing else has all of it: stop the server and bring back a backup with `seoga restore`; without one, "
        "`seoga repair --remake ingest` makes a list again of what searches show."
    )
    return StoreDamaged(f"{what} It keeps {store.keeps}. {way_out}")


def _short(problem: object) -> str:
    return " ".join(str(problem).split())[:200]
