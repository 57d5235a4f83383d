"""The one embedding model that every part shares."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

Vectors = npt.NDArray[np.float32]
"""Shape (n, dimension), C-contiguous, each row of Euclidean length 1."""

TextKind = Literal["query", "passage"]


@dataclass(frozen=True, slots=True)
class ModelDescription:
    """What a consumer must know of the model; known without loading its weights."""

    name: str
    dimension: int
    max_tokens: int
    """Longest text in model tokens, special ones included; the rest of a longer text is not read."""
    languages: frozenset[str]
    """ISO 639-1 codes the model understands; a text in another language gets no useful vector."""
    fingerprint: str
    """Names the vector space: weights + tokenizer + pooling + normalisation + prompts + maximum length."""


@dataclass(frozen=True, slots=True)
class Embedded:
    """Vectors, and how many model tokens were read for them."""

    vectors: Vectors
    tokens: int
    """Special tokens and prompts included."""


@runtime_checkable
class Model(Protocol):
    """Lazy: the first call loads, and N first calls load once. Safe from any coroutine."""

    def describe(self) -> ModelDescription:
        """Reads configuration files only. Raises Unavailable when the model is not on this machine."""
        ...

    async def embed(self, texts: Sequence[str], *, kind: TextKind) -> Vectors:
        """The vectors of `embed_counted`, for who does not count; adapters inherit it."""
        return (await self.embed_counted(texts, kind=kind)).vectors

    async def embed_counted(
        self, texts: Sequence[str], *, kind: TextKind, prompt: bool = True, normalise: bool = True
    ) -> Embedded:
        """One row per text, in their order, with the tokens read; of no texts the shape is (0, dimension).

        Queries go before passages. `prompt` False leaves out what the model wants before such texts; `normalise`
        False gives the model's own vectors, of length 1 only if the model makes them so. Cancelling it takes the
        texts that have not run yet out of the queue. Raises Unavailable while the model cannot be loaded, with the
        cause.
        """
        ...

    async def check(self, deadline_seconds: float) -> None:
        """A real embedding, if the model is loaded: never loads it, and is no use of it.

        Raises Unavailable when it fails or is not done in time.
        """
        ...

    async def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Model tokens of each text, without special tokens and without truncation; needs no weights."""
        ...

    @property
    def is_loaded(self) -> bool:
        """Whether `embed` would answer without loading first."""
        ...
