"""How a collection is made: its vectors, its indexes, and what the settings have a say in."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from qdrant_client import models

from search.infrastructure.points import ANALYSIS, FLAGS, SPARSE
from shared.settings import Settings, WrongSettings

COPIED: Final = "copied"
"""The field that says a point came from another collection, and was neither written nor labelled here since."""

_KEYWORD: Final = models.PayloadSchemaType.KEYWORD
_INTEGER: Final = models.PayloadSchemaType.INTEGER
INDEXES: Final[Mapping[str, models.PayloadSchemaType | models.KeywordIndexParams]] = {
    "collection": models.KeywordIndexParams(type=models.KeywordIndexType.KEYWORD, is_tenant=True),
    "document": _KEYWORD,
    "version": _INTEGER,
    "name": _KEYWORD,
    "media_type": _KEYWORD,
    "language": _KEYWORD,
    "received_at": models.PayloadSchemaType.DATETIME,
    "page": _INTEGER,
    FLAGS: _KEYWORD,
    ANALYSIS: _KEYWORD,
}
_QUANTILE: Final = 0.99


@dataclass(frozen=True, slots=True)
class Place:
    """Where units belong: a vector space, and a version of the analysis of words."""

    space: str | None
    """None: no dense vectors."""
    dimension: int
    analysis: str

    @property
    def dense_name(self) -> str | None:
        """Each space's vectors have a name of their own: asking in the wrong collection is an error, not nonsense."""
        return None if self.space is None else f"dense-{hashed(self.space)}"


class Layout:
    """What the server is told of a new collection, and what must be true of an old one."""

    def __init__(self, settings: Settings, server: str) -> None:
        """`server` is its name in messages."""
        self._settings = settings
        self._server = server

    def creation(self, place: Place) -> dict[str, Any]:
        """All but the name."""
        settings = self._settings
        dense: dict[str, models.VectorParams] = {}
        if place.dense_name is not None:
            dense[place.dense_name] = models.VectorParams(
                size=place.dimension,
                distance=models.Distance.DOT,
                on_disk=settings.index_on_disk,
                # The artefacts have no more. A collection that was made with four bytes a number stays so.
                datatype=models.Datatype.FLOAT16,
            )
        words = models.SparseVectorParams(
            modifier=models.Modifier.IDF, index=models.SparseIndexParams(on_disk=settings.index_on_disk)
        )
        return {
            "vectors_config": dense,
            "sparse_vectors_config": {SPARSE: words},
            "hnsw_config": self._hnsw(),
            "quantization_config": self._quantization(),
            "shard_number": settings.index_shards,
            "replication_factor": settings.index_replicas,
            # A write is acknowledged by a majority, so that one machine can be lost.
            "write_consistency_factor": settings.index_replicas // 2 + 1,
            "metadata": {"space": place.space, "dimension": place.dimension, "analysis": place.analysis},
        }

    def changes(self, place: Place, info: models.CollectionInfo) -> dict[str, Any]:
        """What the settings say otherwise than the collection is, as far as it can still be changed."""
        hnsw, quantization, name = self._hnsw(), self._quantization(), place.dense_name
        vectors = info.config.params.vectors
        on_disk = bool(vectors[name].on_disk) if isinstance(vectors, dict) and name in vectors else None
        changes: dict[str, Any] = {}
        if (info.config.hnsw_config.m, info.config.hnsw_config.ef_construct) != (hnsw.m, hnsw.ef_construct):
            changes["hnsw_config"] = hnsw
        if (info.config.quantization_config is None) != (quantization is None):
            changes["quantization_config"] = quantization or models.Disabled.DISABLED
        if name is not None and on_disk is not None and on_disk != self._settings.index_on_disk:
            changes["vectors_config"] = {name: models.VectorParamsDiff(on_disk=self._settings.index_on_disk)}
        return changes

    def place_of(self, name: str, info: models.CollectionInfo) -> Place:
        """What belongs there. Raises WrongSettings when it is not as it was made."""
        metadata = info.config.metadata or {}
        try:
            place = Place(metadata["space"], int(metadata["dimension"]), str(metadata["analysis"]))
        except (KeyError, TypeError, ValueError) as error:
            raise self.changed(name, "it does not say what it is for") from error
        vectors = info.config.params.vectors
        vectors = vectors if isinstance(vectors, dict) else {} if vectors is None else {"": vectors}
        expected = {} if place.dense_name is None else {place.dense_name: (place.dimension, models.Distance.DOT)}
        found = {vector: (params.size, params.distance) for vector, params in vectors.items()}
        if found != expected:
            raise self.changed(name, f"its vectors are {_shown(found)} and not {_shown(expected)}")
        sparse = (info.config.params.sparse_vectors or {}).get(SPARSE)
        if sparse is None or sparse.modifier != models.Modifier.IDF:
            raise self.changed(name, "it has no sparse vectors weighed by IDF")
        return place

    def changed(self, name: str, what: str) -> WrongSettings:
        """The error that says so, with a remedy."""
        return WrongSettings(
            f"The collection {name!r} of Qdrant at {self._server} (SEOGA_INDEX_URL) was made or changed by "
            f"somebody else: {what}. Delete it, and the index is built again; or give this installation a name of "
            "its own with SEOGA_INSTALLATION."
        )

    def _hnsw(self) -> models.HnswConfigDiff:
        return models.HnswConfigDiff(m=self._settings.index_hnsw_m, ef_construct=self._settings.index_hnsw_ef_construct)

    def _quantization(self) -> models.ScalarQuantization | None:
        if self._settings.index_quantization == "none":
            return None
        config = models.ScalarQuantizationConfig(type=models.ScalarType.INT8, quantile=_QUANTILE, always_ram=True)
        return models.ScalarQuantization(scalar=config)


def hashed(text: str, digits: int = 8) -> str:
    """Short, and the same in every process."""
    return hashlib.sha256(text.encode()).hexdigest()[:digits]


def _shown(vectors: Mapping[str, tuple[int, models.Distance]]) -> str:
    named = [f"{name or 'unnamed'} ({size} numbers, {distance.value})" for name, (size, distance) in vectors.items()]
    return ", ".join(named) or "none"
