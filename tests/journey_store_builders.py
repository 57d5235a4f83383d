"""Journey stores on each adapter, and steps to tell them."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from mongo_builders import a_mongo, settings_for_mongo

from monitor.application.ports import DocumentLabels, JourneyQuery, JourneyStore
from monitor.domain.journey import State, Step, StepKind
from monitor.infrastructure.mongo_journeys import MongoJourneys
from monitor.infrastructure.sqlite_journeys import SCHEMA, SqliteJourneys
from shared.infrastructure.sqlite.database import SqliteDatabase
from shared.kernel import DocumentId

AT = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
EVERYTHING = JourneyQuery()


@dataclass
class Stores:
    """One store as two processes have it."""

    one: JourneyStore
    other: JourneyStore


@asynccontextmanager
async def on_sqlite(folder: Path) -> AsyncIterator[Stores]:
    async with SqliteDatabase(folder / "monitor.sqlite", SCHEMA) as database:
        yield Stores(SqliteJourneys(database), SqliteJourneys(database))


@asynccontextmanager
async def on_mongo(folder: Path) -> AsyncIterator[Stores]:
    async with a_mongo(settings_for_mongo(folder)) as door:
        databases = (door(), door())
        stores = Stores(*(MongoJourneys(database) for database in databases))
        async with databases[0], databases[1]:
            yield stores


def a_step(
    kind: StepKind,
    at_seconds: float = 0,
    *,
    stage: str = "",
    seconds: float | None = None,
    detail: str = "",
    event: str = "",
) -> Step:
    return Step(kind, AT + timedelta(seconds=at_seconds), stage, seconds, detail, event or f"{kind}-{at_seconds}")


RECEIVED = a_step(StepKind.RECEIVED)
A_JOURNEY = (
    RECEIVED,
    a_step(StepKind.STAGE, 1, stage="parse", seconds=0.5),
    a_step(StepKind.STAGE, 2, stage="embed", seconds=0.75),
    a_step(StepKind.PROCESSED, 3),
    a_step(StepKind.INDEXED, 4, seconds=0.25),
)


def labels(
    document: DocumentId, version: int = 1, collection: str = "default", name: str | None = "a.txt"
) -> DocumentLabels:
    return DocumentLabels(document, version, collection, name)


async def add(
    store: JourneyStore, document: DocumentId, *steps: Step, version: int = 1, collection: str = "default"
) -> list[bool]:
    """The first step names the document."""
    given: Sequence[DocumentLabels | None] = (labels(document, version, collection), *(None for _ in steps[1:]))
    return [await store.add(document, version, step, its) for step, its in zip(steps, given, strict=True)]


async def listed(store: JourneyStore, query: JourneyQuery = EVERYTHING) -> list[tuple[DocumentId, int, State]]:
    rows = await store.newest(query, after=None, limit=100)
    assert await store.count(query) == len(rows)
    return [(known.journey.document_id, known.journey.version, known.journey.state) for _, known in rows]
