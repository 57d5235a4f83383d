"""What an engine is to the manager: texts made ready, and one forward pass over a batch of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from shared.ports.model import Vectors

EngineName = Literal["openvino", "onnx", "sentence-transformers"]
Precision = Literal["fp32", "bf16", "int8"]


@dataclass(frozen=True, slots=True)
class EngineChoice:
    """Which engine computes, and in which number format."""

    engine: EngineName
    precision: Precision

    def __str__(self) -> str:
        return f"{self.engine} {self.precision}"


@dataclass(frozen=True, slots=True)
class PreparedText:
    """A text with its prompt, and the token ids the model reads of it (special ones included, cut to the limit)."""

    text: str
    ids: Sequence[int]


class Engine(Protocol):
    """A loaded model. Every method is safe from `streams` threads at once."""

    @property
    def choice(self) -> EngineChoice:
        """What it is."""
        ...

    @property
    def device(self) -> str:
        """`cpu` or `cuda`."""
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
