"""Wires Ingest; ends in `module`."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dependency_injector import containers, providers

from ingest.application.collector import BlobCollector, CollectorTimes
from ingest.application.comparing import Comparing, ComparingTimes
from ingest.application.feed import DocumentFeed
from ingest.application.ingestion import Ingestion
from ingest.application.inventory import DocumentInventory
from ingest.application.parts import PartsTaking
from ingest.application.ports import DocumentStore, ReleaseStore, RemovalStore
from ingest.application.progress import ProgressTracking
from ingest.application.remaking import Remaking
from ingest.application.removal import CollectionRemoval
from ingest.application.shelf import Shelf
from ingest.interface.events import subscriptions
from ingest.interface.http import build_router
from ingest.interface.pages import PAGES
from shared.ports.duties import DutyStore
from shared.ports.event_bus import EventBus
from shared.ports.health import Probe
from shared.ports.outbox import Outbox
from shared.ports.pages import PagePictures
from shared.ports.passwords import Passwords
from shared.ports.served import ServedDocuments
from shared.ports.storage import BlobStore
from shared.runtime.belonging import BLOBS, Belonging, Part
from shared.runtime.module import Module, Resource
from shared.settings import Settings, scheme_of
from shared.telemetry import Metrics
from shared.vocabulary import INGEST
from shared.web.access import Access
from shared.web.audit_trail import AuditTrail

if TYPE_CHECKING:
    from shared.infrastructure.mongo.database import MongoDatabase


@dataclass(frozen=True, slots=True)
class _Storage:
    documents: DocumentStore
    releases: ReleaseStore
    removals: RemovalStore
    duties: DutyStore
    facts: Outbox
    inventory: DocumentInventory
    resources: tuple[Resource, ...]
    probe: Probe
    parts: tuple[Part, ...] = ()


def _sqlite(settings: Settings, metrics: Metrics) -> _Storage:
    from ingest.infrastructure.sqlite_documents import SqliteDocuments
    from ingest.infrastructure.sqlite_inventory import SqliteInventory
    from ingest.infrastructure.sqlite_releases import SqliteReleases
    from ingest.infrastructure.sqlite_removals import SqliteRemovals
    from shared.infrastructure.sqlite.database import SqliteDatabase, SqliteFacts
    from shared.infrastructure.sqlite.duties import SqliteDuties
    from shared.infrastructure.sqlite.mark import SqliteMark

    schema = SqliteDocuments.SCHEMA + SqliteRemovals.SCHEMA + SqliteDuties.SCHEMA + SqliteMark.SCHEMA
    database = SqliteDatabase(settings.data_dir / f"{INGEST}.sqlite", schema=schema, metrics=metrics)
    facts, duties = SqliteFacts(database, producer=INGEST), SqliteDuties(database)
    part = Part(database.path.name, SqliteMark(database, ("documents",)), accounts_for=(BLOBS,))
    return _Storage(
        documents=SqliteDocuments(database, facts),
        releases=SqliteReleases(database),
        removals=SqliteRemovals(database),
        duties=duties,
        facts=facts,
        inventory=SqliteInventory(database, facts),
        resources=(database, duties),
        probe=database.check,
        parts=(part,),
    )


def _mongo(database: "MongoDatabase") -> _Storage:
    from ingest.infrastructure.mongo_documents import MongoDocuments
    from ingest.infrastructure.mongo_inventory import MongoInventory
    from ingest.infrastructure.mongo_listing import COLLECTION
    from ingest.infrastructure.mongo_releases import MongoReleases
    from ingest.infrastructure.mongo_removals import MongoRemovals
    from shared.infrastructure.mongo.duties import MongoDuties
    from shared.infrastructure.mongo.facts import MongoFacts

    facts = MongoFacts(database, INGEST, (COLLECTION,))
    return _Storage(
        documents=MongoDocuments(database, facts),
        releases=MongoReleases(database),
        removals=MongoRemovals(database),
        duties=MongoDuties(database, INGEST),
        facts=facts,
        inventory=MongoInventory(database, facts),
        resources=(),
        probe=database.check,
    )


def _trash_seconds(settings: Settings) -> float:
    return settings.trash_days * 86400


def _collector_times(settings: Settings) -> CollectorTimes:
    return CollectorTimes(every_seconds=settings.collect_every_seconds, young_seconds=settings.collect_after_seconds)


def _resources(
    storage: _Storage, served: ServedDocuments | None, comparing: Callable[[], Comparing], *others: Resource
) -> tuple[Resource, ...]:
    return (*storage.resources, *others, *([comparing()] if served is not None else []))


def _probes(
    storage: _Storage, served: ServedDocuments | None, comparing: Callable[[], Comparing], collector: BlobCollector
) -> dict[str, Probe]:
    compared = {"ingest.documents": comparing().check} if served is not None else {}
    return {"ingest.store": storage.probe, "ingest.collection": collector.check, **compared}


class IngestContainer(containers.DeclarativeContainer):
    """main.py gives what is declared as a dependency."""

    settings = providers.Dependency(instance_of=Settings)
    bus = providers.Dependency(instance_of=EventBus)
    blobs = providers.Dependency(instance_of=BlobStore)
    access = providers.Dependency(instance_of=Access)
    audit = providers.Dependency(instance_of=AuditTrail)
    metrics = providers.Dependency(instance_of=Metrics)
    belonging = providers.Dependency(instance_of=Belonging)
    pages = providers.Dependency(instance_of=PagePictures)
    passwords = providers.Dependency(instance_of=Passwords)
    # Opens locked files here, where the work on them is done in another process.
    opener: "providers.Dependency[Any]" = providers.Dependency(default=providers.Object(None))
    mongo: "providers.Dependency[Any]" = providers.Dependency(default=providers.Object(None))
    # What the list of documents is compared with; without it, it is not.
    served: "providers.Dependency[Any]" = providers.Dependency(default=providers.Object(None))
    job_stores: "providers.Dependency[Any]" = providers.Dependency(default=providers.Object(None))

    comparing_times = providers.Object(ComparingTimes())

    storage = providers.Selector(
        providers.Callable(scheme_of, settings.provided.store_url),
        sqlite=providers.Singleton(_sqlite, settings, metrics),
        mongodb=providers.Singleton(_mongo, mongo),
    )
    documents = storage.provided.documents
    removals = storage.provided.removals
    duties = storage.provided.duties
    facts = storage.provided.facts
    feed = providers.Singleton(DocumentFeed, bus)
    ingestion = providers.Singleton(
        Ingestion, documents, removals, blobs, settings, metrics, passwords=passwords, opener=opener
    )
    progress = providers.Singleton(ProgressTracking, documents, feed)
    parts = providers.Singleton(PartsTaking, documents, ingestion, blobs, settings)
    removal = providers.Singleton(CollectionRemoval, documents, removals, ingestion, duties)
    inventory = storage.provided.inventory
    remaking = providers.Singleton(Remaking, documents, inventory, ingestion, blobs, metrics)
    shelf = providers.Singleton(Shelf, documents, blobs, feed, remaking)
    comparing = providers.Singleton(
        Comparing,
        inventory=inventory,
        remaking=remaking,
        blobs=blobs,
        served=served,
        job_stores=job_stores,
        bus=bus,
        duties=duties,
        metrics=metrics,
        times=comparing_times,
    )
    collector_times = providers.Callable(_collector_times, settings)
    collector = providers.Singleton(
        BlobCollector,
        storage.provided.releases,
        blobs,
        duties,
        belonging,
        metrics,
        trash_seconds=providers.Callable(_trash_seconds, settings),
        times=collector_times,
    )
    router = providers.Singleton(
        build_router,
        ingestion=ingestion,
        shelf=shelf,
        blobs=blobs,
        pages=pages,
        access=access,
        audit=audit,
        settings=settings,
        collector=collector,
        removal=removal,
    )

    module = providers.Singleton(
        Module,
        name=INGEST,
        resources=providers.Callable(_resources, storage, served, comparing.provider, feed, collector, removal),
        router=router,
        subscriptions=providers.Singleton(subscriptions, progress, ingestion, remaking, parts),
        outbox=facts,
        probes=providers.Callable(_probes, storage, served, comparing.provider, collector),
        parts=storage.provided.parts,
        pages=providers.Object(PAGES),
    )
