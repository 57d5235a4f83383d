"""The pages of an SQLite file: how they are written, and how those that deletions left go back to the file system."""

import queue
import sqlite3
from dataclasses import dataclass
from typing import Final, TypeVar

T = TypeVar("T")
_LARGEST_IDLE_WAL_BYTES: Final = 64 << 20


def prepare(connection: sqlite3.Connection) -> None:
    """For a connection that was just opened. What has answered for is on disk (WAL, `synchronous=FULL`)."""
    # Before anything is written: a file that exists keeps the mode it was made with.
    connection.execute("PRAGMA auto_vacuum=INCREMENTAL")
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA foreign_keys=ON")
    connection.execute(f"PRAGMA journal_size_limit={_LARGEST_IDLE_WAL_BYTES}")


@dataclass(slots=True)
class SparePages:
    """Gives free pages back while nothing else is written, a little at a time, once a good part of the file is free.

    The writer's thread asks it for its next writes. A file of an earlier version, made without, keeps its free pages
    for what is written next.
    """

    idle_seconds: float = 0.5
    """Without a write before it looks."""
    share: float = 0.25
    """Of the file: less is kept for what comes."""
    least_pages: int = 256
    """1 MiB."""
    pages_a_step: int = 256
    pause_seconds: float = 0.02
    """Between steps."""
    _wait_seconds: float | None = None
    _is_giving: bool = False

    def next_of(self, writes: "queue.SimpleQueue[T]", connection: sqlite3.Connection) -> T:
        """The next writes, whenever they come."""
        while True:
            try:
                item = writes.get(timeout=self._wait_seconds)
            except queue.Empty:
                try:
                    self._is_giving = self._give_back(connection)
                except sqlite3.Error:  # who writes is told of a full disk; this can wait for the next write
                    self._is_giving = False
                self._wait_seconds = self.pause_seconds if self._is_giving else None
            else:
                self._wait_seconds = self.idle_seconds
                return item

    def _give_back(self, connection: sqlite3.Connection) -> bool:
        """Whether there is more to give: what was begun ends when nothing is free."""
        free = connection.execute("PRAGMA freelist_count").fetchone()[0]
        total = connection.execute("PRAGMA page_count").fetchone()[0]
        is_much = free >= self.least_pages and free >= self.share * total
        if not free or not (is_much or self._is_giving):
            if self._is_giving:
                # The file itself ends where its log says once that is folded in.
                connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
            return False
        # `execute` would take one step of the statement, which is one page.
        connection.executescript(f"PRAGMA incremental_vacuum({self.pages_a_step})")
        left: int = connection.execute("PRAGMA freelist_count").fetchone()[0]
        # One that was made without the mode gives nothing.
        return bool(left < free)
