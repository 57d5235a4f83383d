"""The embed stage's artefact: one vector per embedded chunk."""

import io
import struct
from dataclasses import dataclass
from typing import ClassVar, Final

import numpy as np
import numpy.typing as npt

from shared.ports.model import Vectors

# A Seoga that reads NumPy arrays alone takes this for no artefact, and makes its own.
_MAGIC: Final = b"\x89SGV\x02\r\n\n"
_SIZES: Final = struct.Struct("<II")
_BLOCK: Final = 32
_STEPS: Final = 127


@dataclass(frozen=True, slots=True)
class ChunkVectors:
    """`vectors[i]` (float32, length 1) belongs to the chunk with ordinal `ordinals[i]` (int32).

    Chunks in a language the model does not read have no vector.
    """

    schema_version: ClassVar[int] = 2

    ordinals: npt.NDArray[np.int32]
    vectors: Vectors

    def to_bytes(self) -> bytes:
        """`_MAGIC`, how many vectors of how many numbers, ordinals (int32), sizes (float16), numbers (int8).

        A number is so many 127ths of the largest of its block of 32, which is the block's size. The cosine to what was
        embedded is 0.99998 where numbers are alike, and above 0.9997 whatever they are: no number is off by more than
        half a 127th of its block's largest, so no block by more than a 45th of its length.
        """
        numbers, sizes = _shortened(self.vectors)
        head = _MAGIC + _SIZES.pack(*numbers.shape)
        return b"".join((head, self.ordinals.astype("<i4").tobytes(), sizes.astype("<f2").tobytes(), numbers.tobytes()))

    @classmethod
    def from_bytes(cls, raw: bytes) -> "ChunkVectors":
        """Raises ValueError for what is not this artefact, EOFError for nothing."""
        return cls(*(_read(raw) if raw.startswith(_MAGIC) else _read_arrays(raw)))


def _shortened(vectors: Vectors) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.float16]]:
    """Each block's numbers, and its size."""
    count, dimension = vectors.shape
    blocks = _blocks(dimension)
    rows = np.zeros((count, blocks * _BLOCK), dtype=np.float32)
    rows[:, :dimension] = vectors
    padded = rows.reshape(count, blocks, _BLOCK)
    sizes = np.abs(padded).max(axis=2, initial=0.0).astype(np.float16)
    steps = np.where(sizes > 0, sizes, 1).astype(np.float32)[:, :, np.newaxis] / _STEPS
    # The size may have been rounded down.
    numbers = np.clip(np.rint(padded / steps), -_STEPS, _STEPS).astype(np.int8)
    return numbers.reshape(count, blocks * _BLOCK)[:, :dimension], sizes


def _read(raw: bytes) -> tuple[npt.NDArray[np.int32], Vectors]:
    try:
        count, dimension = _SIZES.unpack_from(raw, len(_MAGIC))
    except struct.error as error:
        raise ValueError(f"the head of its vectors is cut off: {error}") from error
    start, blocks = len(_MAGIC) + _SIZES.size, _blocks(dimension)
    if len(raw) != start + count * (4 + 2 * blocks + dimension):
        raise ValueError(f"{len(raw)} bytes for {count} vectors of {dimension} numbers")
    ordinals = np.frombuffer(raw, "<i4", count, start).astype(np.int32)
    sizes = np.frombuffer(raw, "<f2", count * blocks, start + 4 * count).reshape(count, blocks)
    numbers = np.frombuffer(raw, np.int8, count * dimension, len(raw) - count * dimension).reshape(count, dimension)
    steps = np.repeat(sizes.astype(np.float32) / _STEPS, _BLOCK, axis=1)[:, :dimension]
    vectors = numbers * steps
    # Rounding changes a length, too.
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True).astype(np.float32)
    lengths[lengths == 0] = 1
    return ordinals, vectors / lengths


def _read_arrays(raw: bytes) -> tuple[npt.NDArray[np.int32], Vectors]:
    """What an earlier Seoga left: two NumPy arrays (format 1.0), the vectors as float16 or float32."""
    source = io.BytesIO(raw)
    ordinals = np.load(source, allow_pickle=False)
    vectors = np.load(source, allow_pickle=False)
    if ordinals.shape[0] != vectors.shape[0]:
        raise ValueError(f"{ordinals.shape[0]} ordinals for {vectors.shape[0]} vectors")
    return ordinals, vectors.astype(np.float32, copy=False)


def _blocks(dimension: int) -> int:
    return -(-dimension // _BLOCK)
