"""The vectors that a document's chunks leave: short, near what was embedded, and read however old they are."""

import io
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest

from shared.artefacts.vectors import ChunkVectors

LEAST_COSINE = 0.9995
"""What embedding promises of the vectors of different engines."""


def unit_rows(rows: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)


def alike(count: int, dimension: int) -> npt.NDArray[np.float32]:
    return unit_rows(np.random.default_rng(7).standard_normal((count, dimension)))


def outstanding(count: int, dimension: int) -> npt.NDArray[np.float32]:
    """In each block of any size, one number stands far above the others, which lie where rounding takes most."""
    rows = np.full((count, dimension), 0.5 / 127)
    rows[:, ::16] = 1
    return unit_rows(rows)


def artefact(vectors: npt.NDArray[np.float32]) -> ChunkVectors:
    return ChunkVectors(np.arange(len(vectors), dtype=np.int32) * 3, vectors)


@pytest.mark.parametrize("rows", [alike, outstanding])
@pytest.mark.parametrize("dimension", [1, 8, 31, 32, 100, 384, 1024])
def test_what_is_read_is_near_what_was_embedded(
    rows: Callable[[int, int], npt.NDArray[np.float32]], dimension: int
) -> None:
    vectors = rows(20, dimension)
    read = ChunkVectors.from_bytes(artefact(vectors).to_bytes())
    assert read.ordinals.tolist() == list(range(0, 60, 3))
    assert read.vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(read.vectors, axis=1), 1, atol=1e-6)
    assert (read.vectors * vectors).sum(axis=1).min() >= LEAST_COSINE


def test_a_number_takes_little_more_than_a_byte() -> None:
    vectors = alike(10, 384)
    assert len(artefact(vectors).to_bytes()) < 1.1 * vectors.size


def test_nothing_and_a_vector_of_zeros_stay_what_they_are() -> None:
    none = ChunkVectors.from_bytes(artefact(np.empty((0, 384), dtype=np.float32)).to_bytes())
    assert none.vectors.shape == (0, 384)
    zeros = ChunkVectors.from_bytes(artefact(np.zeros((2, 384), dtype=np.float32)).to_bytes())
    assert not zeros.vectors.any()


@pytest.mark.parametrize("number", [np.float16, np.float32])
def test_what_earlier_versions_left_is_read(number: type[np.floating]) -> None:
    vectors, out = alike(5, 384), io.BytesIO()
    np.save(out, np.arange(5, dtype=np.int32), allow_pickle=False)
    np.save(out, vectors.astype(number), allow_pickle=False)
    read = ChunkVectors.from_bytes(out.getvalue())
    assert read.ordinals.tolist() == [0, 1, 2, 3, 4]
    assert read.vectors.dtype == np.float32
    assert np.array_equal(read.vectors, vectors.astype(number).astype(np.float32))


def test_what_is_cut_off_or_longer_is_told() -> None:
    raw = artefact(alike(3, 40)).to_bytes()
    for wrong in (raw[:6], raw[:10], raw[:-1], raw + b"\0", b"{}"):
        with pytest.raises(ValueError):
            ChunkVectors.from_bytes(wrong)
