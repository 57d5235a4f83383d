"""An installation of its own on the Qdrant that tests may use, what is put there and what is found."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
from duty_builders import some_duties
from search_builders import SmallModel, embed
from servers import qdrant_url

from builders import labels
from search.application.ports.chunk_index import DenseVector, Unit
from search.application.ports.versions import DocumentVersion
from search.domain.filters import parse_filters
from search.domain.terms import SparseVector
from search.infrastructure.qdrant.index import QdrantIndex
from search.infrastructure.qdrant.moving import MovingTimes
from shared.infrastructure.prometheus_metrics import PrometheusMetrics
from shared.kernel import DocumentId, new_id
from shared.ports.duties import DutyStore
from shared.ports.model import Model
from shared.runtime.resilience import Remotes
from shared.settings import Settings

TEA = SparseVector((7,), (1.0,))
"""What every unit here says."""


@dataclass
class AShelf:
    """One installation; indexes opened side by side are like those of several processes."""

    settings: Settings
    rest: httpx.AsyncClient
    duties: DutyStore
    moving: MovingTimes
    """Of every index that is opened from now on."""

    def index(self, model: Model, analysis: str = "1", **settings: Any) -> QdrantIndex:
        given = Settings(index_url=self.settings.index_url, installation=self.settings.installation, **settings)
        return QdrantIndex(given, model, analysis, self.duties, Remotes(PrometheusMetrics()), moving=self.moving)

    @property
    def alias(self) -> str:
        return f"{self.settings.installation}-chunks"

    async def collections(self) -> list[str]:
        """Their names, in order."""
        found = (await self.rest.get("/collections")).json()["result"]["collections"]
        return sorted(one["name"] for one in found if one["name"].startswith(f"{self.alias}-"))

    async def aliases(self) -> dict[str, str]:
        found = (await self.rest.get("/aliases")).json()["result"]["aliases"]
        named = {one["alias_name"]: one["collection_name"] for one in found}
        return {name: of for name, of in named.items() if name.startswith(self.alias)}

    async def info(self) -> dict[str, Any]:
        """Of the collection that serves."""
        found: dict[str, Any] = (await self.rest.get(f"/collections/{self.alias}")).json()["result"]
        return found


@asynccontextmanager
async def a_shelf(moving: MovingTimes | None = None) -> AsyncIterator[AShelf]:
    """Removed afterwards. Skips the test where there is no server."""
    url = qdrant_url()
    settings = Settings(index_url=url, installation=f"t{new_id()[:8]}")
    address = url.replace("qdrant", "http", 1)
    async with httpx.AsyncClient(base_url=address, trust_env=False) as rest, some_duties() as duties:
        shelf = AShelf(settings, rest, duties, moving or MovingTimes())
        try:
            yield shelf
        finally:
            for name in await shelf.collections():
                await rest.delete(f"/collections/{name}")


def a_unit(number: int, space: str = "small-1", name: str = "notes.txt", **changes: Any) -> Unit:
    vector = DenseVector(space, embed([f"tea {number}"])[0].tobytes())
    given: dict[str, Any] = {"dense": vector, "sparse": TEA, "labels": labels(name=name)}
    kept = {**given, **changes}
    return Unit(DocumentId(f"d{number}"), 1, 0, "chunk", (0,), language="en", page=None, **kept)


async def fill(index: QdrantIndex, numbers: Iterable[int], space: str = "small-1") -> None:
    units = [a_unit(number, space) for number in numbers]
    for start in range(0, len(units), 500):
        await index.upsert(units[start : start + 500])


async def by_words(index: QdrantIndex, **filters: str) -> set[str]:
    answer = await index.search(dense=None, sparse=TEA, filters=parse_filters(filters), limit=3000)
    return {unit.document_id for unit in answer.sparse}


async def by_vector(index: QdrantIndex, space: str) -> set[str]:
    vector = DenseVector(space, embed(["tea"])[0].tobytes())
    answer = await index.search(dense=vector, sparse=None, limit=3000)
    return {unit.document_id for unit in answer.dense}


def documents(numbers: Iterable[int]) -> set[str]:
    return {f"d{number}" for number in numbers}


def versions(numbers: Iterable[int]) -> list[DocumentVersion]:
    return [(DocumentId(f"d{number}"), 1) for number in numbers]


@asynccontextmanager
async def a_process(shelf: AShelf, fingerprint: str = "small-1", **how: Any) -> AsyncIterator[QdrantIndex]:
    model = how.pop("model", None) or SmallModel(fingerprint=fingerprint)
    async with shelf.index(model, **how) as index:
        await index.ready()
        yield index
