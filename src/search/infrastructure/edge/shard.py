"""One Qdrant Edge shard: points with the dense vectors of one space, sparse vectors and payload, in a folder."""

import time
from array import array
from collections.abc import Collection, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any, Final, cast
from uuid import UUID

import qdrant_edge as edge

from search.infrastructure.edge.folders import COMPLETE, mark_complete
from search.infrastructure.points import FLAGS, REFERENCE_FIELDS, SPARSE, flag, payload_path, point_id

DENSE: Final = "dense"
_INDEXES: Final = {
    "document": edge.PayloadSchemaType.Keyword,
    "version": edge.PayloadSchemaType.Integer,
    "collection": edge.PayloadSchemaType.Keyword,
    "name": edge.PayloadSchemaType.Keyword,
    "media_type": edge.PayloadSchemaType.Keyword,
    "language": edge.PayloadSchemaType.Keyword,
    "received_at": edge.PayloadSchemaType.Datetime,
    "page": edge.PayloadSchemaType.Integer,
}
_MOST_REFERENCES: Final = 60_000
_MOST_COUNTS: Final = 200

Reference = tuple[str, int, int, str, list[int]]
"""Document, version, unit ordinal, kind, chunk ordinals."""


class ShardLocked(Exception):
    """Another process holds the shard."""


