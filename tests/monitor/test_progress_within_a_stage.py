"""A long document that is read or embedded page after page is not stuck; one that stands still is told in time."""

import asyncio
from collections.abc import Callable, Collection
from datetime import timedelta
from pathlib import Path

import pytest
from monitor_builders import AT, Monitor, told
from typing_extensions import override

from builders import a_document_received, eventually
from monitor.application.stage_progress import StageProgress
from monitor.domain.journey import Progress, Step, StepKind
from monitor.infrastructure.sqlite_journeys import SCHEMA, SqliteJourneys
from shared.events.envelope import Event
from shared.events.process import ChunksEmbedded, PagesRead
from shared.infrastructure.sqlite.database import SqliteDatabase
from shared.kernel import DocumentId, Unavailable, new_document_id, utc_now


def pages_read(document: DocumentId) -> Event:
    return PagesRead(document_id=document, document_version=1, stage="ocr", done=64, total=2000)


def chunks_embedded(document: DocumentId) -> Event:
    return ChunksEmbedded(document_id=document, document_version=1, done=512, total=9000)


async def stuck(monitor: Monitor) -> set[str]:
    page = await monitor.get("/api/v1/monitor/journeys", stuck="true")
    return {journey["document_id"] for journey in page["items"]}


@pytest.mark.parametrize("progress", [pages_read, chunks_embedded])
async def test_a_document_that_gets_on_within_a_stage_is_not_stuck(
    monitor: Monitor, progress: Callable[[DocumentId], Event]
) -> None:
    moving, still = new_document_id(), new_document_id()
    hour_ago = utc_now() - timedelta(hours=1)
    await monitor.hear(told(a_document_received(moving), at=hour_ago), told(a_document_received(still), at=hour_ago))
    assert await stuck(monitor) == {moving, still}
    await monitor.hear(
        told(progress(moving), at=utc_now()),
        told(progress(still), at=utc_now() - timedelta(seconds=150)),
    )

    async def has_moved() -> bool:
        return await stuck(monitor) == {still}

    await eventually(has_moved, timeout_seconds=60)
    (journey,) = (await monitor.get(f"/api/v1/monitor/journeys/{moving}"))["items"]
    assert [step["step"] for step in journey["steps"]] == ["received"]


class CountedJourneys(SqliteJourneys):
    """The store, with what it was told to advance; as long as it `is_away`, it refuses."""

    def __init__(self, database: SqliteDatabase) -> None:
        super().__init__(database)
        self.calls: list[list[Progress]] = []
        self.was_called = asyncio.Event()
        self.is_away = False

    @override
    async def advance(self, progress: Collection[Progress]) -> None:
        if self.is_away:
            raise Unavailable("The store is away.")
        self.calls.append(list(progress))
        self.was_called.set()
        await super().advance(progress)


async def test_however_often_documents_tell_of_it_each_is_written_once_in_a_period(tmp_path: Path) -> None:
    documents = [new_document_id() for _ in range(3)]
    async with SqliteDatabase(tmp_path / "monitor.sqlite", SCHEMA) as database:
        store = CountedJourneys(database)
        for document in documents:
            await store.add(document, 1, Step(StepKind.RECEIVED, AT, event_id="1"), None)
        async with StageProgress(store, every_seconds=3600) as progress:
            progress.tell(Progress(documents[0], 1, AT))
            async with asyncio.timeout(60):
                await store.was_called.wait()
            for seconds in (*range(1, 200), 7):
                for document in documents:
                    progress.tell(Progress(document, 1, AT + timedelta(seconds=seconds)))
            store.is_away = True
            with pytest.raises(Unavailable):
                await progress.write()
            store.is_away = False
            await progress.write()
        newest = AT + timedelta(seconds=199)
        assert store.calls == [
            [Progress(documents[0], 1, AT)],
            [Progress(document, 1, newest) for document in documents],
        ]
        for document in documents:
            (known,) = await store.of_document(document)
            assert known.journey.last_event_at == newest
