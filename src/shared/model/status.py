"""How the models are now, for people and programs."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from shared.model.fallback import FallbackStep
    from shared.model.files.artefact_cache import CacheStatistics, Origin
    from shared.model.tuning.comparing import EngineTable

ModelState = Literal["unloaded", "loading", "ready", "failed", "unloading", "unavailable"]
"""`unavailable`: this machine lacks what the model needs, and loading it would only say so again."""


@dataclass(frozen=True, slots=True)
class Transition:
    """A change of state, and why."""

    at: datetime
    state: ModelState
    reason: str | None


@dataclass(frozen=True, slots=True)
class SlotStatus:
    """One moment of a model's slot. None where it is not known before the model is loaded."""

    state: ModelState
    loads: int
    """Successful loads since the process started, reloads included."""
    failed_loads: int
    load_seconds: float | None
    """How long the last successful load took."""
    loaded_at: datetime | None
    uses: int
    """Calls that used it."""
    last_used_at: datetime | None
    in_use: int
    """Calls that use it now."""
    waiting: int
    """Calls that wait for it to be loaded."""
    memory_before_bytes: int | None
    """Resident memory of this process before the last load, and after it."""
    memory_after_bytes: int | None
    memory_bytes: int | None
    """What the model takes: the difference, or the memory of the process it lives in."""
    last_error: str | None
    history: tuple[Transition, ...]
    """Changes of state, the oldest first."""


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
    is_measuring: bool
    """Whether the engines of this machine are being compared now."""
    table: "EngineTable | None"
    """What the comparison said."""
    cache: "CacheStatistics | None"


@dataclass(frozen=True, slots=True)
class PictureModelStatus:
    """A model that looks at pictures."""

    name: str | None
    """None while it is not loaded."""
    slot: SlotStatus


@dataclass(frozen=True, slots=True)
class ModelsStatus:
    """All models of one manager."""

    embedding: ModelStatus
    pictures: Mapping[str, PictureModelStatus]
