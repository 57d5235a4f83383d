"""A query's vector moved toward the passages that its first ranking has best."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from search.application.ports.chunk_index import ChunkIndex, DenseVector, ScoredUnit

_NUMBERS: Final = "<f4"


async def moved(
    index: ChunkIndex, query: DenseVector, examples: Sequence[tuple[ScoredUnit, float]], strength: float
) -> DenseVector | None:
    """Toward the mean of the examples' vectors, each with its weight, by so many lengths of its own (which is 1).

    None: none of them has a vector in its space. Raises Unavailable.
    """
    vectors = await index.vectors([unit for unit, _ in examples])
    rows, weights = [], []
    for vector, (_, weight) in zip(vectors, examples, strict=True):
        if vector is not None and vector.space == query.space:
            rows.append(np.frombuffer(vector.values, dtype=_NUMBERS))
            weights.append(weight)
    if not rows:
        return None
    mean = _unit(np.average(rows, axis=0, weights=weights))
    there = _unit(np.frombuffer(query.values, dtype=_NUMBERS) + strength * mean)
    return DenseVector(query.space, there.astype(_NUMBERS).tobytes())


def _unit(vector: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
    length = float(np.linalg.norm(vector))
    return vector / length if length > 0 else vector
