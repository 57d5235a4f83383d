"""Monitor's wiring."""

import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from dependency_injector import containers, providers

from monitor.application.alert_feed import AlertFeed
from monitor.application.alert_ports import AlertRepository, MetricRepository
from monitor.application.alert_rules import AlertRules
from monitor.application.announcing import OutboxSink
from monitor.application.board import Board
from monitor.application.channels import Channels
from monitor.application.collection import Collection, Source
from monitor.application.dead_letters import DeadLetters
from monitor.application.evaluation import Evaluation
from monitor.application.exposition import Exposition
from monitor.application.health import Health
from monitor.application.journeys import Journeys
from monitor.application.listening import Listening
from monitor.application.machine import Machine, Stalls
from monitor.application.newest import INSTANCE, Newest
from monitor.application.notification import Notifier
from monitor.application.notification_ports import ChannelStore, DeliveryStore, Notification
from monitor.application.overview import Overview
from monitor.application.passing import Passing
from monitor.application.ports import JourneyStore
from monitor.application.queues import Queues
from monitor.application.retention import JourneyRetention
from monitor.application.searches import Searches
from monitor.application.series import MetricHistory
from monitor.application.stage_progress import StageProgress
from monitor.application.system import SystemSampler
from monitor.domain.channel import ChannelKind
from monitor.domain.targets import Targets
from monitor.infrastructure.guarded_http import GuardedHttp
from monitor.infrastructure.psutil_machine import PsutilMachine
from monitor.infrastructure.psutil_usage import PsutilUsage, started_at
from monitor.infrastructure.slack import SlackNotification
from monitor.infrastructure.smtp import SmtpNotification
from monitor.infrastructure.target_guard import TargetGuard
from monitor.infrastructure.webhook import WebhookNotification
from monitor.interface.alerts import build_alert_router
from monitor.interface.channels import build_channel_router
from monitor.interface.events import Heard, subscriptions
from monitor.interface.health import build_health_router
from monitor.interface.http import build_router
from monitor.interface.pages import PAGES
from monitor.interface.stream import build_stream_router
from shared.infrastructure.metric_catalogue import HELP
from shared.infrastructure.prometheus_metrics import PrometheusMetrics
from shared.kernel import StoreDamaged
from shared.ports.duties import DutyStore
from shared.ports.event_bus import EventBus
from shared.ports.health import ComponentHealth, Probe
from shared.ports.storage import Cache
from shared.runtime.belonging import Part
from shared.runtime.module import Module, Resource
from shared.runtime.resilience import Remotes
from shared.settings import Settings, round_seconds, scheme_of
from shared.telemetry import Metrics
from shared.version import VERSION
from shared.vocabulary import JOB_KINDS, MONITOR
from shared.web.access import Access
from shared.web.audit_trail import AuditTrail

if TYPE_CHECKING:
    from shared.infrastructure.mongo.database import MongoDatabase


@dataclass(frozen=True, slots=True)
class _Storage:
    journeys: JourneyStore
    channels: ChannelStore
    deliveries: DeliveryStore
    duties: DutyStore
    metrics: MetricRepository
    alerts: AlertRepository
    resources: tuple[Resource, ...]
    probe: Probe
    parts: tuple[Part, ...] = ()


def _sqlite(settings: Settings, metrics: Metrics) -> _Storage:
    from monitor.infrastructure import (
        sqlite_alerts,
        sqlite_channels,
        sqlite_deliveries,
        sqlite_journeys,
        sqlite_metrics,
    )
    from shared.infrastructure.sqlite.database import SqliteDatabase
    from shared.infrastructure.sqlite.duties import SqliteDuties
    from shared.infrastructure.sqlite.mark import SqliteMark

    schema = sqlite_journeys.SCHEMA + sqlite_channels.SCHEMA + sqlite_deliveries.SCHEMA
    schema += sqlite_metrics.SCHEMA + sqlite_alerts.SCHEMA
    schema += SqliteDuties.SCHEMA + SqliteMark.SCHEMA
    database = SqliteDatabase(settings.data_dir / f"{MONITOR}.sqlite", schema, metrics=metrics)
    duties = SqliteDuties(database)
    return _Storage(
        sqlite_journeys.SqliteJourneys(database),
        sqlite_channels.SqliteChannels(database),
        sqlite_deliveries.SqliteDeliveries(database),
        duties,
        sqlite_metrics.SqliteMetrics(database),
        sqlite_alerts.SqliteAlerts(database),
        (database, duties),
        database.check,
        (Part(database.path.name, SqliteMark(database, ("documents", "journeys"))),),
    )


