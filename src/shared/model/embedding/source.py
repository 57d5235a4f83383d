"""What is read of the embedding model before its weights are: its files' words, its tokenizer, its fingerprint."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from shared.model.files.artefact_cache import ArtefactCache
from shared.model.files.config import ModelConfig, model_config
from shared.model.files.pinned import weights_sha256
from shared.model.files.tokens import ModelTokenizer
from shared.ports.model import ModelDescription
from shared.settings import Settings

T = TypeVar("T")


class Once(Generic[T]):
    """A value made at the first call, once however many threads ask; a failure is not kept."""

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._made: list[T] = []

    @property
    def is_made(self) -> bool:
        """Whether `get` would answer at once."""
        return bool(self._made)

    def get(self) -> T:
        """The value; raises what making it raises."""
        if not self._made:
            with self._lock:
                if not self._made:
                    self._made.append(self._make())
        return self._made[0]


@dataclass(frozen=True, slots=True)
class Source:
    """One set of settings and what the model says under them."""

    settings: Settings
    config: Once[ModelConfig]
    tokenizer: Once[ModelTokenizer]
    description: Once[ModelDescription]

    @classmethod
    def of(cls, settings: Settings, artefacts: ArtefactCache) -> "Source":
        """Reads nothing yet."""
        config = Once(lambda: model_config(settings))
        return cls(
            settings,
            config,
            Once(lambda: ModelTokenizer(config.get())),
            Once(lambda: _describe(config.get(), artefacts)),
        )


def _describe(config: ModelConfig, artefacts: ArtefactCache) -> ModelDescription:
    return ModelDescription(
        name=config.name,
        dimension=config.dimension,
        max_tokens=config.max_tokens,
        languages=config.languages,
        fingerprint=config.fingerprint(weights_sha256(config, artefacts)),
    )
