"""What an engine is to the manager: texts made ready, and one forward pass over a batch of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from shared.ports.model import Vectors


@dataclass(frozen=True, slots=True)
class PreparedText:
    """A text with its prompt, and the token ids the model reads of it (special ones included, cut to the limit)."""

    text: str
    ids: Sequence[int]


class Engine(Protocol):
    """A loaded model. Every method is safe from `streams` threads at once."""

    @property
    def name(self) -> str:
        """As in SEOGA_MODEL_ENGINE."""
        ...

    @property
    def precision(self) -> str:
        """Number format of the weights as they are computed with."""
        ...

    @property
    def streams(self) -> int:
        """How many batches it runs fastest side by side."""
        ...

    @property
    def batch_tokens(self) -> int:
        """Padded tokens of one batch with which it is fastest."""
        ...

    def prepare(self, texts: Sequence[str]) -> list[PreparedText]:
        """Tokenises, in order."""
        ...

    def run(self, batch: Sequence[PreparedText]) -> Vectors:
        """One pass: row i is the model's own vector of text i (length 1 only if the model normalises)."""
        ...

    def close(self) -> None:
        """Gives the memory back; no other call follows."""
        ...
