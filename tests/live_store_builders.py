"""The stores of Search on every adapter, opened as often as a test likes, and versions to put into them."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from search_builders import chunked

from search.application.ports.evaluations import EvaluationStore
from search.application.ports.lexicons import LexiconStore
from search.application.ports.live_store import HitRecord, LiveStore
from search.application.ports.renewals import RenewalStore
from search.application.ports.versions import NewVersion, Sources
from search.infrastructure.sqlite.evaluations import SqliteEvaluations
from search.infrastructure.sqlite.lexicons import SqliteLexicons
from search.infrastructure.sqlite.live_store import SqliteLiveStore
from search.infrastructure.sqlite.renewals import SqliteRenewals
from shared.events.search import DocumentIndexed, DocumentRemoved
from shared.infrastructure.sqlite.database import SqliteDatabase, SqliteFacts
from shared.kernel import DocumentId, new_document_id
from shared.ports.outbox import Outbox


@dataclass(frozen=True, slots=True)
class SearchStore:
    """What one process has open."""

    live: LiveStore
    renewals: RenewalStore
    evaluations: EvaluationStore
    lexicons: LexiconStore
    outbox: Outbox


OpenSearchStore = Callable[[], AbstractAsyncContextManager[SearchStore]]
"""Opened again after it was left, it is the same store after a restart."""


@asynccontextmanager
async def sqlite_search_store(folder: Path) -> AsyncIterator[OpenSearchStore]:
    """One process at a time."""
    schema = SqliteLiveStore.SCHEMA + SqliteRenewals.SCHEMA + SqliteEvaluations.SCHEMA + SqliteLexicons.SCHEMA
    schema += SqliteFacts.SCHEMA

    @asynccontextmanager
    async def open_it() -> AsyncIterator[SearchStore]:
        async with SqliteDatabase(folder / "search.sqlite", schema) as database:
            facts = SqliteFacts(database, "search")
            async with SqliteLiveStore(database, facts) as live:
                renewals, evaluations = SqliteRenewals(database, facts), SqliteEvaluations(database)
                yield SearchStore(live, renewals, evaluations, SqliteLexicons(database), facts)

    yield open_it


@asynccontextmanager
async def mongo_search_store(folder: Path) -> AsyncIterator[OpenSearchStore]:
    """Each that is open is like another process's."""
    # Imported here: without a server nobody needs the driver.
    from mongo_builders import a_mongo, settings_for_mongo

    from search.infrastructure.mongo.evaluations import MongoEvaluations
    from search.infrastructure.mongo.lexicons import MongoLexicons
    from search.infrastructure.mongo.live_store import MongoLiveStore
    from search.infrastructure.mongo.renewals import MongoRenewals
    from shared.infrastructure.mongo.facts import MongoFacts

    async with a_mongo(settings_for_mongo(folder)) as door:

        @asynccontextmanager
        async def open_it() -> AsyncIterator[SearchStore]:
            database = door()
            facts = MongoFacts(database, "search", own_seconds=1)
            live = MongoLiveStore(database, facts, longest_search_seconds=0)
            renewals, evaluations = MongoRenewals(database, facts), MongoEvaluations(database)
            async with database:
                yield SearchStore(live, renewals, evaluations, MongoLexicons(database), facts)

        yield open_it


def a_version(
    document_id: DocumentId | None = None,
    version: int = 1,
    texts: Sequence[str] = ("one",),
    *,
    fingerprint: str | None = "small-1",
    **changes: Any,
) -> NewVersion:
    """Chunks one after the other, a space between them; revision and labels version are the version."""
    given: dict[str, Any] = {
        "document_id": document_id or new_document_id(),
        "version": version,
        "revision": version,
        "language": "en",
        "sources": Sources(f"chunks-{version}", f"vectors-{version}", fingerprint),
        "labels_version": version,
        "chunks": chunked(texts).chunks,
    }
    return NewVersion(**{**given, **changes})


def indexed(new: NewVersion) -> DocumentIndexed:
    """The fact of its switch."""
    return DocumentIndexed(
        document_id=new.document_id,
        document_version=new.version,
        revision=new.revision,
        chunk_count=len(new.chunks),
        seconds=0.5,
    )


def removed(document_id: DocumentId, version: int) -> DocumentRemoved:
    """The fact of its withdrawal."""
    return DocumentRemoved(document_id=document_id, document_version=version)


async def told(outbox: Outbox) -> list[tuple[str, int]]:
    """Which facts wait, about which version."""
    return [
        (fact.envelope.name, int(fact.envelope.payload["document_version"])) for fact in await outbox.pending_facts(100)
    ]


async def seen(
    live: LiveStore, at: int, document_id: DocumentId, versions: Sequence[int], ordinals: int = 1
) -> list[HitRecord]:
    """What a search at that number is shown of these versions' first chunks."""
    places = [(document_id, version, ordinal) for version in versions for ordinal in range(ordinals)]
    return [hit for hit in await live.hits(at, places) if hit is not None]
