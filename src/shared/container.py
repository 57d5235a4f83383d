"""The shared adapters, chosen by URL scheme; a driver is imported only when its adapter is."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from shared.disk_reserve import DiskReserve
from shared.infrastructure.pages.renderer import PageRenderer
from shared.infrastructure.prometheus_metrics import PrometheusMetrics
from shared.kernel import StoreDamaged
from shared.lean_imports import without
from shared.model.manager import ModelManager
from shared.model.operations import ModelOperations
from shared.model.reranking.choosing import reranker_of
from shared.model.reranking.cross_encoder import CrossEncoder
from shared.model.sharing import ConsumerModel, ModelSharing
from shared.ports.api_keys import KeyStore
from shared.ports.audit import AuditLog
from shared.ports.event_bus import EventBus
from shared.ports.health import Checked, ComponentHealth, Probe
from shared.ports.reranker import Reranker
from shared.ports.storage import BlobStore, Cache
from shared.runtime.belonging import BLOBS, INDEX, Belonging, Part
from shared.runtime.module import Module, Resource
from shared.runtime.reserve_keeper import ReserveKeeper
from shared.runtime.resilience import Remotes
from shared.runtime.waiting import Waiting
from shared.settings import Settings, round_seconds, scheme_of
from shared.telemetry import Metrics
from shared.vocabulary import INGEST, PROCESS, SEARCH
from shared.web.access import Access
from shared.web.audit_trail import AuditTrail
from shared.web.key_management import KeyManagement
from shared.web.key_ring import LOOK_SECONDS, KeyRing

with without("yaml"):  # for settings in files of that kind
    from dependency_injector import containers, providers

if TYPE_CHECKING:
    from shared.infrastructure.mongo.database import MongoDatabase
    from shared.model.remote.model import RemoteModel

_MEMORY_CACHE_BYTES = 64 << 20


def _sqlite_events(settings: Settings, metrics: Metrics) -> EventBus:
    from shared.infrastructure.sqlite.event_log import SqliteEventLog

    path, kept = settings.data_dir / "events.sqlite", settings.events_retention_seconds
    return SqliteEventLog(path, retention_seconds=kept, trim_every_seconds=round_seconds(kept), metrics=metrics)


def _kafka_events(settings: Settings, remotes: Remotes, metrics: Metrics) -> EventBus:
    from shared.infrastructure.kafka.event_bus import KafkaEventBus

    return KafkaEventBus(settings, remotes, metrics)


def _mongo(settings: Settings, remotes: Remotes) -> "MongoDatabase | None":
    if not settings.store_url.startswith("mongodb"):
        return None
    from shared.infrastructure.mongo.database import MongoDatabase

    return MongoDatabase(settings, remotes)


def _file_blobs(settings: Settings) -> BlobStore:
    from shared.infrastructure.files.blobs import FileBlobs

    reserve = DiskReserve(settings.data_dir, settings.reserve_bytes)
    return FileBlobs(settings.data_dir / "blobs", min_free_bytes=settings.min_free_bytes, reserve=reserve)


def _mongo_blobs(settings: Settings, mongo: "MongoDatabase") -> BlobStore:
    from shared.infrastructure.mongo.blobs import MongoBlobs

    return MongoBlobs(mongo, settings)


def _pages(settings: Settings) -> PageRenderer:
    return PageRenderer(
        timeout_seconds=settings.image_timeout_seconds,
        memory_bytes=settings.parse_memory_bytes,
        most_pixels=settings.image_pixels,
    )


def _redis_cache(settings: Settings, remotes: Remotes) -> Cache:
    from shared.infrastructure.redis_cache import RedisCache

    return RedisCache(settings, remotes)


def _memory_cache() -> Cache:
    from shared.infrastructure.memory_cache import MemoryCache

    return MemoryCache(_MEMORY_CACHE_BYTES)


def _remote_model(
    settings: Settings, metrics: Metrics, find_url: Callable[[], str | None] | None
) -> "RemoteModel | None":
    if not settings.uses_remote_model:
        return None
    from shared.model.remote.model import RemoteModel

    return RemoteModel(settings, metrics, find_url=find_url)


def _sharing(settings: Settings, metrics: Metrics, models: ModelManager, remote: "RemoteModel | None") -> ModelSharing:
    own = settings.model_copy(update={"model_url": None, "model_preload": ()})
    if own.model_engine == "remote":
        own = own.model_copy(update={"model_engine": "auto"})
    return ModelSharing(
        settings.shared_model,
        shared=remote or models,
        make_private=lambda: ModelManager(own, metrics),
        metrics=metrics,
    )


def _local(reranker: Reranker | None) -> CrossEncoder | None:
    """The one that takes memory of this process."""
    return reranker if isinstance(reranker, CrossEncoder) else None


def _model_for(sharing: ModelSharing, consumer: str) -> ConsumerModel:
    return sharing.model_for(consumer)


@dataclass(frozen=True, slots=True)
class _AccessStorage:
    """Where the keys that were made and the audit log are kept: nowhere, for a process that only lends its model."""

    keys: KeyStore | None = None
    audit: AuditLog | None = None
    resources: tuple[Resource, ...] = ()
    probe: Probe | None = None


def _access_storage(settings: Settings, metrics: Metrics, mongo: "MongoDatabase | None") -> _AccessStorage:
    if settings.modules == ("model",):
        return _AccessStorage()
    if mongo is not None:
        from shared.infrastructure.mongo.api_keys import MongoKeys
        from shared.infrastructure.mongo.audit import MongoAudit

        return _AccessStorage(MongoKeys(mongo), MongoAudit(mongo))
    from shared.infrastructure.sqlite.api_keys import SqliteKeys
    from shared.infrastructure.sqlite.audit import SqliteAudit
    from shared.infrastructure.sqlite.database import SqliteDatabase
    from shared.infrastructure.sqlite.stores import ACCESS

    schema = SqliteKeys.SCHEMA + SqliteAudit.SCHEMA
    database = SqliteDatabase(settings.data_dir / f"{ACCESS}.sqlite", schema, metrics=metrics)

    async def check() -> ComponentHealth:
        # Who has a key goes on working without it.
        try:
            return replace(await database.check(), required=False)
        except StoreDamaged as error:
            return ComponentHealth(ready=False, detail=error.detail, required=False)

    return _AccessStorage(SqliteKeys(database), SqliteAudit(database), (database,), check)


def _key_ring(settings: Settings, storage: _AccessStorage) -> KeyRing | None:
    if storage.keys is None:
        return None
    return KeyRing(storage.keys, look_seconds=LOOK_SECONDS if settings.store_is_remote else None)


def _adapters(
    settings: Settings,
    metrics: Metrics,
    mongo: "MongoDatabase | None",
    bus: EventBus,
    blobs: BlobStore,
    cache: Cache,
    waiting: Waiting,
    belonging: Belonging,
    access: Access,
    pages: PageRenderer,
    access_storage: _AccessStorage,
    ring: KeyRing | None,
    trail: AuditTrail,
) -> Module:
    """A process that only lends its model asks for nothing of them, so their health is not its own."""
    from shared.web.own_routes import build_own_router
    from shared.web.pages import SHELL_PAGES

    keeps = settings.modules != ("model",)
    probed: dict[str, object] = {"events": bus, "blobs": blobs, "cache": cache} if keeps else {}
    if keeps and INGEST in settings.modules:
        probed["installation"] = belonging
    keeper = None
    if settings.has_embedded_state and settings.reserve_bytes:
        keeper = ReserveKeeper(DiskReserve(settings.data_dir, settings.reserve_bytes), metrics)
        probed["disk"] = keeper
    probes: dict[str, Probe] = {f"shared.{name}": one.check for name, one in probed.items() if isinstance(one, Checked)}
    if keeps:
        probes["shared.work"] = waiting.health
    if access_storage.probe is not None:
        probes["shared.access"] = access_storage.probe
    management = None if ring is None else KeyManagement(ring, access, trail)
    parts = _shared_parts(settings, mongo) if keeps else []
    opened = (
        *(keeper, mongo, *access_storage.resources, ring, trail),
        *(bus, *(part.mark for part in parts), blobs, cache, pages),
    )
    return Module(
        name="shared",
        resources=[one for one in opened if isinstance(one, AbstractAsyncContextManager)],
        router=build_own_router(belonging, settings, access, management, access_storage.audit),
        probes=probes,
        parts=parts,
        pages=SHELL_PAGES if keeps else (),
    )


def _shared_parts(settings: Settings, mongo: "MongoDatabase | None") -> list[Part]:
    parts = []
    if mongo is not None:
        from shared.infrastructure.mongo.mark import MongoMark

        # All stores are in it, and so is GridFS.
        parts.append(Part("MongoDB", MongoMark(mongo, "ingest_documents"), accounts_for=(BLOBS, INDEX)))
    if scheme_of(settings.blobs_url) == "file":
        from shared.infrastructure.files.mark import FolderMark

        patterns = ("originals/*/*", "artefacts/*/*", "trash/*/*/*")
        parts.append(Part(BLOBS, FolderMark(settings.data_dir / "blobs", patterns)))
    return parts


def _model_module(
    models: ModelManager,
    sharing: ModelSharing,
    remote: "RemoteModel | None",
    operations: ModelOperations,
    model: ConsumerModel,
    access: Access,
    audit: AuditTrail,
    reranker: Reranker | None,
) -> Module:
    from shared.model.handle import Registration
    from shared.model.http.router import build_router

    opened = (reranker, models, sharing, remote, Registration(model))
    return Module(
        name="model",
        resources=[one for one in opened if isinstance(one, AbstractAsyncContextManager)],
        router=build_router(operations, model, models, access, audit),
    )


class SharedContainer(containers.DeclarativeContainer):
    """One of each for the whole application."""

    settings = providers.Dependency(instance_of=Settings)
    # Where the borrowed model's server is now; None where settings name it.
    find_model: "providers.Dependency[Any]" = providers.Dependency(default=providers.Object(None))

    metrics = providers.Singleton(PrometheusMetrics)
    waiting = providers.Singleton(Waiting)
    remotes = providers.Singleton(Remotes, metrics, timeout_seconds=settings.provided.server_timeout_seconds)
    mongo = providers.Singleton(_mongo, settings, remotes)
    access_storage = providers.Singleton(_access_storage, settings, metrics, mongo)
    key_ring = providers.Singleton(_key_ring, settings, access_storage)
    access = providers.Singleton(
        Access.from_file,
        settings.provided.api_keys_file,
        origins=settings.provided.cors_origins,
        ring=key_ring,
    )
    audit = providers.Singleton(
        AuditTrail,
        access_storage.provided.audit,
        retention_seconds=settings.provided.audit_retention_seconds,
        every_seconds=providers.Callable(round_seconds, settings.provided.audit_retention_seconds),
    )
    bus = providers.Selector(
        providers.Callable(scheme_of, settings.provided.events_url),
        sqlite=providers.Singleton(_sqlite_events, settings, metrics),
        kafka=providers.Singleton(_kafka_events, settings, remotes, metrics),
    )
    blobs = providers.Selector(
        providers.Callable(scheme_of, settings.provided.blobs_url),
        file=providers.Singleton(_file_blobs, settings),
        gridfs=providers.Singleton(_mongo_blobs, settings, mongo),
    )
    reranker = providers.Singleton(reranker_of, settings, metrics, remotes)
    models = providers.Singleton(ModelManager, settings, metrics, providers.Callable(_local, reranker))
    remote_model = providers.Singleton(_remote_model, settings, metrics, find_model)
    sharing = providers.Singleton(_sharing, settings, metrics, models, remote_model)
    model_of_search = providers.Singleton(_model_for, sharing, SEARCH)
    model_of_process = providers.Singleton(_model_for, sharing, PROCESS)
    model_of_api = providers.Singleton(_model_for, sharing, "api")
    model_operations = providers.Singleton(ModelOperations, settings, models, sharing, remote_model)
    cache = providers.Selector(
        providers.Callable(scheme_of, settings.provided.cache_url),
        memory=providers.Singleton(_memory_cache),
        redis=providers.Singleton(_redis_cache, settings, remotes),
    )
    belonging = providers.Singleton(Belonging, metrics)
    pages = providers.Singleton(_pages, settings)
    adapters = providers.Singleton(
        _adapters,
        settings,
        metrics,
        mongo,
        bus,
        blobs,
        cache,
        waiting,
        belonging,
        access,
        pages,
        access_storage,
        key_ring,
        audit,
    )
    """The plug of what all modules share."""
    model = providers.Singleton(
        _model_module, models, sharing, remote_model, model_operations, model_of_api, access, audit, reranker
    )
    """The plug of the models."""