class Shard:
    """Opened once. Not safe between threads; the child has one."""

    def __init__(self, path: str, space: str | None) -> None:
        """`space` names the only one whose dense vectors it takes and finds; None: it has none."""
        self.path = Path(path)
        self.space = space
        self._shard: Any = None
        # What a point stands for never changes, and reading payloads costs more than the search itself.
        self._references: dict[int, Reference] = {}
        self._counts: dict[Any, int] = {}

    def open(
        self, dimension: int, wait_seconds: float, *, is_complete: bool = True, retry_seconds: float = 0.05
    ) -> None:
        """Creates the shard if it is not there. Raises ShardLocked after waiting for another owner."""
        deadline = time.monotonic() + wait_seconds
        while True:
            try:
                self._shard = self._open(dimension)
                if is_complete:
                    self.complete()
                return
            except Exception as error:
                if "WouldBlock" not in str(error):
                    raise
                if time.monotonic() >= deadline:
                    raise ShardLocked(str(error)) from error
                time.sleep(retry_seconds)

    def complete(self) -> None:
        """From now on the folder is known to hold everything."""
        if not (self.path / COMPLETE).exists():
            self._shard.flush()
            mark_complete(self.path, self.space)

    def _open(self, dimension: int) -> Any:
        folder = self.path
        if (folder / COMPLETE).exists():
            return edge.EdgeShard.load(str(folder))
        folder.mkdir(parents=True, exist_ok=True)
        config = edge.EdgeConfig(
            vectors={DENSE: edge.EdgeVectorParams(dimension, edge.Distance.Dot)},
            sparse_vectors={SPARSE: edge.EdgeSparseVectorParams(modifier=edge.Modifier.Idf)},
        )
        try:
            shard = edge.EdgeShard.create(str(folder), config)
        except Exception as error:
            if "WouldBlock" in str(error):
                raise
            # A kill while it was being made: load what there is.
            shard = edge.EdgeShard.load(str(folder))
        for field, schema in _INDEXES.items():
            shard.update(edge.UpdateOperation.create_field_index(field, schema))
        return shard

    def upsert(self, units: Sequence[dict[str, Any]]) -> None:
        """Each unit: document, version, unit, kind, chunks, space, dense and sparse as bytes, payload."""
        self._counts.clear()
        points = []
        for unit in units:
            identity = (unit["document"], unit["version"], unit["unit"], unit["kind"], unit["chunks"])
            point = point_id(*identity[:4])
            vectors: dict[str, Any] = {}
            if unit["dense"] is not None and unit["space"] == self.space:
                vectors[DENSE] = _floats(unit["dense"]).tolist()
            if unit["indices"] is not None:
                vectors[SPARSE] = edge.SparseVector(_numbers(unit["indices"]), _floats(unit["values"]).tolist())
            payload = {**dict(zip(REFERENCE_FIELDS, identity, strict=True)), **unit["payload"]}
            points.append(edge.Point(str(point), vectors, payload))
            if len(self._references) < _MOST_REFERENCES:
                self._references[point.int] = identity
        if points:
            self._shard.update(edge.UpdateOperation.upsert_points(points))

    def delete(self, versions: Sequence[tuple[str, int]]) -> None:
        """All points of each (document, version)."""
        self._counts.clear()
        if versions:
            either: list[Any] = [
                edge.Filter(must=[_is("document", document), _is("version", version)]) for document, version in versions
            ]
            self._shard.update(edge.UpdateOperation.delete_points_by_filter(edge.Filter(should=either)))

    def set_payload(self, document: str, payload: dict[str, Any]) -> None:
        """Replaces these fields on all points of the document."""
        self._counts.clear()
        own = edge.Filter(must=[_is("document", document)])
        self._shard.update(edge.UpdateOperation.set_payload_by_filter(own, payload))

    def flush(self) -> None:
        """To disk."""
        self._shard.flush()

    def size(self) -> int:
        """Points in the shard."""
        count: int = self._shard.count(edge.CountRequest(True))
        return count

    def search(
        self,
        space: str | None,
        dense: bytes | None,
        indices: bytes | None,
        values: bytes | None,
        conditions: list[dict[str, Any]],
        limit: int,
        window: int,
    ) -> dict[str, Any]:
        """Both lists of [reference…, score], the number of matches in the window, and whether that is all."""
        if space != self.space:
            dense = None
        where = _filter(conditions)
        queries = []
        if dense is not None:
            near = edge.Query.Nearest(_floats(dense).tolist(), using=DENSE)
            queries.append(edge.QueryRequest(limit=limit, query=near, filter=where))
        if indices is not None:
            terms = edge.SparseVector(_numbers(indices), _floats(values or b"").tolist())
            shared = edge.Query.Nearest(terms, using=SPARSE)
            queries.append(edge.QueryRequest(limit=limit, query=shared, filter=where))
        lists = self._shard.query_batch(edge.QueryBatchRequest(queries)) if queries else []
        dense_points = lists.pop(0) if dense is not None else []
        sparse_points = lists.pop(0) if indices is not None else []
        found_dense, found_sparse = _scores(dense_points), _scores(sparse_points)
        references = self._resolve(found_dense.keys() | found_sparse.keys())
        total = self._total(found_dense, found_sparse, dense, indices, values, conditions, limit, window)
        return {
            "dense": [(*references[point], score) for point, score in found_dense.items() if point in references],
            "sparse": [(*references[point], score) for point, score in found_sparse.items() if point in references],
            "total": min(total, window),
            "exact": total <= window,
        }

    def _total(
        self,
        found_dense: Collection[int],
        found_sparse: Collection[int],
        dense: bytes | None,
        indices: bytes | None,
        values: bytes | None,
        conditions: list[dict[str, Any]],
        limit: int,
        window: int,
    ) -> int:
        """Distinct matches, counted no further than just beyond the window."""
        if len(found_dense) < limit and len(found_sparse) < limit:
            return len({*found_dense, *found_sparse})
        with_dense = 0
        if dense is not None:
            # Whatever has a dense vector matches; how many depends on the filter alone.
            with_dense = self._count(conditions)
            if with_dense > window or indices is None:
                return with_dense
        terms = edge.SparseVector(_numbers(indices or b""), _floats(values or b"").tolist())
        without_dense = _filter(conditions, without_dense=dense is not None)
        request = edge.QueryRequest(
            limit=window + 1, query=edge.Query.Nearest(terms, using=SPARSE), filter=without_dense
        )
        return with_dense + len(self._shard.query(request))

    def _count(self, conditions: list[dict[str, Any]]) -> int:
        key = repr(conditions)
        count = self._counts.get(key)
        if count is None:
            if len(self._counts) >= _MOST_COUNTS:
                self._counts.clear()
            count = self._shard.count(edge.CountRequest(True, _filter(conditions, with_dense=True)))
            self._counts[key] = count
        return count

    def _resolve(self, points: AbstractSet[int]) -> dict[int, Reference]:
        known = self._references
        missing: AbstractSet[int] = points - known.keys()
        if missing:
            if len(known) > _MOST_REFERENCES:
                known.clear()
                missing = points
            for record in self._shard.retrieve([UUID(int=point) for point in missing], REFERENCE_FIELDS, False):
                payload = record.payload
                values = (payload[field] for field in REFERENCE_FIELDS)
                known[record.id.int] = cast(Reference, tuple(values))
        return known

    def versions(self, after: str | None, limit: int) -> dict[str, Any]:
        """A page of points by id: their (document, version), and the id of the next page."""
        records, following = self._shard.scroll(
            edge.ScrollRequest(offset=after, limit=limit, with_payload=["document", "version"])
        )
        found = {(record.payload["document"], record.payload["version"]) for record in records}
        return {"versions": list(found), "next": None if following is None else str(following)}

    def page(self, after: str | None, limit: int, *, with_dense: bool = False) -> tuple[list[Any], str | None]:
        """Points by id, with payload and sparse vectors, for `add_missing` of another shard; the next page's id."""
        vectors = [SPARSE, DENSE] if with_dense else [SPARSE]
        records, following = self._shard.scroll(
            edge.ScrollRequest(offset=after, limit=limit, with_payload=True, with_vector=vectors)
        )
        return records, None if following is None else str(following)

    def add_missing(self, records: Sequence[Any]) -> None:
        """Those that are here already are newer, and stay."""
        here = {record.id for record in self._shard.retrieve([record.id for record in records], False, False)}
        points = [
            edge.Point(record.id, {SPARSE: record.vector[SPARSE]} if SPARSE in record.vector else {}, record.payload)
            for record in records
            if record.id not in here
        ]
        if points:
            self._shard.update(edge.UpdateOperation.upsert_points(points))

    def close(self) -> None:
        """Flushed and let go."""
        if self._shard is not None:
            self._shard.flush()
            self._shard.close()
            self._shard = None