def _mongo(database: "MongoDatabase") -> _Storage:
    from monitor.infrastructure.mongo_alerts import MongoAlerts
    from monitor.infrastructure.mongo_channels import MongoChannels
    from monitor.infrastructure.mongo_deliveries import MongoDeliveries
    from monitor.infrastructure.mongo_journeys import MongoJourneys
    from monitor.infrastructure.mongo_metrics import MongoMetrics
    from shared.infrastructure.mongo.duties import MongoDuties

    return _Storage(
        MongoJourneys(database),
        MongoChannels(database),
        MongoDeliveries(database),
        MongoDuties(database, MONITOR),
        MongoMetrics(database),
        MongoAlerts(database),
        (),
        database.check,
    )


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


def _where_it_watches(settings: Settings, overview: Callable[[], Overview]) -> Overview | None:
    return overview() if MONITOR in settings.modules else None


def _senders(settings: Settings) -> Mapping[ChannelKind, Notification]:
    guard = TargetGuard(Targets.of(settings.notify_hosts))
    http = GuardedHttp(guard, settings.tls_ca_file)
    return {
        ChannelKind.EMAIL: SmtpNotification(guard, ca_file=settings.tls_ca_file),
        ChannelKind.WEBHOOK: WebhookNotification(http),
        ChannelKind.SLACK: SlackNotification(http),
    }


def _link(settings: Settings) -> str:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"{settings.public_url or f'http://{host}:{settings.port}'}/monitor"


SHARED: Final = frozenset(
    {
        *("documents", "documents_finished_rate", "documents_passed_rate", "documents_failed_ratio"),
        *("documents_stuck", "dead_letters"),
        *("search_recent_seconds", "search_cached_ratio", "search_empty_ratio"),
        *("jobs_waiting", "jobs_running", "jobs_oldest_waiting_seconds"),
    }
)
"""What every monitor of an installation sees alike."""


def _board(settings: Settings) -> Board:
    # Where several processes may watch, each says which one it is.
    several = scheme_of(settings.store_url) != "sqlite"
    labels = ((INSTANCE, f"{socket.gethostname()}:{settings.port}"),) if several else ()
    return Board(labels, shared=SHARED)


def _sources(
    exposition: Exposition, health: Health, machine: Machine, stalls: Stalls, newest: Newest
) -> Sequence[Source]:
    told = (Source("newest", 5.0, newest.tell),) if newest.is_shared else ()
    return (
        Source("machine", 10.0, machine.look),
        # An alert must not be held up by one look: what is not well is looked at again before it is told.
        # Who is silent is told of within half a minute, over two questions: ten seconds more between them are too many.
        Source("components", 5.0, exposition.show_components, lambda: health.is_unsettled),
        Source("work", 10.0, exposition.show_work),
        Source("stalls", 10.0, stalls.look),
        *told,
    )


def _evaluation(feed: AlertFeed, *given: Any, **named: Any) -> Evaluation:
    evaluation = Evaluation(*given, **named)
    evaluation.changed = feed.tell
    return evaluation


def _waking(evaluation: Evaluation, feed: AlertFeed) -> Callable[[], object]:
    def wake() -> None:
        evaluation.wake()
        feed.wake()

    return wake


def _progress_every(stuck_after_seconds: float) -> float:
    # So much later a document may look as if it had stood still.
    return min(5.0, stuck_after_seconds / 10)


def _probe_timeout(server_timeout_seconds: float) -> float:
    return server_timeout_seconds + 0.5


