"""An encoder's tensors by the names that BERT gives them, from whichever file they lie in."""

from pathlib import Path
from typing import Any, Final, Protocol, cast

import numpy as np
from safetensors import safe_open
from typing_extensions import override

from shared.model.files.config import ModelConfig
from shared.model.files.e5s1 import Blocks, E5s1File
from shared.model.graph.nodes import Array

WORDS: Final = "embeddings.word_embeddings.weight"
_E5S1_NAMES: Final = {
    WORDS: "emb.word",
    "embeddings.position_embeddings.weight": "emb.pos",
    "embeddings.token_type_embeddings.weight": "emb.type",
    "embeddings.LayerNorm": "emb.ln",
    "attention.self.query": "q",
    "attention.self.key": "k",
    "attention.self.value": "v",
    "attention.output.dense": "ao",
    "attention.output.LayerNorm": "aln",
    "intermediate.dense": "fi",
    "output.dense": "fo",
    "output.LayerNorm": "oln",
}
_E5S1_ENDS: Final = {".weight": ".w", ".bias": ".b"}


class UnsupportedArchitecture(Exception):
    """There is no graph for this kind of encoder."""


class Weights(Protocol):
    """Tensors by name, as float32; KeyError or the file's own error for what is not there."""

    def __contains__(self, name: str) -> bool: ...

    def __getitem__(self, name: str) -> Array: ...

    def blocks(self, name: str) -> Blocks | None:
        """The tensor as it lies in the file, where that is in blocks of four bits."""
        ...


def weights_of(config: ModelConfig) -> Weights:
    """The weights of a model that our builder has a graph for. Raises UnsupportedArchitecture, Unavailable."""
    return E5s1Weights(config.weights) if config.in_blocks else SafetensorsWeights(config.weights)


class SafetensorsWeights(Weights):
    """A safetensors file, without the prefix a head's class gives its tensors."""

    def __init__(self, path: Path) -> None:
        self._file = cast(Any, safe_open(path, framework="np"))
        self._names: set[str] = set(self._file.keys())
        prefixes = [name.removesuffix(WORDS) for name in self._names if name.endswith(WORDS)]
        if len(prefixes) != 1:
            raise UnsupportedArchitecture(f"no {WORDS} in {path.name}")
        self._prefix = prefixes[0]

    @override
    def __contains__(self, name: str) -> bool:
        return self._prefix + name in self._names

    @override
    def __getitem__(self, name: str) -> Array:
        # A head's own tensors lie beside the encoder's, whose prefix they lack.
        full = self._prefix + name if name in self else name
        return np.asarray(self._file.get_tensor(full), dtype=np.float32)

    @override
    def blocks(self, name: str) -> Blocks | None:
        return None


class E5s1Weights(Weights):
    """An E5S1 file, whose names are short."""

    def __init__(self, path: Path) -> None:
        self._file = E5s1File(path)

    @override
    def __contains__(self, name: str) -> bool:
        return True  # the file has every tensor of a BERT, or could not be opened

    @override
    def __getitem__(self, name: str) -> Array:
        return self._file.floats(_short(name))

    @override
    def blocks(self, name: str) -> Blocks | None:
        short = _short(name)
        return self._file.blocks(short) if self._file.is_in_blocks(short) else None


def _short(name: str) -> str:
    """`encoder.layer.3.attention.self.query.weight` → `l3.q.w`."""
    if name in _E5S1_NAMES:
        return _E5S1_NAMES[name]
    stem, dot, end = name.rpartition(".")
    end = _E5S1_ENDS[dot + end]
    if stem.startswith("encoder.layer."):
        number, _, inside = stem.removeprefix("encoder.layer.").partition(".")
        return f"l{number}.{_E5S1_NAMES[inside]}{end}"
    return _E5S1_NAMES[stem] + end
