"""A Qdrant index against the stand-in, for tests without a server: settings, units, and whether it serves a space."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from duty_builders import some_duties
from qdrant_stand_in import QdrantStandIn
from search_builders import SmallModel, embed

from builders import labels
from search.application.ports.chunk_index import DenseVector, Unit
from search.domain.terms import SparseVector
from search.infrastructure.qdrant.index import QdrantIndex
from search.infrastructure.qdrant.moving import MovingTimes
from shared.infrastructure.prometheus_metrics import PrometheusMetrics
from shared.kernel import DocumentId
from shared.ports.duties import DutyStore
from shared.runtime.resilience import Remotes
from shared.settings import Settings

TEA = SparseVector((7, 9), (1.0, 0.5))

AT_ONCE = MovingTimes(move_after_seconds=0.0, grace_seconds=0.0)
NOT_YET = replace(AT_ONCE, move_after_seconds=60.0)


def settings(server: QdrantStandIn | str, **given: Any) -> Settings:
    url = server if isinstance(server, str) else server.url
    # Time is what few of these tests are about, and a busy machine has little of it.
    return Settings(**{"index_url": url, "installation": "shelf", "server_timeout_seconds": 20, **given})


@asynccontextmanager
async def an_index(
    given: Settings, model: SmallModel | None = None, moving: MovingTimes = AT_ONCE, duties: DutyStore | None = None
) -> AsyncIterator[QdrantIndex]:
    """Of the only process, unless it shares `duties` with others."""
    remotes = Remotes(PrometheusMetrics())
    async with (
        some_duties() as own,
        QdrantIndex(given, model or SmallModel(), "1", duties or own, remotes, moving=moving) as index,
    ):
        yield index


def a_unit(number: int, space: str = "small-1", **changes: Any) -> Unit:
    vector = DenseVector(space, embed([f"tea {number}"])[0].tobytes())
    given: dict[str, Any] = {"dense": vector, "sparse": TEA, "labels": labels(metadata={"year": 2026, "ok": True})}
    kept = {**given, **changes}
    return Unit(DocumentId(f"d{number}"), 1, 0, "chunk", (0, 1), language="en", page=3, **kept)


def near(space: str = "small-1") -> DenseVector:
    return DenseVector(space, embed(["tea"])[0].tobytes())


async def serves(index: QdrantIndex, fingerprint: str) -> bool:
    """Also where another process moves: asking is how one learns of it."""
    await index.ready()
    return index.fingerprint == fingerprint
