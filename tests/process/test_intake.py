"""From events to jobs: the newest version is worked on, small documents first, the background last."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from builders import a_document_received
from process.application.intake import Intake
from process.interface.events import subscriptions
from shared.events.ingest import DocumentReceived, DocumentWithdrawn
from shared.infrastructure.sqlite.database import SqliteDatabase, SqliteFacts
from shared.infrastructure.sqlite.jobs import SqliteJobs
from shared.ports.jobs import Job


@dataclass
class Jobs:
    """The store, as events fill it."""

    store: SqliteJobs

    async def hear(self, event: DocumentReceived | DocumentWithdrawn) -> None:
        await subscriptions(Intake(self.store))[type(event)](event)

    async def arrives(self, size: int = 10, **changes: Any) -> DocumentReceived:
        event = a_document_received(size=size, **changes)
        await self.hear(event)
        return event

    async def claim(self) -> Job | None:
        jobs = await self.store.claim("process", owner="test", limit=1, lease_seconds=30)
        return jobs[0] if jobs else None


@pytest.fixture
async def jobs(tmp_path: Path) -> AsyncIterator[Jobs]:
    schema = SqliteFacts.SCHEMA + SqliteJobs.SCHEMA
    async with SqliteDatabase(tmp_path / "process.sqlite", schema=schema) as database:
        yield Jobs(SqliteJobs(database, SqliteFacts(database, producer="process")))


async def test_a_withdrawn_document_is_not_processed(jobs: Jobs) -> None:
    event = await jobs.arrives()
    await jobs.hear(DocumentWithdrawn(document_id=event.document_id, document_version=2, collection="default"))
    await jobs.hear(event)
    assert await jobs.claim() is None


async def test_a_newer_version_replaces_the_waiting_one(jobs: Jobs) -> None:
    event = await jobs.arrives()
    await jobs.hear(event.model_copy(update={"document_version": 2, "revision": 2}))
    await jobs.hear(event)
    job = await jobs.claim()
    assert job is not None and job.document_version == 2
    assert await jobs.claim() is None


async def test_small_documents_go_first_and_the_background_goes_behind_every_upload(jobs: Jobs) -> None:
    renewed = [await jobs.arrives(size, background=True, version=2) for size in (200, 100)]
    uploads = [await jobs.arrives(size) for size in (5_000, 10)]
    order = [job.document_id for _ in range(4) if (job := await jobs.claim()) is not None]
    assert order == [each.document_id for each in (uploads[1], uploads[0], renewed[1], renewed[0])]
