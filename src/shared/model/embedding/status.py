"""How the embedding model is now, for people and programs."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared.model.lifecycle.status import SlotStatus

if TYPE_CHECKING:
    from shared.model.embedding.fallback import FallbackStep
    from shared.model.files.artefact_cache import CacheStatistics, Origin
    from shared.model.tuning.comparing import EngineTable
    from shared.model.tuning.waiting import ComparisonState


@dataclass(frozen=True, slots=True)
class ModelStatus:
    """The embedding model. None where it is not known before the model is found or loaded."""

    name: str | None
    slot: SlotStatus
    engine: str
    """The loaded one, else the one asked for."""
    precision: str | None
    device: str | None
    dimension: int | None
    max_tokens: int | None
    languages: tuple[str, ...]
    fingerprint: str | None
    embedded_texts: int
    waiting_texts: int
    """Texts handed in and not yet answered."""
    artefact: "Origin | None"
    """`hit`, `built` or `rebuilt`: how the disk cache served the last load; None for an engine without one."""
    fallbacks: "tuple[FallbackStep, ...]"
    """What was tried in vain before the engine that is loaded."""
    comparison: "ComparisonState | None"
    """Whether the engines of this machine are being compared, or wait for the model to have nothing to do."""
    table: "EngineTable | None"
    """What the comparison said."""
    cache: "CacheStatistics | None"
