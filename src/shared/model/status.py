"""How all models of one manager are now, for people and programs."""

from collections.abc import Mapping
from dataclasses import dataclass

from shared.model.embedding.status import ModelStatus
from shared.model.lifecycle.status import SlotStatus


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
    reranker: SlotStatus | None = None
    """Of the cross-encoder that runs here; None where none is named."""