class MonitorContainer(containers.DeclarativeContainer):
    """`plugs` are those of this process, built before; `job_stores` of whichever modules it can look into."""

    settings = providers.Dependency(instance_of=Settings)
    bus = providers.Dependency(instance_of=EventBus)
    access = providers.Dependency(instance_of=Access)
    audit = providers.Dependency(instance_of=AuditTrail)
    metrics = providers.Dependency(instance_of=PrometheusMetrics)
    remotes = providers.Dependency(instance_of=Remotes)
    cache = providers.Dependency(instance_of=Cache)
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
    passing = providers.Singleton(Passing)
    journeys = providers.Singleton(
        Journeys, journey_store, queues, metrics, stuck_after_seconds=settings.provided.stuck_after_seconds
    )
    progress = providers.Singleton(
        StageProgress,
        journey_store,
        every_seconds=providers.Callable(_progress_every, settings.provided.stuck_after_seconds),
    )
    listening = providers.Singleton(Listening, bus, journeys, searches, passing)
    retention = providers.Singleton(
        JourneyRetention,
        journey_store,
        metrics,
        retention_seconds=settings.provided.journeys_retention_seconds,
        every_seconds=providers.Callable(round_seconds, settings.provided.journeys_retention_seconds),
    )
    health = providers.Singleton(
        Health,
        providers.Callable(_all_probes, settings, plugs, storage),
        # A server that does not answer is named by its adapter, which gives up a little earlier.
        probe_timeout_seconds=providers.Callable(_probe_timeout, settings.provided.server_timeout_seconds),
    )
    dead_letters = providers.Singleton(DeadLetters, bus, job_stores, journey_store)
    system = providers.Singleton(SystemSampler, providers.Singleton(PsutilUsage, settings.provided.data_dir), metrics)
    overview = providers.Singleton(
        Overview, journey_store, journeys, queues, dead_letters, searches, passing, health, system, remotes
    )
    exposition = providers.Singleton(
        Exposition,
        bus,
        metrics,
        metrics.provided.exposition,
        health,
        providers.Callable(_where_it_watches, settings, overview.provider),
        started_at=providers.Callable(started_at),
    )
    senders = providers.Singleton(_senders, settings)
    notifier = providers.Singleton(
        Notifier, storage.provided.channels, storage.provided.deliveries, storage.provided.duties, senders, metrics
    )
    alert_sink = providers.Singleton(OutboxSink, notifier, link=providers.Callable(_link, settings))
    channels = providers.Singleton(
        Channels,
        storage.provided.channels,
        storage.provided.deliveries,
        senders,
        notifier,
        link=providers.Callable(_link, settings),
    )
    board = providers.Singleton(_board, settings)
    newest = providers.Singleton(Newest, board, cache)
    collection = providers.Singleton(
        Collection,
        board,
        storage.provided.metrics,
        metrics,
        metrics,
        providers.Callable(
            _sources,
            exposition,
            health,
            providers.Singleton(Machine, providers.Singleton(PsutilMachine), metrics),
            providers.Singleton(Stalls, board, metrics),
            newest,
        ),
    )
    history = providers.Singleton(
        MetricHistory, board, storage.provided.metrics, collection, providers.Object(HELP), newest
    )
    feed = providers.Singleton(AlertFeed, storage.provided.alerts)
    evaluation = providers.Singleton(
        _evaluation,
        feed,
        board,
        storage.provided.alerts,
        storage.provided.metrics,
        alert_sink,
        metrics,
        storage.provided.duties,
        shared=providers.Object(SHARED),
    )
    rules = providers.Singleton(
        AlertRules,
        storage.provided.alerts,
        health,
        history.provided.known,
        providers.Callable(_waking, evaluation, feed),
    )
    router = providers.Singleton(
        build_router,
        overview,
        journeys,
        health,
        dead_letters,
        access,
        audit,
        version=VERSION,
        data_dir=providers.Callable(str, settings.provided.data_dir),
        more=providers.List(
            providers.Singleton(build_channel_router, channels, access),
            providers.Singleton(build_alert_router, rules, history, access),
            providers.Singleton(
                build_stream_router,
                overview,
                feed,
                access,
                version=VERSION,
                data_dir=providers.Callable(str, settings.provided.data_dir),
            ),
        ),
    )
    heard = providers.Singleton(Heard, journeys, progress)
    module = providers.Singleton(
        Module,
        name=MONITOR,
        resources=providers.Callable(
            _resources, storage, listening, progress, retention, notifier, collection, evaluation, feed
        ),
        router=router,
        subscriptions=providers.Singleton(subscriptions, heard),
        # A journey is a function of the set of its steps.
        events_in_order=False,
        events_together=heard.provided.together,
        probes=providers.Singleton(_probes, storage),
        pages=PAGES,
    )
    process = providers.Singleton(
        Module,
        name="process.health",
        resources=providers.List(system),
        router=providers.Singleton(build_health_router, health, exposition, access),
    )
    """What every process shows of itself, whatever its modules."""
