"""How Search is, in words."""

from dataclasses import replace
from typing import Final

from search.application.ports.chunk_index import ChunkIndex
from search.application.renewal import Renewal
from search.application.wholeness import Wholeness
from shared.kernel import Unavailable
from shared.ports.health import Checked, ComponentHealth, Probe
from shared.ports.model import Model
from shared.runtime.round_trip import RoundTrip

_MOST_COUNTED: Final = 10_000
"""Counting costs a millisecond for a thousand."""


def index_probe(index: ChunkIndex, wholeness: Wholeness) -> Probe:
    """Ready once the index answers, also while lost units are built again; one on a server says itself how it is."""

    async def probe() -> ComponentHealth:
        try:
            await index.ready()
            if isinstance(index, Checked):
                health = await index.check()
            else:
                health = ComponentHealth(True, f"{await index.size():,} units")
            if await wholeness.is_known_whole():
                return health
            return replace(health, detail=f"{health.detail}; lost ones are being built again from what was processed")
        except Unavailable as error:
            return ComponentHealth(False, error.detail)

    return probe


def model_probe(model: Model, *, check_seconds: float = 2.0, every_seconds: float = 30.0) -> Probe:
    """A real embedding, once the model is loaded. Not required: without it search goes by words alone and says so."""
    embedding = RoundTrip(lambda: model.check(check_seconds), every_seconds=every_seconds)

    async def probe() -> ComponentHealth:
        try:
            name = model.describe().name
            await embedding.look()
        except Unavailable as error:
            return ComponentHealth(False, error.detail, required=False)
        return ComponentHealth(True, f"{name}, {'loaded' if model.is_loaded else 'loads when needed'}", required=False)

    return probe


def vectors_probe(renewal: Renewal) -> Probe:
    """Not required: documents that wait for the present model's vectors are found by words meanwhile."""

    async def probe() -> ComponentHealth:
        try:
            outdated = await renewal.count_outdated(most=_MOST_COUNTED)
        except Unavailable as error:
            return ComponentHealth(False, error.detail, required=False)
        if outdated:
            count = f"{outdated:,} documents" if outdated < _MOST_COUNTED else f"{outdated:,} documents or more"
            return ComponentHealth(True, f"{count} wait for the vectors of the present model", required=False)
        return ComponentHealth(True, "every document has the vectors of the present model", required=False)

    return probe
