"""Wires Ingest; ends in `module`."""

from dependency_injector import containers, providers

from ingest.application.collector import BlobCollector
from ingest.application.feed import DocumentFeed
from ingest.application.ingestion import Ingestion
from ingest.application.progress import ProgressTracking
from ingest.application.shelf import Shelf
from ingest.infrastructure.sqlite_documents import SqliteDocuments
from ingest.interface.events import subscriptions
from ingest.interface.http import build_router
from shared.infrastructure.sqlite import SqliteDatabase, SqliteFacts
from shared.ports.event_bus import EventBus
from shared.ports.storage import BlobStore
from shared.runtime.access import Access
from shared.runtime.module import ComponentHealth, Module, Probe
from shared.settings import Settings
from shared.telemetry import Metrics

NAME = "ingest"


def _probes(database: SqliteDatabase) -> dict[str, Probe]:
    async def store() -> ComponentHealth:
        await database.read(lambda connection: connection.execute("SELECT 1").fetchone())
        return ComponentHealth(ready=True, detail="open")

    return {"ingest.store": store}


class IngestContainer(containers.DeclarativeContainer):
    """main.py gives what is declared as a dependency."""

    settings = providers.Dependency(instance_of=Settings)
    bus = providers.Dependency(instance_of=EventBus)
    blobs = providers.Dependency(instance_of=BlobStore)
    access = providers.Dependency(instance_of=Access)
    metrics = providers.Dependency(instance_of=Metrics)

    database = providers.Singleton(
        SqliteDatabase, settings.provided.data_dir.joinpath.call("ingest.sqlite"), schema=SqliteDocuments.SCHEMA
    )
    facts = providers.Singleton(SqliteFacts, database, producer=NAME)
    documents = providers.Singleton(SqliteDocuments, database, facts)
    feed = providers.Singleton(DocumentFeed, bus)
    ingestion = providers.Singleton(Ingestion, documents, blobs, settings, metrics)
    progress = providers.Singleton(ProgressTracking, documents, feed)
    shelf = providers.Singleton(Shelf, documents, blobs, feed)
    collector = providers.Singleton(BlobCollector, documents, blobs, metrics)
    router = providers.Singleton(
        build_router, ingestion=ingestion, shelf=shelf, blobs=blobs, access=access, settings=settings
    )

    module = providers.Singleton(
        Module,
        name=NAME,
        resources=providers.List(database, feed, collector),
        router=router,
        subscriptions=providers.Singleton(subscriptions, progress, ingestion),
        outbox=facts,
        probes=providers.Singleton(_probes, database),
    )
