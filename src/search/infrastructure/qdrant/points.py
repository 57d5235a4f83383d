"""Units as points of a Qdrant collection, and points as scored units."""

from array import array
from collections.abc import Sequence
from typing import Any, Final

from qdrant_client import models

from search.application.ports.chunk_index import DenseVector, ScoredUnit, Unit
from search.domain.terms import SparseVector
from search.infrastructure.payloads import unit_payload
from search.infrastructure.points import ANALYSIS, REFERENCE_FIELDS, SPARSE, point_id
from search.infrastructure.qdrant.layout import Place
from shared.kernel import DocumentId

MOST_UNITS: Final = 125
"""Units a request: a megabyte of JSON, which holds up the event loop for 12 ms."""


def to_point(unit: Unit, place: Place, analysis_version: str) -> models.PointStruct:
    """With the unit's vectors as far as they belong into the place; its words were analysed by this version."""
    identity = (unit.document_id, unit.version, unit.ordinal, unit.kind, list(unit.chunk_ordinals))
    vectors: dict[str, Any] = {}
    if unit.dense is not None and unit.dense.space == place.space and place.dense_name is not None:
        vectors[place.dense_name] = floats(unit.dense)
    if unit.sparse is not None:
        vectors[SPARSE] = sparse_vector(unit.sparse)
    payload = {**dict(zip(REFERENCE_FIELDS, identity, strict=True)), **unit_payload(unit), ANALYSIS: analysis_version}
    point = str(point_id(unit.document_id, unit.version, unit.ordinal, unit.kind))
    return models.PointStruct(id=point, vector=vectors, payload=payload)


def to_units(points: Sequence[models.ScoredPoint]) -> list[ScoredUnit]:
    """What a search listed, in its order."""
    found = []
    for point in points:
        document, version, ordinal, kind, chunks = ((point.payload or {})[field] for field in REFERENCE_FIELDS)
        found.append(ScoredUnit(DocumentId(document), version, ordinal, kind, tuple(chunks), point.score))
    return found


def floats(vector: DenseVector) -> list[float]:
    """Its numbers."""
    return array("f", vector.values).tolist()


def from_floats(space: str, numbers: object) -> DenseVector | None:
    """The inverse; None for what is no plain vector."""
    return DenseVector(space, array("f", numbers).tobytes()) if isinstance(numbers, list) else None


def sparse_vector(vector: SparseVector) -> models.SparseVector:
    """As the server takes it."""
    return models.SparseVector(indices=list(vector.indices), values=list(vector.values))
