"""What health tells of the index: an embedded one is counted, one on a server speaks for itself."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from duty_builders import some_duties
from live_store_builders import sqlite_search_store
from qdrant_stand_in import QdrantStandIn, a_qdrant_stand_in
from search_builders import SmallModel, a_search

from builders import eventually
from search.application.probes import index_probe
from search.application.wholeness import Wholeness
from search.infrastructure.qdrant.index import QdrantIndex
from shared.infrastructure.prometheus_metrics import PrometheusMetrics
from shared.ports.health import ComponentHealth
from shared.runtime.resilience import Remotes
from shared.settings import Settings


@pytest.fixture
def server() -> Iterator[QdrantStandIn]:
    with a_qdrant_stand_in() as server:
        yield server


async def test_an_embedded_index_is_counted(tmp_path: Path) -> None:
    async with a_search(tmp_path) as search:
        await search.add("tea", "coffee")
        assert await index_probe(search.index, search.container.wholeness())() == ComponentHealth(True, "2 units")


async def test_an_index_on_a_server_tells_which_collection_serves_and_when_the_server_is_in_trouble(
    server: QdrantStandIn, tmp_path: Path
) -> None:
    given = Settings(index_url=server.url, installation="shelf")
    remotes = Remotes(PrometheusMetrics())
    async with (
        some_duties() as duties,
        QdrantIndex(given, SmallModel(), "1", duties, remotes) as index,
        sqlite_search_store(tmp_path) as open_it,
        open_it() as store,
    ):
        await eventually(lambda: index.fingerprint == "small-1")
        (name,) = server.collections
        wholeness = Wholeness(index, store.live)
        assert await index_probe(index, wholeness)() == ComponentHealth(
            True, f"0 units in {name} of Qdrant {server.version}"
        )
        server.trouble = (503, "Service unavailable")
        health = await index_probe(index, wholeness)()
        assert not health.ready and health.required
