"""The wiring of Process; ends in `module`."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dependency_injector import containers, providers

from process.application.intake import Intake
from process.application.pipeline import DocumentProcessing
from process.application.stages.order import in_order
from process.infrastructure.parser_pool import ParserPool
from process.interface.events import subscriptions
from shared.ports.health import Probe
from shared.ports.jobs import JobStore
from shared.ports.model import Model
from shared.ports.outbox import Outbox
from shared.ports.storage import BlobStore
from shared.runtime.belonging import Part
from shared.runtime.module import Module, Resource
from shared.settings import Settings, scheme_of
from shared.telemetry import Metrics
from shared.vocabulary import PROCESS

if TYPE_CHECKING:
    from shared.infrastructure.mongo.database import MongoDatabase


@dataclass(frozen=True, slots=True)
class _Storage:
    jobs: JobStore
    facts: Outbox
    resources: tuple[Resource, ...]
    probe: Probe
    parts: tuple[Part, ...] = ()


def _sqlite(settings: Settings, metrics: Metrics) -> _Storage:
    from shared.infrastructure.sqlite.database import SqliteDatabase, SqliteFacts
    from shared.infrastructure.sqlite.jobs import SqliteJobs
    from shared.infrastructure.sqlite.mark import SqliteMark

    schema = SqliteFacts.SCHEMA + SqliteJobs.SCHEMA + SqliteMark.SCHEMA
    database = SqliteDatabase(settings.data_dir / f"{PROCESS}.sqlite", schema=schema, metrics=metrics)
    facts = SqliteFacts(database, producer=PROCESS)
    part = Part(database.path.name, SqliteMark(database, ("jobs", "facts", "cancelled_documents")))
    return _Storage(SqliteJobs(database, facts), facts, (database,), database.check, (part,))


def _mongo(database: "MongoDatabase") -> _Storage:
    from shared.infrastructure.mongo.facts import MongoFacts
    from shared.infrastructure.mongo.jobs import MongoJobs

    facts = MongoFacts(database, PROCESS, (f"{PROCESS}_jobs",))
    return _Storage(MongoJobs(database, facts), facts, (), database.check)


def _module(storage: _Storage, pool: ParserPool, intake: Intake, processing: DocumentProcessing) -> Module:
    return Module(
        name=PROCESS,
        resources=(*storage.resources, pool),
        subscriptions=subscriptions(intake),
        jobs=(processing,),
        job_store=storage.jobs,
        outbox=storage.facts,
        probes={"process.store": storage.probe, "process.parsers": pool.health},
        parts=storage.parts,
    )


class ProcessContainer(containers.DeclarativeContainer):
    """One of each for the module."""

    settings = providers.Dependency(instance_of=Settings)
    blobs = providers.Dependency(instance_of=BlobStore)
    model = providers.Dependency(instance_of=Model)
    metrics = providers.Dependency(instance_of=Metrics)
    mongo: "providers.Dependency[Any]" = providers.Dependency(default=providers.Object(None))

    storage = providers.Selector(
        providers.Callable(scheme_of, settings.provided.store_url),
        sqlite=providers.Singleton(_sqlite, settings, metrics),
        mongodb=providers.Singleton(_mongo, mongo),
    )
    jobs = storage.provided.jobs
    facts = storage.provided.facts
    pool = providers.Singleton(
        ParserPool,
        workers=settings.provided.parse_workers,
        timeout_seconds=settings.provided.parse_timeout_seconds,
        memory_bytes=settings.provided.parse_memory_bytes,
        most_characters=settings.provided.parse_text_characters,
        metrics=metrics,
    )
    intake = providers.Singleton(Intake, jobs)
    stages = providers.Singleton(in_order, blobs=blobs, parser=pool, model=model)
    processing = providers.Singleton(DocumentProcessing, blobs=blobs, stages=stages, model=model, metrics=metrics)
    module = providers.Singleton(_module, storage=storage, pool=pool, intake=intake, processing=processing)
