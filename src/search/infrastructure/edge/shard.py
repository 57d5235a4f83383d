"""One Qdrant Edge shard: points with the dense vectors of one space, sparse vectors and payload, in a folder."""

import fcntl
import os
import time
from array import array
from collections.abc import Collection, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any, Final, cast
from uuid import UUID

import qdrant_edge as edge

from search.infrastructure.edge.conditions import DENSE, filter_of, is_value
from search.infrastructure.edge.folders import COMPLETE, mark_complete
from search.infrastructure.points import ANALYSIS, FLAGS, REFERENCE_FIELDS, SPARSE, point_id
from shared.mapped_files import give_back_holes

_INDEXES: Final = {
    # Not the version: who looks for one names the document, too.
    "document": edge.PayloadSchemaType.Keyword,
    "collection": edge.PayloadSchemaType.Keyword,
    "name": edge.PayloadSchemaType.Keyword,
    "media_type": edge.PayloadSchemaType.Keyword,
    "language": edge.PayloadSchemaType.Keyword,
    "received_at": edge.PayloadSchemaType.Datetime,
    "page": edge.PayloadSchemaType.Integer,
}
_ALIVE: Final = edge.SearchParams(idf=edge.IdfParams(edge.Filter()))
"""How rare a term is, is counted over the points that are there; the engine's own count has deleted ones too until
their segment is built anew."""
_CHUNKS: Final = "chunks"
"""A unit that stands for the chunk of its own number, as most do, does not say so: payloads take whole blocks."""
_LEFT_OUT_EMPTY: Final = ("metadata", FLAGS)
"""Nothing is found in them either way. Labels that change are written whole, to replace what was there."""
_NUMBERS: Final = "segments/*/mutable_id_tracker.versions"
_NUMBER_BYTES: Final = 8
_MOST_REFERENCES: Final = 60_000
_MOST_COUNTS: Final = 200
_MOST_LISTS: Final = 8
_NAME_BYTES: Final = 12

Reference = tuple[str, int, int, str, list[int]]
"""Document, version, unit ordinal, kind, chunk ordinals."""


class ShardLocked(Exception):
    """Another process holds the shard."""


