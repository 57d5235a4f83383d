"""The SQLite files of the first release open, and what is counted and sorted today holds of what they have."""

import json
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from ingest.application.listing_order import DocumentSort
from ingest.application.ports import DocumentFilter
from ingest.infrastructure.sqlite_documents import SqliteDocuments
from monitor.application.ports import JourneyQuery
from monitor.domain.journey import State
from monitor.infrastructure.sqlite_journeys import SCHEMA as JOURNEYS
from monitor.infrastructure.sqlite_journeys import SqliteJourneys
from shared.infrastructure.sqlite.database import SqliteDatabase, SqliteFacts
from shared.infrastructure.sqlite.event_log import SqliteEventLog
from shared.infrastructure.sqlite.jobs import SqliteJobs
from shared.kernel import DocumentId
from shared.ports.jobs import JobCounts, NewJob

FILES: Final = Path(__file__).parent / "older_files"


def an_older_file(folder: Path, name: str) -> Path:
    """As the first release wrote it, filled with a few rows."""
    path = folder / f"{name}.sqlite"
    connection = sqlite3.connect(path)
    connection.executescript((FILES / f"{name}.sql").read_text(encoding="utf-8"))
    connection.close()
    return path


async def test_documents_are_listed_and_counted(tmp_path: Path) -> None:
    async with SqliteDatabase(an_older_file(tmp_path, "ingest"), SqliteDocuments.SCHEMA) as database:
        store = SqliteDocuments(database, SqliteFacts(database, "ingest"))
        page = await store.find(DocumentFilter())
        assert ([one.name for one in page.documents], page.total) == (["c.txt", "b.txt", "a.txt"], 3)
        page = await store.find(DocumentFilter(), sort=DocumentSort.NAME)
        assert [one.name for one in page.documents] == ["a.txt", "b.txt", "c.txt"]
        page = await store.find(DocumentFilter(media_type="text/plain"))
        assert ([one.name for one in page.documents], page.total) == (["c.txt", "b.txt", "a.txt"], 3)
        # One is on its way out; of another only the tombstone is left.
        page = await store.find(DocumentFilter(status="withdrawn"))
        assert ([one.id for one in page.documents], page.total) == (["d"], 1)
        counts = {one.name: (dict(one.documents), one.size) for one in await store.counts()}
        assert counts == {"default": ({"received": 1, "searchable": 1}, 3), "other": ({"processing": 1}, 4)}
        assert await store.queue_positions([300, 900]) == {300: 1, 900: 2}
        # Of what it was nothing is left.
        row = await database.read(
            lambda connection: connection.execute("SELECT * FROM documents WHERE listed = 0").fetchone()
        )
        assert json.loads(row["standing"]) == {"content_version": 1, "withdrawn_version": 2, "removed": True}
        assert {row[field] for field in ("sha256", "sort_name", "media_type", "created_at")} == {""}


async def test_journeys_are_listed_and_counted(tmp_path: Path) -> None:
    async with SqliteDatabase(an_older_file(tmp_path, "monitor"), JOURNEYS) as database:
        store = SqliteJourneys(database)
        assert await store.count_by_state(None) == {State.SEARCHABLE: 1, State.RECEIVED: 1}
        query = JourneyQuery(collections=frozenset(("default",)))
        found = await store.newest(query, after=None, limit=10)
        assert [(known.journey.version, known.name) for _, known in found] == [(2, "a.txt")]
        assert await store.count(query) == 1
        named = await store.newest(JourneyQuery(words=("a.t",)), after=None, limit=10)
        assert [known.name for _, known in named] == ["a.txt"]


async def test_jobs_are_counted(tmp_path: Path) -> None:
    async with SqliteDatabase(an_older_file(tmp_path, "process"), SqliteFacts.SCHEMA + SqliteJobs.SCHEMA) as database:
        jobs = SqliteJobs(database, SqliteFacts(database, "process"))
        oldest = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=5)
        assert await jobs.counts("process") == JobCounts(2, 0, 1, oldest)
        # One of each state: what is done, or was begun, is not begun again.
        assert not any([await jobs.add(NewJob("process", DocumentId(one), 1, {})) for one in "abcd"])
        assert all([await jobs.add(NewJob("process", DocumentId(one), 2, {})) for one in "abcd"])


async def test_lags_are_counted(tmp_path: Path) -> None:
    path = an_older_file(tmp_path, "events")
    for _ in range(2):
        # Kept, for the group that has read nothing of it.
        async with SqliteEventLog(path) as log:
            assert await log.lags() == {"search": 3, "monitor": 1}