def _scores(points: Sequence[Any]) -> dict[int, float]:
    """By the id's number, best first: the binding makes a new UUID each time it is asked, and hashing one is slow."""
    return {point.id.int: point.score for point in points}


def _floats(raw: bytes) -> "array[float]":
    return array("f", raw)


def _numbers(raw: bytes) -> list[int]:
    return array("I", raw).tolist()


def _is(field: str, value: str | int | bool) -> Any:
    return edge.FieldCondition(field, match=edge.MatchValue(value))


def _filter(conditions: list[dict[str, Any]], *, with_dense: bool = False, without_dense: bool = False) -> Any:
    must = [_condition(condition) for condition in conditions]
    if with_dense:
        must.append(edge.HasVectorCondition(DENSE))
    must_not: list[Any] | None = [edge.HasVectorCondition(DENSE)] if without_dense else None
    return edge.Filter(must=must or None, must_not=must_not) if must or must_not else None


def _condition(condition: dict[str, Any]) -> Any:
    path = payload_path(condition["field"])
    bounds = {name: condition[name] for name in ("gt", "gte", "lt", "lte") if condition[name] is not None}
    if bounds:
        dates = isinstance(next(iter(bounds.values())), str)
        return edge.FieldCondition(path, range=edge.RangeDateTime(**bounds) if dates else edge.RangeFloat(**bounds))
    values = condition["any_of"]
    either: list[Any] = []
    texts = [value for value in values if isinstance(value, str)]
    if condition["field"] == "received_at":
        either.extend(edge.FieldCondition(path, range=edge.RangeDateTime(gte=value, lte=value)) for value in texts)
    elif texts:
        either.append(edge.FieldCondition(path, match=edge.MatchAny(texts)))
    for value in values:
        if isinstance(value, bool):
            either.append(_is(FLAGS, flag(condition["field"], value)))
        elif isinstance(value, int | float):
            # 3 and 3.0 are the same number.
            either.append(edge.FieldCondition(path, range=edge.RangeFloat(gte=value, lte=value)))
    if not either:
        return edge.HasIdCondition(set())  # none of nothing: no point at all
    return either[0] if len(either) == 1 else edge.Filter(should=either)
