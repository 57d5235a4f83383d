"""Wires Search; ends in `module`."""

from pathlib import Path

from dependency_injector import containers, providers

from search.application.cleaning import Cleaning
from search.application.consumption import Consumption
from search.application.index_writer import IndexWriter
from search.application.indexing import Indexing
from search.application.labelling import Labelling
from search.application.ports import Analyzer, ChunkIndex
from search.application.probes import index_probe, model_probe, vectors_probe
from search.application.renewal import Renewal
from search.application.retrieval import Retrieval
from search.application.search_log import SearchLog
from search.application.snapshots import Snapshots
from search.infrastructure.kiwi_analyzer import KiwiAnalyzer
from search.infrastructure.sqlite_live_store import SqliteLiveStore
from search.infrastructure.sqlite_renewals import SqliteRenewals
from search.interface.events import subscriptions
from search.interface.http import build_router
from shared.infrastructure.sqlite import SqliteDatabase, SqliteFacts
from shared.infrastructure.sqlite_jobs import SqliteJobs
from shared.ports.event_bus import EventBus
from shared.ports.model import Model
from shared.ports.storage import BlobStore, Cache
from shared.runtime.access import Access
from shared.runtime.module import Module
from shared.settings import Settings
from shared.telemetry import Metrics

NAME = "search"
_SCHEMA = SqliteLiveStore.SCHEMA + SqliteRenewals.SCHEMA + SqliteJobs.SCHEMA + SqliteFacts.SCHEMA


def _scheme(url: str) -> str:
    return url.partition(":")[0]


def _edge_index(data_dir: Path, model: Model, analyzer: Analyzer) -> ChunkIndex:
    from search.infrastructure.edge_index import EdgeIndex

    return EdgeIndex(data_dir / "index", model, analyzer.version)


class SearchContainer(containers.DeclarativeContainer):
    """main.py gives what is declared as a dependency."""

    settings = providers.Dependency(instance_of=Settings)
    bus = providers.Dependency(instance_of=EventBus)
    blobs = providers.Dependency(instance_of=BlobStore)
    model = providers.Dependency(instance_of=Model)
    cache = providers.Dependency(instance_of=Cache)
    access = providers.Dependency(instance_of=Access)
    metrics = providers.Dependency(instance_of=Metrics)

    database = providers.Singleton(
        SqliteDatabase, settings.provided.data_dir.joinpath.call("search.sqlite"), schema=_SCHEMA
    )
    facts = providers.Singleton(SqliteFacts, database, producer=NAME)
    jobs = providers.Singleton(SqliteJobs, database, facts)
    store = providers.Singleton(SqliteLiveStore, database, facts)
    renewals = providers.Singleton(SqliteRenewals, database, facts)
    analyzer = providers.Singleton(KiwiAnalyzer)
    index = providers.Selector(
        providers.Callable(_scheme, settings.provided.index_url),
        edge=providers.Singleton(_edge_index, settings.provided.data_dir, model, analyzer),
    )
    writer = providers.Singleton(IndexWriter, index)
    snapshots = providers.Singleton(Snapshots, store)
    labelling = providers.Singleton(Labelling, index, store)
    cleaning = providers.Singleton(
        Cleaning,
        blobs=blobs,
        analyzer=analyzer,
        index=index,
        writer=writer,
        store=store,
        snapshots=snapshots,
        labelling=labelling,
    )
    indexing = providers.Singleton(
        Indexing,
        blobs=blobs,
        analyzer=analyzer,
        index=index,
        writer=writer,
        store=store,
        labelling=labelling,
        cleaning=cleaning,
        metrics=metrics,
    )
    consumption = providers.Singleton(Consumption, store=store, jobs=jobs, labelling=labelling, cleaning=cleaning)
    renewal = providers.Singleton(Renewal, index=index, store=store, renewals=renewals, model=model, metrics=metrics)
    search_log = providers.Singleton(SearchLog, bus, producer=NAME)
    retrieval = providers.Singleton(
        Retrieval,
        index=index,
        store=store,
        snapshots=snapshots,
        analyzer=analyzer,
        model=model,
        renewal=renewal,
        cache=cache,
        search_log=search_log,
        metrics=metrics,
    )

    module = providers.Singleton(
        Module,
        name=NAME,
        resources=providers.List(database, store, index, analyzer, writer, cleaning, renewal, search_log),
        router=providers.Singleton(build_router, retrieval, access),
        subscriptions=providers.Singleton(subscriptions, consumption),
        jobs=providers.List(indexing),
        job_store=jobs,
        outbox=facts,
        probes=providers.Dict(
            {
                "search.index": providers.Singleton(index_probe, index),
                "search.model": providers.Singleton(model_probe, model),
                "search.vectors": providers.Singleton(vectors_probe, renewal),
            }
        ),
    )
