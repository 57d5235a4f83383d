"""The shared adapters, chosen by URL scheme; a driver is imported only when its adapter is."""

from urllib.parse import urlsplit

from dependency_injector import containers, providers

from shared.infrastructure.prometheus_metrics import PrometheusMetrics
from shared.model.manager import ModelManager
from shared.ports.event_bus import EventBus
from shared.ports.storage import BlobStore, Cache
from shared.runtime.access import Access
from shared.settings import Settings

_MEMORY_CACHE_BYTES = 64 << 20


def _scheme(url: str) -> str:
    return urlsplit(url).scheme


def _sqlite_events(settings: Settings) -> EventBus:
    from shared.infrastructure.sqlite_event_log import SqliteEventLog

    return SqliteEventLog(settings.data_dir / "events.sqlite")


def _file_blobs(settings: Settings) -> BlobStore:
    from shared.infrastructure.file_blobs import FileBlobs

    return FileBlobs(settings.data_dir / "blobs", min_free_bytes=settings.min_free_bytes)


def _memory_cache() -> Cache:
    from shared.infrastructure.memory_cache import MemoryCache

    return MemoryCache(_MEMORY_CACHE_BYTES)


class SharedContainer(containers.DeclarativeContainer):
    """One of each for the whole application."""

    settings = providers.Dependency(instance_of=Settings)

    metrics = providers.Singleton(PrometheusMetrics)
    access = providers.Singleton(Access.from_file, settings.provided.api_keys_file)
    bus = providers.Selector(
        providers.Callable(_scheme, settings.provided.events_url),
        sqlite=providers.Singleton(_sqlite_events, settings),
    )
    blobs = providers.Selector(
        providers.Callable(_scheme, settings.provided.blobs_url),
        file=providers.Singleton(_file_blobs, settings),
    )
    model = providers.Singleton(ModelManager, settings, metrics)
    cache = providers.Selector(
        providers.Callable(_scheme, settings.provided.cache_url),
        memory=providers.Singleton(_memory_cache),
    )
