"""Jobs in SQLite beyond the contract: the room that those take which are done."""

import sqlite3
from contextlib import closing
from pathlib import Path

from shared.infrastructure.sqlite.database import SqliteDatabase, SqliteFacts
from shared.infrastructure.sqlite.jobs import SqliteJobs
from shared.kernel import DocumentId
from shared.ports.jobs import NewJob

MANY = 300


def used_pages(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        (free,) = connection.execute("PRAGMA freelist_count").fetchone()
        return int(pages) - int(free)


async def test_jobs_that_are_done_free_the_room_of_what_they_were_about(tmp_path: Path) -> None:
    path = tmp_path / "jobs.sqlite"
    async with SqliteDatabase(path, SqliteFacts.SCHEMA + SqliteJobs.SCHEMA) as database:
        jobs = SqliteJobs(database, SqliteFacts(database, "process"))
        empty = used_pages(path)
        for number in range(MANY):
            await jobs.add(NewJob("process", DocumentId(f"document {number}"), 1, {"text": "x" * 1_200}))
        full = used_pages(path)
        for job in await jobs.claim("process", owner="me", limit=MANY - 50, lease_seconds=60):
            assert await jobs.finish(job)
            assert not await jobs.finish(job)
        for number in range(MANY - 50, MANY):
            await jobs.cancel(DocumentId(f"document {number}"), 1)
        assert (await jobs.counts("process")).waiting == 0
        assert used_pages(path) - empty < 0.05 * (full - empty)
        # What is left keeps the same version from being done again.
        assert not await jobs.add(NewJob("process", DocumentId("document 7"), 1, {}))
        assert await jobs.add(NewJob("process", DocumentId("document 7"), 2, {}))
