"""What every DocumentInventory promises, beside the DocumentStore of the same adapter."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from mongo_builders import a_mongo, settings_for_mongo

from ingest.application.inventory import DocumentInventory, Kept
from ingest.application.ports import DocumentStore
from ingest.domain.document import Content, Document
from ingest.infrastructure.mongo_documents import MongoDocuments
from ingest.infrastructure.mongo_inventory import MongoInventory
from ingest.infrastructure.sqlite_documents import SqliteDocuments
from ingest.infrastructure.sqlite_inventory import SqliteInventory
from shared.events.catalogue import decode
from shared.events.envelope import Event
from shared.events.ingest import DocumentWithdrawn
from shared.infrastructure.mongo.facts import MongoFacts
from shared.infrastructure.sqlite.database import SqliteDatabase, SqliteFacts
from shared.kernel import new_document_id
from shared.ports.outbox import Outbox

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@dataclass
class Stored:
    store: DocumentStore
    inventory: DocumentInventory
    outbox: Outbox

    async def facts(self) -> list[Event]:
        return [decode(fact.envelope) for fact in await self.outbox.pending_facts(1000)]


@asynccontextmanager
async def on_sqlite(folder: Path) -> AsyncIterator[Stored]:
    database = SqliteDatabase(folder / "ingest.sqlite", SqliteDocuments.SCHEMA)
    facts = SqliteFacts(database, "ingest")
    async with database:
        yield Stored(SqliteDocuments(database, facts), SqliteInventory(database, facts), facts)


@asynccontextmanager
async def on_mongo(folder: Path) -> AsyncIterator[Stored]:
    async with a_mongo(settings_for_mongo(folder)) as door:
        database = door()
        facts = MongoFacts(database, "ingest")
        stored = Stored(MongoDocuments(database, facts), MongoInventory(database, facts), facts)
        async with database:
            yield stored


@pytest.fixture(
    params=[pytest.param(on_sqlite, id="sqlite"), pytest.param(on_mongo, id="mongo", marks=pytest.mark.servers)]
)
async def stored(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Stored]:
    """The adapter under test, empty."""
    opened: Callable[[Path], AbstractAsyncContextManager[Stored]] = request.param
    async with opened(tmp_path) as stored:
        yield stored


def a_document(text: str) -> Document:
    digest = text.encode().hex().rjust(64, "0")
    content = Content(sha256=digest, size=len(text), media_type="text/plain", blob_key=f"originals/{digest}")
    return Document.receive(new_document_id(), "default", f"{text}.txt", content, {}, NOW)[0]


async def saved(stored: Stored, document: Document) -> Document:
    return await stored.store.save(document, expected_version=document.saved_version)


async def withdrawn(stored: Stored, document: Document, *, removed: bool) -> Document:
    """The tombstone of a saved document."""
    document = await saved(stored, document)
    assert document.withdraw() is not None
    document = await saved(stored, document)
    if removed:
        await stored.store.advance(document.id, lambda standing: standing.gone(document.version))
    return document


async def test_it_has_every_record_once_tombstones_too(stored: Stored) -> None:
    live = [await saved(stored, a_document(f"live {number}")) for number in range(3)]
    going = await withdrawn(stored, a_document("going"), removed=False)
    gone = await withdrawn(stored, a_document("gone"), removed=True)
    found, after = list[Kept](), None
    while page := await stored.inventory.kept(after=after, limit=2):
        found += page
        after = page[-1].document_id
    assert [kept.document_id for kept in found] == sorted(one.id for one in (*live, going, gone))
    by_id = {kept.document_id: kept for kept in found}
    asked = await stored.inventory.some_kept([gone.id, new_document_id(), live[0].id])
    assert {kept.document_id: kept for kept in asked} == {one: by_id[one] for one in (gone.id, live[0].id)}
    first = by_id[live[0].id]
    assert (first.version, first.collection, first.sha256) == (1, "default", live[0].content.sha256)
    assert (first.size, first.standing) == (live[0].content.size, live[0].standing)
    assert by_id[going.id].standing.status == by_id[gone.id].standing.status == "withdrawn"
    assert by_id[gone.id].sha256 is None


async def test_it_tells_what_there_never_was_a_record_of(stored: Stored) -> None:
    live, gone = await saved(stored, a_document("live")), await withdrawn(stored, a_document("gone"), removed=True)
    stranger = new_document_id()
    assert list(await stored.inventory.unknown([live.id, stranger, gone.id])) == [stranger]
    assert list(await stored.inventory.unknown([])) == []


async def test_only_what_is_withdrawn_is_withdrawn_again_and_only_under_a_newer_version(stored: Stored) -> None:
    live, gone = await saved(stored, a_document("live")), await withdrawn(stored, a_document("gone"), removed=True)
    fact = DocumentWithdrawn(document_id=gone.id, document_version=9, collection="default")
    assert not await stored.inventory.withdraw_again(live.id, 9, fact)
    assert not await stored.inventory.withdraw_again(new_document_id(), 9, fact)
    assert await stored.inventory.withdraw_again(gone.id, 9, fact)
    assert not await stored.inventory.withdraw_again(gone.id, 9, fact)
    assert await stored.facts() == [fact]
