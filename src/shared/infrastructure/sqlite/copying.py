"""A copy of a SQLite file at one moment, while others read and write it."""

import sqlite3
from contextlib import closing
from pathlib import Path

from shared.infrastructure.sqlite.checking import first_problem
from shared.infrastructure.sqlite.stores import damaged, is_damage, is_emptied


def copy_database(source: Path, target: Path) -> None:
    """Everything that was committed when it began, and nothing later; the copy is looked through wholly.

    Writers do not wait for it. Blocks. Raises StoreDamaged when the file is, sqlite3.Error and OSError.
    """
    if is_emptied(source):
        raise damaged(source, "the file is empty")
    try:
        with closing(sqlite3.connect(source, timeout=30)) as origin, closing(sqlite3.connect(target)) as copy:
            origin.execute("PRAGMA query_only=ON")
            # In one go: between two steps another process's write would make it begin anew.
            origin.backup(copy, pages=-1)
            # One file, without a log beside it.
            copy.execute("PRAGMA journal_mode=DELETE")
    except sqlite3.Error as error:
        if is_damage(error):
            raise damaged(source, error) from error
        raise
    problem = first_problem(target, whole=True)
    if problem is not None:
        raise damaged(source, problem)
