"""Monitor's wiring."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

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
from shared.kernel import StoreDamaged
from shared.ports.event_bus import EventBus
from shared.ports.health import ComponentHealth, Probe
from shared.runtime.belonging import Part
from shared.runtime.module import Module, Resource
from shared.runtime.resilience import Remotes
from shared.settings import Settings, scheme_of
from shared.telemetry import Metrics
from shared.version import VERSION
from shared.vocabulary import JOB_KINDS, MONITOR
from shared.web.access import Access

if TYPE_CHECKING:
    from shared.infrastructure.mongo.database import MongoDatabase


@dataclass(frozen=True, slots=True)
class _Storage:
    journeys: JourneyStore
    resources: tuple[Resource, ...]
    probe: Probe
    parts: tuple[Part, ...] = ()


def _sqlite(settings: Settings, metrics: Metrics) -> _Storage:
    from monitor.infrastructure.sqlite_journeys import SCHEMA, SqliteJourneys
    from shared.infrastructure.sqlite.database import SqliteDatabase
    from shared.infrastructure.sqlite.mark import SqliteMark

    database = SqliteDatabase(settings.data_dir / f"{MONITOR}.sqlite", SCHEMA + SqliteMark.SCHEMA, metrics=metrics)
    part = Part(database.path.name, SqliteMark(database, ("documents", "journeys")))
    return _Storage(SqliteJourneys(database), (database,), database.check, (part,))


def _mongo(database: "MongoDatabase") -> _Storage:
    from monitor.infrastructure.mongo_journeys import MongoJourneys

    return _Storage(MongoJourneys(database), (), database.check)


def _probes(storage: _Storage) -> dict[str, Probe]:
    async def store() -> ComponentHealth:
        # Documents come and are found without it.
        try:
            return replace(await storage.probe(), required=False)
        except StoreDamaged as error:
            return ComponentHealth(ready=False, detail=error.detail, required=False)

    return {"monitor.store": store}


def _all_probes(settings: Settings, plugs: Sequence[Module], storage: _Storage) -> list[Mapping[str, Probe]]:
    own = [_probes(storage)] if MONITOR in settings.modules else []
    return [*(plug.probes for plug in plugs), *own]


def _resources(storage: _Storage, *others: Resource) -> tuple[Resource, ...]:
    return (*storage.resources, *others)


def _probe_timeout(server_timeout_seconds: float) -> float:
    return server_timeout_seconds + 0.5


class MonitorContainer(containers.DeclarativeContainer):
    """`plugs` are those of this process, built before; `job_stores` of whichever modules it can look into."""

    settings = providers.Dependency(instance_of=Settings)
    bus = providers.Dependency(instance_of=EventBus)
    access = providers.Dependency(instance_of=Access)
    metrics = providers.Dependency(instance_of=PrometheusMetrics)
    remotes = providers.Dependency(instance_of=Remotes)
    mongo: "providers.Dependency[Any]" = providers.Dependency(default=providers.Object(None))
    plugs = providers.Dependency(instance_of=Sequence)
    job_stores = providers.Dependency(instance_of=Mapping)

    storage = providers.Selector(
        providers.Callable(scheme_of, settings.provided.store_url),
        sqlite=providers.Singleton(_sqlite, settings, metrics),
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
        providers.Callable(_all_probes, settings, plugs, storage),
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
        version=VERSION,
        data_dir=providers.Callable(str, settings.provided.data_dir),
    )
    module = providers.Singleton(
        Module,
        name=MONITOR,
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
