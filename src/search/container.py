"""Wires Search; ends in `module`."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dependency_injector import containers, providers

from search.application.cleaning import Cleaning, CleaningTimes
from search.application.consumption import Consumption
from search.application.evaluations import Evaluations
from search.application.index_writer import IndexWriter
from search.application.indexing import Indexing
from search.application.labelling import Labelling
from search.application.lexicons import Lexicons
from search.application.misspellings import Misspellings
from search.application.nightly import NightlyTimes
from search.application.ports.analysis import Analyzer
from search.application.ports.chunk_index import ChunkIndex
from search.application.ports.evaluations import EvaluationStore
from search.application.ports.lexicons import LexiconStore
from search.application.ports.live_store import LiveStore
from search.application.ports.renewals import RenewalStore
from search.application.probes import index_probe, model_probe, vectors_probe
from search.application.renewal import Renewal, RenewalTimes
from search.application.reranking import reranking_of
from search.application.retrieval import Retrieval, RetrievalTimes
from search.application.search_log import SearchLog
from search.application.served import LiveDocuments
from search.application.similarity import Similarity
from search.application.snapshots import Snapshots
from search.application.tariff import Tariff
from search.application.tariff_mentions import TariffMentions
from search.application.vocabulary import Vocabulary, VocabularyTimes
from search.application.wholeness import Wholeness
from search.chat.container import ChatContainer
from search.chat.interface.pages import PAGES as CHAT_PAGES
from search.infrastructure.kiwi_analyzer import KiwiAnalyzer
from search.infrastructure.nomenclature import PackagedNomenclature
from search.interface.evaluation.nightly import build_nightly
from search.interface.events import subscriptions
from search.interface.http import build_router
from search.interface.pages import PAGES
from shared.disk_reserve import DiskReserve
from shared.ports.duties import DutyStore
from shared.ports.event_bus import EventBus
from shared.ports.health import Probe
from shared.ports.jobs import JobStore
from shared.ports.model import Model
from shared.ports.outbox import Outbox
from shared.ports.storage import BlobStore, Cache
from shared.runtime.belonging import INDEX, Belonging, Part
from shared.runtime.module import Module, Resource
from shared.runtime.resilience import Remotes
from shared.settings import Settings, scheme_of
from shared.telemetry import Metrics
from shared.vocabulary import SEARCH
from shared.web.access import Access

if TYPE_CHECKING:
    from search.infrastructure.edge.times import EdgeIndexTimes
    from shared.infrastructure.mongo.database import MongoDatabase


@dataclass(frozen=True, slots=True)
class _Storage:
    live: LiveStore
    renewals: RenewalStore
    evaluations: EvaluationStore
    lexicons: LexiconStore
    jobs: JobStore
    duties: DutyStore
    facts: Outbox
    resources: tuple[Resource, ...]
    probe: Probe
    parts: tuple[Part, ...] = ()


def _sqlite(settings: Settings, metrics: Metrics) -> _Storage:
    from search.infrastructure.sqlite.evaluations import SqliteEvaluations
    from search.infrastructure.sqlite.lexicons import SqliteLexicons
    from search.infrastructure.sqlite.live_store import SqliteLiveStore
    from search.infrastructure.sqlite.renewals import SqliteRenewals
    from shared.infrastructure.sqlite.database import SqliteDatabase, SqliteFacts
    from shared.infrastructure.sqlite.duties import SqliteDuties
    from shared.infrastructure.sqlite.jobs import SqliteJobs
    from shared.infrastructure.sqlite.mark import SqliteMark

    schema = SqliteLiveStore.SCHEMA + SqliteRenewals.SCHEMA + SqliteJobs.SCHEMA
    schema += SqliteEvaluations.SCHEMA + SqliteLexicons.SCHEMA
    schema += SqliteDuties.SCHEMA + SqliteFacts.SCHEMA + SqliteMark.SCHEMA
    database = SqliteDatabase(settings.data_dir / f"{SEARCH}.sqlite", schema=schema, metrics=metrics)
    facts, duties = SqliteFacts(database, producer=SEARCH), SqliteDuties(database)
    live, renewals, jobs = (
        SqliteLiveStore(database, facts),
        SqliteRenewals(database, facts),
        SqliteJobs(database, facts),
    )
    part = Part(database.path.name, SqliteMark(database, ("documents", "versions")), accounts_for=(INDEX,))
    return _Storage(
        live=live,
        renewals=renewals,
        evaluations=SqliteEvaluations(database),
        lexicons=SqliteLexicons(database),
        jobs=jobs,
        duties=duties,
        facts=facts,
        resources=(database, duties, live),
        probe=database.check,
        parts=(part,),
    )


def _mongo(database: "MongoDatabase", longest_search_seconds: float | None) -> _Storage:
    from search.infrastructure.mongo.evaluations import MongoEvaluations
    from search.infrastructure.mongo.lexicons import MongoLexicons
    from search.infrastructure.mongo.live_store import MongoLiveStore
    from search.infrastructure.mongo.records import RECORDS
    from search.infrastructure.mongo.renewals import MongoRenewals
    from shared.infrastructure.mongo.duties import MongoDuties
    from shared.infrastructure.mongo.facts import MongoFacts
    from shared.infrastructure.mongo.jobs import MongoJobs

    facts = MongoFacts(database, SEARCH, (RECORDS, f"{SEARCH}_jobs"))
    times = {} if longest_search_seconds is None else {"longest_search_seconds": longest_search_seconds}
    live = MongoLiveStore(database, facts, **times)
    renewals, jobs = MongoRenewals(database, facts), MongoJobs(database, facts)
    return _Storage(
        live=live,
        renewals=renewals,
        evaluations=MongoEvaluations(database),
        lexicons=MongoLexicons(database),
        jobs=jobs,
        duties=MongoDuties(database, SEARCH),
        facts=facts,
        resources=(),
        probe=database.check,
    )


def _resources(storage: _Storage, marks: Sequence[Resource], *others: Resource | None) -> tuple[Resource, ...]:
    return (*storage.resources, *marks, *(other for other in others if other is not None))


def _routes(own: Any, of_chat: Any) -> Any:
    own.take(of_chat)
    return own


def _index_parts(settings: Settings) -> tuple[Part, ...]:
    """An index on a server says by its name whose it is."""
    if scheme_of(settings.index_url) != "edge":
        return ()
    from shared.infrastructure.files.mark import FolderMark

    return (Part(INDEX, FolderMark(settings.data_dir / "index", ("*/complete",))),)


def _parts(storage: _Storage, index_parts: tuple[Part, ...]) -> tuple[Part, ...]:
    return (*storage.parts, *index_parts)


def _marks(index_parts: tuple[Part, ...]) -> Sequence[Resource]:
    return [part.mark for part in index_parts if isinstance(part.mark, AbstractAsyncContextManager)]


def _edge_index(
    settings: Settings, model: Model, analyzer: Analyzer, metrics: Metrics, times: "EdgeIndexTimes | None"
) -> ChunkIndex:
    from search.infrastructure.edge.index import EdgeIndex
    from search.infrastructure.edge.times import EdgeIndexTimes

    return EdgeIndex(
        settings.data_dir / "index",
        model,
        analyzer.version,
        metrics,
        reserve=DiskReserve(settings.data_dir, settings.reserve_bytes),
        trash_seconds=settings.trash_days * 86400,
        times=times or EdgeIndexTimes(),
    )


def _qdrant_index(
    settings: Settings, model: Model, analyzer: Analyzer, duties: DutyStore, remotes: Remotes
) -> ChunkIndex:
    from search.infrastructure.qdrant.index import QdrantIndex

    return QdrantIndex(settings, model, analyzer.version, duties, remotes)


class SearchContainer(containers.DeclarativeContainer):
    """main.py gives what is declared as a dependency."""

    settings = providers.Dependency(instance_of=Settings)
    bus = providers.Dependency(instance_of=EventBus)
    blobs = providers.Dependency(instance_of=BlobStore)
    model = providers.Dependency(instance_of=Model)
    cache = providers.Dependency(instance_of=Cache)
    access = providers.Dependency(instance_of=Access)
    metrics = providers.Dependency(instance_of=Metrics)
    belonging = providers.Dependency(instance_of=Belonging)
    remotes = providers.Dependency(instance_of=Remotes)
    mongo: "providers.Dependency[Any]" = providers.Dependency(default=providers.Object(None))
    reranker: "providers.Dependency[Any]" = providers.Dependency(default=providers.Object(None))

    cleaning_times = providers.Object(CleaningTimes())
    renewal_times = providers.Object(RenewalTimes())
    nightly_times = providers.Object(NightlyTimes())
    retrieval_times = providers.Object(RetrievalTimes())
    # None: as the adapter says, which is imported only where it is chosen.
    vocabulary_times = providers.Object(VocabularyTimes())
    edge_times: "providers.Object[EdgeIndexTimes | None]" = providers.Object(None)
    longest_search_seconds: "providers.Object[float | None]" = providers.Object(None)

    storage = providers.Selector(
        providers.Callable(scheme_of, settings.provided.store_url),
        sqlite=providers.Singleton(_sqlite, settings, metrics),
        mongodb=providers.Singleton(_mongo, mongo, longest_search_seconds),
    )
    facts = storage.provided.facts
    jobs = storage.provided.jobs
    duties = storage.provided.duties
    store = storage.provided.live
    renewals = storage.provided.renewals
    served = providers.Singleton(LiveDocuments, store)
    analyzer = providers.Singleton(KiwiAnalyzer)
    index = providers.Selector(
        providers.Callable(scheme_of, settings.provided.index_url),
        edge=providers.Singleton(_edge_index, settings, model, analyzer, metrics, edge_times),
        qdrant=providers.Singleton(_qdrant_index, settings, model, analyzer, duties, remotes),
    )
    wholeness = providers.Singleton(Wholeness, index, store)
    index_parts = providers.Singleton(_index_parts, settings)
    writer = providers.Singleton(IndexWriter, index)
    snapshots = providers.Singleton(Snapshots, store)
    labelling = providers.Singleton(Labelling, index, store, blobs, analyzer)
    cleaning = providers.Singleton(
        Cleaning,
        blobs=blobs,
        analyzer=analyzer,
        index=index,
        writer=writer,
        store=store,
        jobs=jobs,
        duties=duties,
        snapshots=snapshots,
        labelling=labelling,
        wholeness=wholeness,
        bus=bus,
        belonging=belonging,
        metrics=metrics,
        times=cleaning_times,
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
    renewal = providers.Singleton(
        Renewal,
        index=index,
        store=store,
        renewals=renewals,
        duties=duties,
        model=model,
        metrics=metrics,
        times=renewal_times,
    )
    vocabulary = providers.Singleton(Vocabulary, store, analyzer.provided.stem, times=vocabulary_times)
    search_log = providers.Singleton(SearchLog, bus, producer=SEARCH)
    lexicons = providers.Singleton(Lexicons, storage.provided.lexicons, analyzer)
    retrieval = providers.Singleton(
        Retrieval,
        index=index,
        store=store,
        snapshots=snapshots,
        wholeness=wholeness,
        analyzer=analyzer,
        model=model,
        renewal=renewal,
        misspellings=providers.Singleton(
            Misspellings, vocabulary=vocabulary, analyzer=analyzer, model=model, index=index
        ),
        lexicons=lexicons,
        cache=cache,
        search_log=search_log,
        metrics=metrics,
        reranking=providers.Singleton(
            reranking_of, reranker, store, cache, metrics, most=settings.provided.rerank_top_k
        ),
        times=retrieval_times,
    )

    similarity = providers.Singleton(
        Similarity, index=index, store=store, snapshots=snapshots, blobs=blobs, analyzer=analyzer
    )

    evaluations = providers.Singleton(
        Evaluations,
        retrieval=retrieval,
        live=store,
        store=storage.provided.evaluations,
        metrics=metrics,
    )

    nightly = providers.Singleton(build_nightly, settings, evaluations, duties, metrics, nightly_times)

    nomenclature = providers.Singleton(PackagedNomenclature)
    tariff = providers.Singleton(Tariff, nomenclature, analyzer)
    mentions = providers.Singleton(TariffMentions, retrieval, tariff)

    chat = providers.Container(
        ChatContainer,
        retrieval=retrieval,
        index=index,
        model=model,
        analyzer=analyzer,
        tariff=tariff,
        settings=settings,
        search_log=search_log,
        cache=cache,
        access=access,
        metrics=metrics,
        remotes=remotes,
    )

    module = providers.Singleton(
        Module,
        name=SEARCH,
        resources=providers.Callable(
            _resources,
            storage,
            providers.Callable(_marks, index_parts),
            index,
            analyzer,
            writer,
            cleaning,
            renewal,
            search_log,
            vocabulary,
            nightly,
            chat.knowledge,
            chat.language_model,
            chat.history,
            chat.running,
        ),
        router=providers.Singleton(
            _routes,
            providers.Singleton(
                build_router,
                retrieval=retrieval,
                similarity=similarity,
                evaluations=evaluations,
                vocabulary=vocabulary,
                lexicons=lexicons,
                tariff=tariff,
                mentions=mentions,
                access=access,
                cleaning=cleaning,
            ),
            chat.router,
        ),
        subscriptions=providers.Singleton(subscriptions, consumption),
        jobs=providers.List(indexing),
        job_store=jobs,
        outbox=facts,
        probes=providers.Dict(
            {
                "search.store": storage.provided.probe,
                "search.index": providers.Singleton(index_probe, index, wholeness),
                "search.model": providers.Singleton(model_probe, model),
                "search.vectors": providers.Singleton(vectors_probe, renewal),
                "search.collection": cleaning.provided.check,
                "search.chat": chat.history.provided.check,
            }
        ),
        parts=providers.Callable(_parts, storage, index_parts),
        pages=providers.Object((*PAGES, *CHAT_PAGES)),
    )
