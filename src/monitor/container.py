"""Monitor's wiring."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any, Final

from dependency_injector import containers, providers

from monitor.application.dead_letters import DeadLetters
from monitor.application.exposition import Exposition
from monitor.application.health import Health
from monitor.application.journeys import Journeys
from monitor.application.listening import Listening
from monitor.application.overview import Overview
from monitor.application.ports import JourneyStore
from monitor.application.queues import Queues
from monitor.application.searches import Searches
from monitor.application.system import SystemSampler
from monitor.infrastructure.psutil_usage import PsutilUsage
from monitor.interface.events import subscriptions
from monitor.interface.health import build_health_router
from monitor.interface.http import build_router
from shared.infrastructure.prometheus_metrics import PrometheusMetrics
from shared.ports.event_bus import EventBus
from shared.ports.health import ComponentHealth, Probe
from shared.runtime.module import Module, Resource
from shared.runtime.resilience import Remotes
from shared.settings import Settings, scheme_of
from shared.web.access import Access

if TYPE_CHECKING:
    from shared.infrastructure.mongo.database import MongoDatabase

NAME: Final = "monitor"
JOB_KINDS: Final[Mapping[str, tuple[str, ...]]] = {"process": ("process",), "search": ("index",)}
"""The kinds of jobs that each module's store holds."""


@dataclass(frozen=True, slots=True)
class _Storage:
    journeys: JourneyStore
    resources: tuple[Resource, ...]
    probe: Probe


def _sqlite(settings: Settings) -> _Storage:
    from monitor.infrastructure.sqlite_journeys import SCHEMA, SqliteJourneys
    from shared.infrastructure.sqlite.database import SqliteDatabase

    database = SqliteDatabase(settings.data_dir / f"{NAME}.sqlite", SCHEMA)

    return _Storage(SqliteJourneys(database), (database,), database.check)


def _mongo(database: "MongoDatabase") -> _Storage:
    from monitor.infrastructure.mongo_journeys import MongoJourneys

    return _Storage(MongoJourneys(database), (), database.check)


def _probes(storage: _Storage) -> dict[str, Probe]:
    async def store() -> ComponentHealth:
        # Documents come and are found without it.
        return ComponentHealth(ready=True, detail=(await storage.probe()).detail, required=False)

    return {"monitor.store": store}


def _resources(storage: _Storage, *others: Resource) -> tuple[Resource, ...]:
    return (*storage.resources, *others)


def _probe_timeout(server_timeout_seconds: float) -> float:
    return server_timeout_seconds + 0.5


def _version() -> str:
    try:
        return version("seoga")
    except PackageNotFoundError:
        return "unknown"


class MonitorContainer(containers.DeclarativeContainer):
    """`components` and `job_stores` are dicts that main.py fills once every module is built."""

    settings = providers.Dependency(instance_of=Settings)
    bus = providers.Dependency(instance_of=EventBus)
    access = providers.Dependency(instance_of=Access)
    metrics = providers.Dependency(instance_of=PrometheusMetrics)
    remotes = providers.Dependency(instance_of=Remotes)
    mongo: "providers.Dependency[Any]" = providers.Dependency(default=providers.Object(None))
    components = providers.Dependency(instance_of=dict)
    job_stores = providers.Dependency(instance_of=dict)

    storage = providers.Selector(
        providers.Callable(scheme_of, settings.provided.store_url),
        sqlite=providers.Singleton(_sqlite, settings),
        mongodb=providers.Singleton(_mongo, mongo),
    )
    journey_store = storage.provided.journeys
    queues = providers.Singleton(Queues, job_stores, providers.Object(JOB_KINDS))
    searches = providers.Singleton(Searches)
    journeys = providers.Singleton(
        Journeys, journey_store, queues, metrics, stuck_after_seconds=settings.provided.stuck_after_seconds
    )
    listening = providers.Singleton(Listening, bus, journeys, searches)
    health = providers.Singleton(
        Health,
        components,
        # A server that does not answer is named by its adapter, which gives up a little earlier.
        probe_timeout_seconds=providers.Callable(_probe_timeout, settings.provided.server_timeout_seconds),
    )
    dead_letters = providers.Singleton(DeadLetters, bus, job_stores, journey_store)
    system = providers.Singleton(SystemSampler, providers.Singleton(PsutilUsage, settings.provided.data_dir), metrics)
    overview = providers.Singleton(
        Overview, journey_store, journeys, queues, dead_letters, searches, health, system, remotes
    )
    exposition = providers.Singleton(Exposition, bus, metrics, metrics.provided.exposition)
    router = providers.Singleton(
        build_router,
        overview,
        journeys,
        health,
        dead_letters,
        access,
        version=providers.Callable(_version),
        data_dir=providers.Callable(str, settings.provided.data_dir),
    )
    module = providers.Singleton(
        Module,
        name=NAME,
        resources=providers.Callable(_resources, storage, listening),
        router=router,
        subscriptions=providers.Singleton(subscriptions, journeys),
        probes=providers.Singleton(_probes, storage),
    )
    process = providers.Singleton(
        Module,
        name="process.health",
        resources=providers.List(system),
        router=providers.Singleton(build_health_router, health, exposition, access),
    )
    """What every process shows of itself, whatever its modules."""
