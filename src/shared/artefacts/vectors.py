"""The embed stage's artefact: one vector per embedded chunk."""

import io
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from shared.ports.model import Vectors


@dataclass(frozen=True, slots=True)
class ChunkVectors:
    """`vectors[i]` (float32, length 1) belongs to the chunk with ordinal `ordinals[i]` (int32).

    Chunks in a language the model does not read have no vector.
    """

    schema_version: ClassVar[int] = 1

    ordinals: npt.NDArray[np.int32]
    vectors: Vectors

    def to_bytes(self) -> bytes:
        """Two NumPy arrays (format 1.0) one after the other, no pickle.

        Vectors as float16: half the room, for an error of at most 2^-11 of each number, which changes a cosine by some
        1e-7. Engines differ by more.
        """
        out = io.BytesIO()
        np.save(out, self.ordinals, allow_pickle=False)
        np.save(out, self.vectors.astype(np.float16), allow_pickle=False)
        return out.getvalue()

    @classmethod
    def from_bytes(cls, raw: bytes) -> "ChunkVectors":
        """Raises ValueError for what is not this artefact. Older ones have float32."""
        source = io.BytesIO(raw)
        ordinals = np.load(source, allow_pickle=False)
        vectors = np.load(source, allow_pickle=False)
        if ordinals.shape[0] != vectors.shape[0]:
            raise ValueError(f"{ordinals.shape[0]} ordinals for {vectors.shape[0]} vectors")
        return cls(ordinals=ordinals, vectors=vectors.astype(np.float32, copy=False))
