"""Every statement that a test's SQLite stores run is explained, once; what some work costs SQLite is counted."""

import re
import sqlite3
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from weakref import WeakSet

import pytest

from shared.infrastructure.sqlite.database import SqliteDatabase

FEW_ROWS: Final = {
    "topics": "as many as kinds of events",
    "positions": "a row for each group and topic",
    "evaluations": "the newest 500",
    "schema_steps": "as many as there were changes",
    "document_counts": "a row for each collection and status",
    "channels": "as many as an operator made",
    "api_keys": "as many as an operator made",
    "delivery_counts": "a row for each channel",
    "alert_rules": "as many as an operator made",
    "silences": "as many as an operator made",
    "metric_series": "some hundred, whose names are listed",
    "json_each": "the starts that are asked for",
    "journey_counts": "a row for each collection and state",
    "renewals": "as many as are under way, which is bounded",
    "jobs_buried": "read from its end, up to a limit",
    "jobs_running": "an index of those that run, as many as workers have places",
    "documents_to_label": "an index of those whose labels are about to be indexed",
    "removals_unfinished": "an index of the collections that are being deleted",
    "released": "what is being removed now, a page at a time",
    "sqlite_sequence": "a row for each table",
    "sqlite_schema": "a row for each table and index",
    "sqlite_master": "its older name",
    "event_counts": "read by its index when the log opens",
}
ONCE: Final = {
    "SELECT EXISTS (SELECT 1 FROM": "the first row is enough",
    "INSERT INTO event_counts SELECT topic": "a log that an older Seoga wrote is counted once",
}
_SOURCES: Final = str(Path(__file__).resolve().parents[1] / "src")
_SCAN: Final = re.compile(r"SCAN (?P<table>\w+)(?: .*USING (?:COVERING )?INDEX (?P<index>\w+))?")


def what_is_wrong(sql: str, plan: Iterable[str]) -> list[str]:
    """What of a plan's lines takes longer the more rows there are."""
    if any(sql.startswith(beginning) for beginning in ONCE):
        return []
    wrong, scans = [], 0
    for line in plan:
        scan = _SCAN.match(line)
        if scan is None or line.startswith("SCAN CONSTANT ROW") or "VIRTUAL TABLE" in line:
            continue
        if scan["table"] in FEW_ROWS or scan["index"] in FEW_ROWS or _tables(sql).get(scan["table"]) in FEW_ROWS:
            continue
        # The first so many rows in the order of their numbers: a scan that ends.
        if scan["index"] is None and re.search(rf"FROM {scan['table']} ORDER BY \w+(?: DESC)? LIMIT \?", sql):
            continue
        scans += 1
        wrong.append(line)
    few = not scans and any(line.startswith("SCAN") for line in plan)
    return wrong + [line for line in plan if line.startswith("USE TEMP B-TREE") and not few]


def _tables(sql: str) -> dict[str, str]:
    """By the short names that a statement gives them."""
    return {short: table for table, short in re.findall(r"(?:FROM|JOIN|,) (\w+) (\w+)", sql)}


@dataclass
class Watching:
    """What was seen since it began."""

    explained: set[str] = field(default_factory=set)
    wrong: dict[str, list[str]] = field(default_factory=dict)
    places: set[tuple[str, int]] = field(default_factory=set)
    """File and line of every call."""
    connections: "WeakSet[Watched]" = field(default_factory=WeakSet)
    step: Callable[[], int] | None = None
    """What is called at each instruction."""

    def opened(self, connection: "Watched") -> None:
        """A reader's thread opens its connection when it is first asked."""
        connection.set_progress_handler(self.step, 1 if self.step else 0)
        self.connections.add(connection)

    @contextmanager
    def counting(self) -> Iterator[list[int]]:
        """The instructions of SQLite's machine that the open databases run meanwhile, in the list's only place."""
        steps = [0]

        def step() -> int:
            steps[0] += 1
            return 0

        self.step = step
        for connection in list(self.connections):
            connection.set_progress_handler(step, 1)
        try:
            yield steps
        finally:
            self.step = None
            for connection in list(self.connections):
                connection.set_progress_handler(None, 0)


WATCHING: Final = Watching()


class Watched(sqlite3.Connection):
    """Explains what it is asked for the first time."""

    def execute(self, sql: str, parameters: Any = ()) -> sqlite3.Cursor:
        _look(self, sql, parameters)
        return super().execute(sql, parameters)

    def executemany(self, sql: str, rows: Iterable[Any]) -> sqlite3.Cursor:
        rows = list(rows)
        if rows:
            _look(self, sql, rows[0])
        return super().executemany(sql, rows)

    def close(self) -> None:
        WATCHING.connections.discard(self)
        super().close()


def _look(connection: Watched, sql: str, parameters: object) -> None:
    frame = sys._getframe(2)
    if not frame.f_code.co_filename.startswith(_SOURCES):
        return
    WATCHING.places.add((frame.f_code.co_filename, frame.f_lineno))
    if sql in WATCHING.explained or sql.startswith(("BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE", "PRAGMA")):
        return
    WATCHING.explained.add(sql)
    try:
        rows = sqlite3.Connection.execute(connection, f"EXPLAIN QUERY PLAN {sql}", parameters).fetchall()  # type: ignore[arg-type]
    except sqlite3.Error:
        return  # it fails by itself
    if wrong := what_is_wrong(" ".join(sql.split()), [row["detail"] for row in rows]):
        WATCHING.wrong[sql] = wrong


def watch() -> None:
    """From now on, for the whole process."""

    def connect(database: SqliteDatabase) -> sqlite3.Connection:
        # Readers and writers of several stores connect in threads of their own.
        with one_at_a_time, pytest.MonkeyPatch.context() as patch:
            plain = sqlite3.connect
            patch.setattr(sqlite3, "connect", lambda *given, **named: plain(*given, factory=Watched, **named))
            connection = _connect(database)
        assert isinstance(connection, Watched)
        WATCHING.opened(connection)
        return connection

    one_at_a_time = threading.Lock()
    _connect = SqliteDatabase._connect
    SqliteDatabase._connect = connect  # type: ignore[method-assign, assignment]


def sources() -> list[Path]:
    """Every file of src that runs a statement."""
    folder = Path(_SOURCES)
    return [path for path in sorted(folder.rglob("*.py")) if "connection.execute" in path.read_text(encoding="utf-8")]