class Shard:
    """Opened once. Not safe between threads; the child has one."""

    def __init__(self, path: str, space: str | None, analysis: str) -> None:
        """`space` names the only one whose dense vectors it takes and finds; None: it has none.

        `analysis` names the rules that the sparse vectors to be written were made by.
        """
        self._analysis = analysis
        self.path = Path(path)
        self.space = space
        self._shard: Any = None
        self._locked: int | None = None
        # What a point stands for never changes, and reading payloads costs more than the search itself.
        self._references: dict[int, Reference] = {}
        self._counts: dict[tuple[str, bool], int] = {}
        self._documents: dict[tuple[str, int], tuple[bytes, list[str]]] = {}

    def open(
        self, dimension: int, wait_seconds: float, *, is_complete: bool = True, retry_seconds: float = 0.05
    ) -> None:
        """Creates the shard if it is not there. Raises ShardLocked after waiting for another owner."""
        deadline = time.monotonic() + wait_seconds
        while True:
            try:
                self._lock()
                self._shard = self._open(dimension)
                # The engine reads its files whole when it opens them, also what nobody has written yet.
                give_back_holes(self.path)
                if is_complete:
                    self.complete()
                return
            except Exception as error:
                self._unlock()
                # The engine locks nothing but its log, which former folders have.
                if not isinstance(error, ShardLocked) and "WouldBlock" not in str(error):
                    raise
                if time.monotonic() >= deadline:
                    # Without its cause: EAGAIN would be taken for a shortage.
                    raise ShardLocked(str(error)) from None
                time.sleep(retry_seconds)

    def complete(self) -> None:
        """From now on the folder is known to hold everything."""
        if not (self.path / COMPLETE).exists():
            self._shard.flush()
            mark_complete(self.path, self.space)

    def _lock(self) -> None:
        """The folder itself, so that nothing in it can be missed. Raises ShardLocked."""
        self.path.mkdir(parents=True, exist_ok=True)
        self._locked = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(self._locked, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ShardLocked(f"another process has {self.path} open") from None

    def _unlock(self) -> None:
        if self._locked is not None:
            os.close(self._locked)
            self._locked = None

    def _open(self, dimension: int) -> Any:
        folder = self.path
        if (folder / COMPLETE).exists():
            return edge.EdgeShard.load(str(folder))
        config = edge.EdgeConfig(
            vectors={
                # As short as what the artefacts have. Written again, numbers of eight bits stay what they are.
                DENSE: edge.EdgeVectorParams(dimension, edge.Distance.Dot, datatype=edge.VectorStorageDatatype.Turbo8)
            },
            sparse_vectors={SPARSE: edge.EdgeSparseVectorParams(modifier=edge.Modifier.Idf)},
            # The engine's log would hold all that is written a second time, in up to three files of 32 MB. Who writes
            # flushes before it is relied on, and writes again what a child that ended took with it.
            wal_enabled=False,
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
        self._forget_counts()
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
            payload = {field: value for field, value in payload.items() if value or field not in _LEFT_OUT_EMPTY}
            payload[ANALYSIS] = self._analysis
            if unit["chunks"] == [unit["unit"]]:
                del payload[_CHUNKS]
            points.append(edge.Point(str(point), vectors, payload))
            if len(self._references) < _MOST_REFERENCES:
                self._references[point.int] = identity
        if points:
            self._shard.update(edge.UpdateOperation.upsert_points(points))

    def delete(self, versions: Sequence[tuple[str, int]]) -> None:
        """All points of each (document, version)."""
        self._forget_counts()
        if versions:
            either: list[Any] = [
                edge.Filter(must=[is_value("document", document), is_value("version", version)])
                for document, version in versions
            ]
            self._shard.update(edge.UpdateOperation.delete_points_by_filter(edge.Filter(should=either)))
            gone = {tuple(pair) for pair in versions}
            self._references = {point: one for point, one in self._references.items() if one[:2] not in gone}

    def set_payload(self, document: str, payload: dict[str, Any]) -> None:
        """Replaces these fields on all points of the document."""
        self._forget_counts()
        own = edge.Filter(must=[is_value("document", document)])
        self._shard.update(edge.UpdateOperation.set_payload_by_filter(own, payload))

    def flush(self) -> None:
        """To disk."""
        self._shard.flush()

    def size(self) -> int:
        """Points in the shard."""
        count: int = self._shard.count(edge.CountRequest(True))
        return count

    def room(self) -> dict[str, int]:
        """How many points are alive, and how many were deleted or written again and take room until the others move."""
        alive = int(self._shard.info().points_count)
        # The engine tells it of what it wrote itself alone; on the disk each point that ever was has a number.
        stored = sum(path.stat().st_size for path in self.path.glob(_NUMBERS)) // _NUMBER_BYTES
        return {"alive": alive, "dead": max(0, stored - alive)}

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
        where = filter_of(conditions)
        queries = []
        if dense is not None:
            near = edge.Query.Nearest(_floats(dense).tolist(), using=DENSE)
            queries.append(edge.QueryRequest(limit=limit, query=near, filter=where))
        if indices is not None:
            terms = edge.SparseVector(_numbers(indices), _floats(values or b"").tolist())
            shared = edge.Query.Nearest(terms, using=SPARSE)
            queries.append(edge.QueryRequest(limit=limit, query=shared, filter=where, params=_ALIVE))
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

    def vectors(self, units: Sequence[tuple[str, int, int, str]]) -> dict[str, Any]:
        """The dense vectors of units (document, version, unit, kind), as bytes; None where there is none."""
        points = [point_id(*unit) for unit in units]
        records = self._shard.retrieve(points, False, [DENSE]) if self.space is not None else []
        known = {record.id: record.vector[DENSE] for record in records if DENSE in (record.vector or {})}
        found = [array("f", known[point]).tobytes() if point in known else None for point in points]
        return {"space": self.space, "vectors": found}

    def documents(
        self,
        space: str | None,
        by_dense: bool,
        indices: bytes | None,
        values: bytes | None,
        conditions: list[dict[str, Any]],
        most: int,
        known: Collection[bytes] = (),
    ) -> dict[str, Any]:
        """Documents whose units match, of those with a dense vector at most `most`; and whether those are all.

        Those with a dense vector are a list with a name, which is not told where it is among the `known` ones.
        """
        name: bytes | None = None
        listed: Sequence[str] = ()
        if by_dense := by_dense and space == self.space:
            # Whatever has a dense vector matches.
            name, listed = self._with_dense(conditions, most + 1)
        exact, more = len(listed) <= most, set[str]()
        if indices is not None and exact and not (by_dense and self._count(conditions, with_dense=False) == 0):
            terms = edge.SparseVector(_numbers(indices), _floats(values or b"").tolist())
            request = edge.QueryRequest(
                limit=most + 1,
                query=edge.Query.Nearest(terms, using=SPARSE),
                filter=filter_of(conditions, without_dense=by_dense),
                with_payload=["document"],
            )
            points = self._shard.query(request)
            exact = len(points) <= most
            more.update(point.payload["document"] for point in points)
        return {"list": name, "documents": None if name in known else listed, "more": list(more), "exact": exact}

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
            if with_dense > window or indices is None or self._count(conditions, with_dense=False) == 0:
                return with_dense
        terms = edge.SparseVector(_numbers(indices or b""), _floats(values or b"").tolist())
        without_dense = filter_of(conditions, without_dense=dense is not None)
        request = edge.QueryRequest(
            limit=window + 1, query=edge.Query.Nearest(terms, using=SPARSE), filter=without_dense
        )
        return with_dense + len(self._shard.query(request))

    def _with_dense(self, conditions: list[dict[str, Any]], limit: int) -> tuple[bytes, list[str]]:
        """Documents, and the list's name; kept until something is written, for counting takes 2.5 µs a point."""
        key = (repr(conditions), limit)
        if key not in self._documents:
            if len(self._documents) >= _MOST_LISTS:
                self._documents.clear()
            where = filter_of(conditions, with_dense=True)
            hits = self._shard.facet(edge.FacetRequest("document", limit=limit, exact=True, filter=where))
            # No child gives the same name again, also not one that comes after this one.
            self._documents[key] = os.urandom(_NAME_BYTES), [hit.value for hit in hits]
        return self._documents[key]

    def _forget_counts(self) -> None:
        self._counts.clear()
        self._documents.clear()

    def _count(self, conditions: list[dict[str, Any]], *, with_dense: bool = True) -> int:
        """Units with a dense vector, or those without one; kept until something is written."""
        key = repr(conditions), with_dense
        count = self._counts.get(key)
        if count is None:
            if len(self._counts) >= _MOST_COUNTS:
                self._counts.clear()
            where = filter_of(conditions, with_dense=with_dense, without_dense=not with_dense)
            count = self._shard.count(edge.CountRequest(True, where))
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
                payload = {_CHUNKS: [record.payload["unit"]], **record.payload}
                values = (payload[field] for field in REFERENCE_FIELDS)
                known[record.id.int] = cast(Reference, tuple(values))
        return known

    def versions(self, after: str | None, limit: int) -> dict[str, Any]:
        """A page of points by id: (document, version) of those of this analysis, and the id of the next page.

        Nobody else asks for an analysis, so there is no index of it, and none of all points is looked through here.
        """
        records, following = self._shard.scroll(
            edge.ScrollRequest(offset=after, limit=limit, with_payload=["document", "version", ANALYSIS])
        )
        payloads = [record.payload for record in records if record.payload.get(ANALYSIS) == self._analysis]
        found = {(payload["document"], payload["version"]) for payload in payloads}
        return {"versions": list(found), "next": None if following is None else str(following)}

    def page(self, after: str | None, limit: int, *, with_dense: bool = False) -> tuple[list[Any], str | None]:
        """Points by id, with payload and sparse vectors, for `add_missing` of another shard; the next page's id."""
        vectors = [SPARSE, DENSE] if with_dense else [SPARSE]
        records, following = self._shard.scroll(
            edge.ScrollRequest(offset=after, limit=limit, with_payload=True, with_vector=vectors)
        )
        return records, None if following is None else str(following)

    def add_missing(self, records: Sequence[Any]) -> None:
        """Those that are here already are newer, and stay. Their dense vectors must be of this space."""
        here = {record.id for record in self._shard.retrieve([record.id for record in records], False, False)}
        points = [
            edge.Point(record.id, dict(record.vector), record.payload) for record in records if record.id not in here
        ]
        if points:
            self._shard.update(edge.UpdateOperation.upsert_points(points))

    def close(self) -> None:
        """Flushed and let go."""
        if self._shard is not None:
            self._shard.flush()
            self._shard.close()
            self._shard = None
        self._unlock()


def _scores(points: Sequence[Any]) -> dict[int, float]:
    """By the id's number, best first: the binding makes a new UUID each time it is asked, and hashing one is slow."""
    return {point.id.int: point.score for point in points}


def _floats(raw: bytes) -> "array[float]":
    return array("f", raw)


def _numbers(raw: bytes) -> list[int]:
    return array("I", raw).tolist()
