"""Documents for tests of what keeps them, and the two stores that do."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mongo_builders import a_mongo, settings_for_mongo

from ingest.application.ports import DocumentStore, Release, ReleaseStore, RemovalStore
from ingest.domain.document import Content, Document
from ingest.infrastructure.mongo_documents import MongoDocuments
from ingest.infrastructure.mongo_releases import MongoReleases
from ingest.infrastructure.mongo_removals import MongoRemovals
from ingest.infrastructure.sqlite_documents import SqliteDocuments
from ingest.infrastructure.sqlite_releases import SqliteReleases
from ingest.infrastructure.sqlite_removals import SqliteRemovals
from shared.events.catalogue import decode
from shared.events.envelope import Event
from shared.infrastructure.mongo.facts import MongoFacts
from shared.infrastructure.sqlite.database import SqliteDatabase, SqliteFacts
from shared.kernel import new_document_id
from shared.ports.outbox import Outbox

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@dataclass
class Stored:
    store: DocumentStore
    releases: ReleaseStore
    removals: RemovalStore
    outbox: Outbox
    other: DocumentStore
    """As another process has it."""

    async def facts(self) -> list[Event]:
        return [decode(fact.envelope) for fact in await self.outbox.pending_facts(1000)]


@asynccontextmanager
async def on_sqlite(folder: Path) -> AsyncIterator[Stored]:
    database = SqliteDatabase(folder / "ingest.sqlite", SqliteDocuments.SCHEMA + SqliteRemovals.SCHEMA)
    facts = SqliteFacts(database, "ingest")
    async with database:
        yield Stored(
            SqliteDocuments(database, facts),
            SqliteReleases(database),
            SqliteRemovals(database),
            facts,
            SqliteDocuments(database, facts),
        )


@asynccontextmanager
async def on_mongo(folder: Path) -> AsyncIterator[Stored]:
    async with a_mongo(settings_for_mongo(folder)) as door:
        databases = [door(), door()]
        facts, other_facts = (MongoFacts(database, "ingest") for database in databases)
        # So few that a document of three revisions has some outside its row.
        store = MongoDocuments(databases[0], facts, embedded=2)
        other = MongoDocuments(databases[1], other_facts)
        releases, removals = MongoReleases(databases[0]), MongoRemovals(databases[0])
        async with databases[0], databases[1]:
            yield Stored(store, releases, removals, facts, other)


def content(text: str = "one") -> Content:
    digest = text.encode().hex().rjust(64, "0")
    return Content(sha256=digest, size=len(text), media_type="text/plain", blob_key=f"originals/{digest}")


def a_document(text: str = "one", name: str = "a.txt", collection: str = "default", **metadata: Any) -> Document:
    return Document.receive(new_document_id(), collection, name, content(text), metadata, NOW)[0]


def a_part(parent: Document, path: str, text: str) -> Document:
    return Document.receive_part(new_document_id(), parent, path, content(text), NOW)[0]


async def saved(stored: Stored, document: Document) -> Document:
    return await stored.store.save(document, expected_version=document.saved_version)


async def released(stored: Stored, limit: int = 10) -> list[tuple[str, set[str]]]:
    found: list[Release] = []
    while page := await stored.releases.released(after=found[-1].document_id if found else None, limit=limit):
        found += page
    return [(release.document_id, set(release.hashes)) for release in found]
