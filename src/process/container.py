"""The wiring of Process; ends in `module`."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dependency_injector import containers, providers

from process.application.intake import Intake
from process.application.opening import Opening
from process.application.pipeline import DocumentProcessing
from process.application.stages.order import in_order
from process.infrastructure.parser_pool import ParserPool
from process.infrastructure.scratch import Scratch
from process.interface.events import subscriptions
from shared.ports.health import Probe
from shared.ports.images import ImageModels
from shared.ports.jobs import JobStore
from shared.ports.model import Model
from shared.ports.outbox import Outbox
from shared.ports.pages import PagePictures
from shared.ports.passwords import Passwords
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


def _reader_of(settings: Settings) -> str:
    reader = f"{settings.ocr_engine} {settings.ocr_languages}"
    return reader if settings.caption_model is None else f"{reader} {settings.caption_model.name}"


def _has_captions(settings: Settings) -> bool:
    return settings.caption_model is not None


def _scratch(settings: Settings) -> Scratch:
    return Scratch(settings.data_dir / "scratch")


def _module(
    storage: _Storage, pool: ParserPool, scratch: Scratch, intake: Intake, processing: DocumentProcessing
) -> Module:
    return Module(
        name=PROCESS,
        resources=(*storage.resources, scratch, pool),
        subscriptions=subscriptions(intake),
        jobs=(processing,),
        job_store=storage.jobs,
        outbox=storage.facts,
        probes={"process.store": storage.probe, "process.parsers": pool.health},
        parts=storage.parts,
    )


def _opening_alone(pool: ParserPool, scratch: Scratch) -> Module:
    return Module(name="opening", resources=(scratch, pool), probes={"opening.parsers": pool.health})


class ProcessContainer(containers.DeclarativeContainer):
    """One of each for the module."""

    settings = providers.Dependency(instance_of=Settings)
    blobs = providers.Dependency(instance_of=BlobStore)
    model = providers.Dependency(instance_of=Model)
    pages = providers.Dependency(instance_of=PagePictures)
    images = providers.Dependency(instance_of=ImageModels)
    passwords = providers.Dependency(instance_of=Passwords)
    metrics = providers.Dependency(instance_of=Metrics)
    mongo: "providers.Dependency[Any]" = providers.Dependency(default=providers.Object(None))

    storage = providers.Selector(
        providers.Callable(scheme_of, settings.provided.store_url),
        sqlite=providers.Singleton(_sqlite, settings, metrics),
        mongodb=providers.Singleton(_mongo, mongo),
    )
    jobs = storage.provided.jobs
    facts = storage.provided.facts
    scratch = providers.Singleton(_scratch, settings)
    pool = providers.Singleton(
        ParserPool,
        workers=settings.provided.parse_workers,
        timeout_seconds=settings.provided.parse_timeout_seconds,
        memory_bytes=settings.provided.parse_memory_bytes,
        most_characters=settings.provided.parse_text_characters,
        most_parts=settings.provided.parts_count,
        most_part_bytes=settings.provided.parts_bytes,
        scratch=scratch.provided.folder,
        metrics=metrics,
    )
    intake = providers.Singleton(Intake, jobs)
    stages = providers.Singleton(
        in_order,
        blobs=blobs,
        parser=pool,
        model=model,
        pages=pages,
        images=images,
        reader=providers.Callable(_reader_of, settings),
        captions=providers.Callable(_has_captions, settings),
        scratch=scratch.provided.folder,
    )
    processing = providers.Singleton(
        DocumentProcessing, blobs=blobs, stages=stages, model=model, metrics=metrics, passwords=passwords
    )
    module = providers.Singleton(
        _module, storage=storage, pool=pool, scratch=scratch, intake=intake, processing=processing
    )
    opening = providers.Singleton(Opening, blobs, stages)
    opening_alone = providers.Singleton(_opening_alone, pool, scratch)
