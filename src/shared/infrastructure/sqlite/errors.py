"""What the driver's errors mean to the rest of Seoga."""

import sqlite3
from pathlib import Path
from typing import Final

from shared.infrastructure.sqlite.stores import damaged, is_damage
from shared.kernel import StorageFull, Unavailable
from shared.shortages import as_unavailable

# What passes by itself or by a hand on the machine. Every other code but damage (a wrong statement) is a fault of ours.
_PASSING: Final = frozenset(
    (
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_INTERRUPT,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PROTOCOL,
    )
)


def translate(error: Exception, path: Path) -> Exception:
    """What a driver error, an unreadable row or a lack of memory means to the rest of Seoga; other faults stay."""
    # Every table was there when the file was opened.
    if is_damage(error) or str(error).startswith("no such table"):
        return damaged(path, error)
    if is_full(error):
        return StorageFull(f"The disk that holds {path.name} is full. Free some room; nothing was lost.")
    if _primary(error) in _PASSING:
        return Unavailable(f"The database {path.name} cannot be used now: {error}.")
    return as_unavailable(error) or error


def is_full(error: BaseException) -> bool:
    """Whether it says that the disk is."""
    return _primary(error) == sqlite3.SQLITE_FULL


def _primary(error: BaseException) -> int:
    """The driver's code without what it says more closely; 0 when there is none."""
    return (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF
