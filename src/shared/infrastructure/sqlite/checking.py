"""Looks whether a SQLite file is sound: quickly and within a time, or wholly."""

import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import Final

from shared.infrastructure.sqlite.stores import is_damage

_STEPS: Final = 20_000
"""Of SQLite's machine between two looks at the clock: about a millisecond."""


def first_problem(
    path: Path, *, whole: bool = False, seconds: float | None = None, stop: threading.Event | None = None
) -> str | None:
    """What is wrong with the file, in SQLite's words; None when nothing is, or nothing was found in that time.

    Quick: the structure of every page. `whole`: also that indexes and tables agree. Blocks; changes nothing.
    `stop`, set by another thread, ends it early. Raises sqlite3.Error for what says nothing of the file's content.
    """
    until = None if seconds is None else time.monotonic() + seconds

    def is_over() -> int:
        return int((until is not None and time.monotonic() > until) or (stop is not None and stop.is_set()))

    if path.exists() and path.stat().st_size == 0 and not _has_log(path):
        return "the file is empty"
    try:
        with closing(sqlite3.connect(path, isolation_level=None, timeout=10)) as connection:
            connection.execute("PRAGMA query_only=ON")
            connection.set_progress_handler(is_over, _STEPS)
            check = "integrity_check" if whole else "quick_check"
            row = connection.execute(f"PRAGMA {check}(1)").fetchone()
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_INTERRUPT:
            return None
        if is_damage(error):
            return str(error)
        raise
    return None if row[0] == "ok" else str(row[0])


def _has_log(path: Path) -> bool:
    log = path.with_name(f"{path.name}-wal")
    return log.exists() and log.stat().st_size > 0
