"""How Search is, in words."""

from search.application.ports import ChunkIndex
from shared.kernel import Unavailable
from shared.ports.model import Model
from shared.runtime.module import ComponentHealth, Probe


def index_probe(index: ChunkIndex) -> Probe:
    """Ready once the index answers."""

    async def probe() -> ComponentHealth:
        try:
            await index.ready()
            return ComponentHealth(True, f"{await index.size():,} units")
        except Unavailable as error:
            return ComponentHealth(False, error.detail)

    return probe


def model_probe(model: Model) -> Probe:
    """Not required: without the model, search goes by words alone and says so."""

    async def probe() -> ComponentHealth:
        try:
            name = model.describe().name
        except Unavailable as error:
            return ComponentHealth(False, error.detail, required=False)
        return ComponentHealth(True, f"{name}, {'loaded' if model.is_loaded else 'loads when needed'}", required=False)

    return probe
