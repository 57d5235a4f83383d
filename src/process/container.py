"""The wiring of Process; ends in `module`."""

from dependency_injector import containers, providers

from process.application.intake import Intake
from process.application.pipeline import DocumentProcessing
from process.infrastructure.parser_pool import ParserPool
from process.interface.events import subscriptions
from shared.infrastructure.sqlite import SqliteDatabase, SqliteFacts
from shared.infrastructure.sqlite_jobs import SqliteJobs
from shared.ports.model import Model
from shared.ports.storage import BlobStore
from shared.runtime.module import Module
from shared.settings import Settings
from shared.telemetry import Metrics

_NAME = "process"


def _database(settings: Settings) -> SqliteDatabase:
    return SqliteDatabase(settings.data_dir / f"{_NAME}.sqlite", schema=SqliteFacts.SCHEMA + SqliteJobs.SCHEMA)


def _module(
    database: SqliteDatabase,
    facts: SqliteFacts,
    jobs: SqliteJobs,
    pool: ParserPool,
    intake: Intake,
    processing: DocumentProcessing,
) -> Module:
    return Module(
        name=_NAME,
        resources=(database, pool),
        subscriptions=subscriptions(intake),
        jobs=(processing,),
        job_store=jobs,
        outbox=facts,
        probes={"process.parsers": pool.health},
    )


class ProcessContainer(containers.DeclarativeContainer):
    """One of each for the module."""

    settings = providers.Dependency(instance_of=Settings)
    blobs = providers.Dependency(instance_of=BlobStore)
    model = providers.Dependency(instance_of=Model)
    metrics = providers.Dependency(instance_of=Metrics)

    database = providers.Singleton(_database, settings)
    facts = providers.Singleton(SqliteFacts, database, producer=_NAME)
    jobs = providers.Singleton(SqliteJobs, database, facts)
    pool = providers.Singleton(
        ParserPool,
        workers=settings.provided.parse_workers,
        timeout_seconds=settings.provided.parse_timeout_seconds,
        memory_bytes=settings.provided.parse_memory_bytes,
        most_characters=settings.provided.parse_text_characters,
        metrics=metrics,
    )
    intake = providers.Singleton(Intake, jobs)
    processing = providers.Singleton(DocumentProcessing, blobs=blobs, parser=pool, model=model, metrics=metrics)
    module = providers.Singleton(
        _module, database=database, facts=facts, jobs=jobs, pool=pool, intake=intake, processing=processing
    )
