"""What a store wants of its file, and how a file that an older Seoga made gets there."""

import contextlib
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

_STEPS: Final = "CREATE TABLE IF NOT EXISTS schema_steps (name TEXT PRIMARY KEY) WITHOUT ROWID;"


@dataclass(frozen=True, slots=True)
class Step:
    """A change that each file sees once, be it new or full."""

    name: str
    """Its own in the whole file, for ever: by it the file knows that the step was done."""
    sql: str
    """Statements; they stand on the tables and the steps before. They are not changed once they were released."""


@dataclass(frozen=True, slots=True)
class Schema:
    """The first tables of a store and what has changed since. What shares a file adds up."""

    tables: str
    """Statements that may be run again: `CREATE … IF NOT EXISTS`."""
    steps: Sequence[Step] = ()

    def __add__(self, other: "Schema") -> "Schema":
        return Schema(self.tables + other.tables, (*self.steps, *other.steps))

    def bring_up(self, connection: sqlite3.Connection) -> None:
        """All that is missing in one transaction: a crash leaves the file as it was. Raises sqlite3.Error."""
        done = _done(connection)
        # One that reads first cannot wait for another connection that writes meanwhile.
        script = ["BEGIN IMMEDIATE;", _STEPS, self.tables]
        for step in self.steps:
            if step.name not in done:
                script += [step.sql, f"INSERT INTO schema_steps VALUES ('{step.name}');"]
        try:
            connection.executescript("\n".join([*script, "COMMIT;"]))
        except sqlite3.Error:
            with contextlib.suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
            raise


def _done(connection: sqlite3.Connection) -> frozenset[str]:
    if not connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'schema_steps'").fetchone():
        return frozenset()
    return frozenset(row[0] for row in connection.execute("SELECT name FROM schema_steps"))
