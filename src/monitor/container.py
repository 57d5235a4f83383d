"""Monitor's wiring."""

from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Final

from dependency_injector import containers, providers

from monitor.application.dead_letters import DeadLetters
from monitor.application.health import Health
from monitor.application.journeys import Journeys
from monitor.application.overview import Overview
from monitor.application.queues import Queues
from monitor.application.searches import Searches
from monitor.application.system import SystemSampler
from monitor.infrastructure.psutil_usage import PsutilUsage
from monitor.infrastructure.sqlite_journeys import SCHEMA, SqliteJourneys
from monitor.interface.events import subscriptions
from monitor.interface.http import build_router
from shared.infrastructure.prometheus_metrics import PrometheusMetrics
from shared.infrastructure.sqlite import SqliteDatabase
from shared.ports.event_bus import EventBus
from shared.runtime.access import Access
from shared.runtime.module import ComponentHealth, Module, Probe
from shared.settings import Settings

JOB_KINDS: Final[Mapping[str, tuple[str, ...]]] = {"process": ("process",), "search": ("index",)}
"""The kinds of jobs that each module's store holds."""


def _version() -> str:
    try:
        return version("seoga")
    except PackageNotFoundError:
        return "unknown"


def _probes(database: SqliteDatabase) -> dict[str, Probe]:
    async def store() -> ComponentHealth:
        await database.read(lambda connection: connection.execute("SELECT 1").fetchone())
        return ComponentHealth(ready=True, detail="open", required=False)

    return {"monitor.store": store}


class MonitorContainer(containers.DeclarativeContainer):
    """`components` and `job_stores` are dicts that main.py fills once every module is built."""

    settings = providers.Dependency(instance_of=Settings)
    bus = providers.Dependency(instance_of=EventBus)
    access = providers.Dependency(instance_of=Access)
    metrics = providers.Dependency(instance_of=PrometheusMetrics)
    components = providers.Dependency(instance_of=dict)
    job_stores = providers.Dependency(instance_of=dict)

    database = providers.Singleton(SqliteDatabase, settings.provided.data_dir.joinpath.call("monitor.sqlite"), SCHEMA)
    journey_store = providers.Singleton(SqliteJourneys, database)
    queues = providers.Singleton(Queues, job_stores, providers.Object(JOB_KINDS))
    searches = providers.Singleton(Searches)
    journeys = providers.Singleton(
        Journeys, journey_store, queues, metrics, stuck_after_seconds=settings.provided.stuck_after_seconds
    )
    health = providers.Singleton(Health, components)
    dead_letters = providers.Singleton(DeadLetters, bus, job_stores, journey_store)
    system = providers.Singleton(SystemSampler, providers.Singleton(PsutilUsage, settings.provided.data_dir), metrics)
    overview = providers.Singleton(Overview, journey_store, journeys, queues, dead_letters, searches, health, system)
    router = providers.Singleton(
        build_router,
        overview,
        journeys,
        health,
        dead_letters,
        metrics.provided.exposition,
        access,
        version=providers.Callable(_version),
        data_dir=providers.Callable(str, settings.provided.data_dir),
    )
    module = providers.Singleton(
        Module,
        name="monitor",
        resources=providers.List(database, system),
        router=router,
        subscriptions=providers.Singleton(subscriptions, journeys, searches),
        probes=providers.Singleton(_probes, database),
    )
