"""What the embedded stores do costs the same however much they hold: counted in instructions of SQLite's machine."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import pytest
from sqlite_planner import WATCHING

from ingest.application.ports import DocumentFilter
from ingest.domain.document import Content, Document
from ingest.domain.standing import Standing
from ingest.infrastructure.sqlite_documents import SqliteDocuments
from monitor.application.ports import DocumentLabels, JourneyQuery
from monitor.domain.journey import UNFINISHED, State, Step, StepKind
from monitor.infrastructure.sqlite_journeys import SCHEMA, SqliteJourneys
from shared.artefacts.signature import Signature
from shared.events.envelope import Envelope, wrap
from shared.events.process import StageFinished
from shared.infrastructure.sqlite.database import SqliteDatabase, SqliteFacts
from shared.infrastructure.sqlite.event_log import SqliteEventLog
from shared.infrastructure.sqlite.jobs import SqliteJobs
from shared.kernel import DocumentId
from shared.ports.jobs import NewJob

NOW: Final = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
FEW: Final = 150
MANY: Final = 1_500
GROWS: Final = 1.3
"""A tree of an index is a level deeper now and then; what grows with the rows is ten times as much here."""

Work = Callable[[], Awaitable[object]]


@dataclass
class Shelf:
    """A store that is filled step by step, and what is asked of it."""

    fill: Callable[[int, int], Awaitable[object]]
    """From the first to the last number, the last not included."""
    works: dict[str, Work]


def an_id(number: int) -> DocumentId:
    return DocumentId(f"00000000-0000-4000-8000-{number:012x}")


def a_document(number: int) -> Document:
    content = Content(f"{number:064x}", 10, "text/plain", f"originals/{number:064x}")
    collection = f"c{number % 3}"
    return Document.receive(an_id(number), collection, f"{number}.txt", content, {}, NOW)[0]


def searchable(standing: Standing) -> Standing:
    return standing.indexed(standing.content_version, revision=1, at=NOW)


def signed(standing: Standing, number: int) -> Standing:
    """Of each six, the text of the first and the fourth is the same."""
    signature = Signature(hashlib.sha512(f"{number // 6}".encode()).digest() * 2)
    return standing.processed(
        standing.content_version, revision=1, language=None, warnings=(), chunks_artefact="a", signature=signature
    )


@asynccontextmanager
async def documents(folder: Path) -> AsyncIterator[Shelf]:
    """A third of it is finished, a tenth of that withdrawn; the rest waits."""
    async with SqliteDatabase(folder / "ingest.sqlite", SqliteDocuments.SCHEMA) as database:
        store = SqliteDocuments(database, SqliteFacts(database, "ingest"))
        extra = iter(range(1_000_000, 2_000_000))

        async def one(number: int) -> None:
            document = await store.save(a_document(number), expected_version=0)
            if number % 3 == 0:
                await store.advance(document.id, lambda it: signed(it, number))
                await store.advance(document.id, searchable)
            if number % 30 == 0:
                document.withdraw()
                await store.save(document, expected_version=document.saved_version)
                await store.advance(document.id, lambda it: it.gone(document.version))

        async def upload() -> None:
            number = next(extra)
            await store.holders("default", sha256=f"{number:064x}", name=f"{number}.txt")
            saved = await store.save(a_document(number), expected_version=0)
            await store.queue_positions([saved.queue_number])

        async def withdraw() -> None:
            document = await store.save(a_document(next(extra)), expected_version=0)
            document.withdraw()
            document = await store.save(document, expected_version=document.saved_version)
            await store.advance(document.id, lambda it: it.gone(document.version))

        async def what_is_similar() -> None:
            found = await store.similar(await store.load(an_id(9)), collections=None)
            assert len(found) == 1

        async def of_all() -> None:
            page = await store.find(DocumentFilter(), limit=20)
            await store.queue_positions([one.queue_number for one in page.documents])

        yield Shelf(
            lambda first, last: asyncio.gather(*(one(number) for number in range(first, last))),
            {
                "listing": of_all,
                "listing a status": lambda: store.find(DocumentFilter(status="searchable"), limit=20),
                "listing what is withdrawn": lambda: store.find(DocumentFilter(status="withdrawn"), limit=20),
                "listing collections": lambda: store.find(DocumentFilter(frozenset(("c0", "c2"))), limit=20),
                "counts": store.counts,
                "an upload": upload,
                "a deletion": withdraw,
                "a document": lambda: store.load(an_id(1)),
                "what is similar": what_is_similar,
            },
        )


@asynccontextmanager
async def journeys(folder: Path) -> AsyncIterator[Shelf]:
    """A tenth is silent on its way, and another stuck; the rest is searchable."""
    async with SqliteDatabase(folder / "monitor.sqlite", SCHEMA) as database:
        store = SqliteJourneys(database)
        extra = iter(range(1_000_000, 2_000_000))

        async def one(number: int) -> None:
            # What is stuck are always the same few.
            at = NOW + timedelta(seconds=number if number > 20 else -9_000)
            labels = DocumentLabels(an_id(number), 1, f"c{number % 3}", "a.txt")
            await store.add(an_id(number), 1, Step(StepKind.RECEIVED, at, event_id="1"), labels)
            if number > 20 and number % 10:
                await store.add(an_id(number), 1, Step(StepKind.INDEXED, at, event_id="2"), None)

        stuck = JourneyQuery(UNFINISHED, silent_since=NOW, not_waiting_for=frozenset(("search",)))
        yield Shelf(
            lambda first, last: asyncio.gather(*(one(number) for number in range(first, last))),
            {
                "listing": lambda: store.newest(JourneyQuery(), after=None, limit=20),
                "listing a state": lambda: store.newest(
                    JourneyQuery(frozenset((State.SEARCHABLE,))), after=None, limit=20
                ),
                "listing a collection": lambda: store.newest(
                    JourneyQuery(collections=frozenset(("c1",))), after=None, limit=20
                ),
                "listing what is stuck": lambda: store.newest(stuck, after=None, limit=20),
                "counting": lambda: store.count(JourneyQuery()),
                "counting what is stuck": lambda: store.count(stuck),
                "counting by state": lambda: store.count_by_state(None),
                "counting of collections": lambda: store.count_by_state(frozenset(("c1",))),
                "counting what ended": lambda: store.count_finished(
                    State.SEARCHABLE, NOW + timedelta(days=1), frozenset(("c1",))
                ),
                "the newest steps": lambda: store.recent(80),
                "a journey": lambda: one(next(extra)),
            },
        )


@asynccontextmanager
async def jobs(folder: Path) -> AsyncIterator[Shelf]:
    """Half is done, the rest waits."""
    async with SqliteDatabase(folder / "process.sqlite", SqliteFacts.SCHEMA + SqliteJobs.SCHEMA) as database:
        store = SqliteJobs(database, SqliteFacts(database, "process"))
        extra = iter(range(1_000_000, 2_000_000))

        async def fill(first: int, last: int) -> None:
            await asyncio.gather(*(store.add(NewJob("process", an_id(one), 1, {})) for one in range(first, last)))
            claimed = await store.claim("process", owner="me", limit=(last - first) // 2, lease_seconds=60)
            await asyncio.gather(*(store.finish(job) for job in claimed))

        async def one() -> None:
            await store.add(NewJob("process", an_id(next(extra)), 1, {}))
            (job,) = await store.claim("process", owner="me", limit=1, lease_seconds=60)
            await store.finish(job)

        async def wait() -> None:
            await store.claim("nothing", owner="me", limit=1, lease_seconds=60)
            await store.wait_for_jobs("process", 0)

        yield Shelf(
            fill,
            {
                "a job": one,
                "counts": lambda: store.counts("process"),
                "waiting": wait,
                "leases": lambda: store.void_leases(except_owner="me"),
                "a withdrawal": lambda: store.cancel(an_id(next(extra)), 1),
                "what is buried": lambda: store.buried(limit=20),
            },
        )


@asynccontextmanager
async def events(folder: Path) -> AsyncIterator[Shelf]:
    """Nothing of it is read by the group."""

    def an_event(number: int) -> Envelope:
        return wrap(
            StageFinished(document_id=an_id(number), document_version=1, stage="parse", seconds=1, done=1, total=3),
            producer="process",
        )

    async with (
        SqliteEventLog(folder / "events.sqlite") as log,
        log.subscribe("search", (StageFinished.topic,)) as subscription,
    ):

        async def fill(first: int, last: int) -> None:
            for number in range(first, last):
                await log.publish(an_event(number), an_event(number), an_event(number))

        yield Shelf(
            fill,
            {
                "lags": log.lags,
                "a lag": subscription.lag,
                "publishing": lambda: log.publish(an_event(1)),
                "dead letters": lambda: log.dead_letters(limit=20),
            },
        )


@pytest.mark.parametrize("shelf_of", [documents, journeys, jobs, events])
async def test_nothing_costs_more_because_there_is_more(
    shelf_of: Callable[[Path], AbstractAsyncContextManager[Shelf]], tmp_path: Path
) -> None:
    async with shelf_of(tmp_path) as shelf:
        costs: dict[str, list[int]] = {name: [] for name in shelf.works}
        for first, last in ((0, FEW), (FEW, MANY)):
            await shelf.fill(first, last)
            for name, work in shelf.works.items():
                await work()  # what is done only once is done
                with WATCHING.counting() as steps:
                    await work()
                costs[name].append(steps[0])
    assert all(few > 0 for few, _ in costs.values())
    grown = {name: (few, many) for name, (few, many) in costs.items() if many > GROWS * few + 50}
    assert grown == {}
