"""How the model is now, for people and programs."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

ModelState = Literal["unloaded", "loading", "ready", "failed"]


@dataclass(frozen=True, slots=True)
class ModelStatus:
    """One moment of the ModelManager. None where it is not known before the model is loaded or found."""

    name: str | None
    state: ModelState
    engine: str
    precision: str | None
    dimension: int | None
    max_tokens: int | None
    languages: tuple[str, ...]
    fingerprint: str | None
    loads: int
    """Successful loads since the process started."""
    failed_loads: int
    load_seconds: float | None
    """How long the last successful load took."""
    loaded_at: datetime | None
    last_used_at: datetime | None
    embedded_texts: int
    waiting_texts: int
    """Texts handed in and not yet answered."""
    artefact: str | None
    """`hit`, `built` or `rebuilt`: how the disk cache served the last load; None for an engine without one."""
    last_error: str | None
