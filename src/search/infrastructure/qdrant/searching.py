"""Both lists of a search in one request, and how many units match."""

import asyncio
import time
from collections.abc import Sequence
from typing import Final

from qdrant_client import models

from search.application.ports.chunk_index import DenseVector, IndexAnswer, Matches, ScoredUnit
from search.domain.filters import Filters
from search.domain.terms import SparseVector
from search.infrastructure.points import REFERENCE_FIELDS, SPARSE, point_id
from search.infrastructure.qdrant.filters import having
from search.infrastructure.qdrant.layout import Place
from search.infrastructure.qdrant.points import floats, from_floats, sparse_vector, to_units
from search.infrastructure.qdrant.server import QdrantServer
from shared.kernel import DocumentId
from shared.settings import Settings

_CANDIDATES: Final = 256
"""How many the graph of vectors is searched for at least, so that longer lists continue shorter ones."""
_OVERSAMPLING: Final = 2.0
_MOST_COUNTS: Final = 200
_PAGE: Final = 1_000
"""Points a request: more would hold up the event loop."""
_ALIVE: Final = models.SearchParams(idf=models.IdfCorpusParams(corpus=models.Filter()))
"""How rare a term is, is counted over the points that are there, and not over deleted ones too."""


class Searching:
    """Asks what the alias names, so that an answer never comes from a collection that is not written any more."""

    def __init__(
        self, server: QdrantServer, alias: str, settings: Settings, *, count_kept_seconds: float = 10.0
    ) -> None:
        self._server = server
        self._alias = alias
        self._count_kept_seconds = count_kept_seconds
        self._params = models.SearchParams(hnsw_ef=_CANDIDATES)
        if settings.index_quantization != "none":
            # The small numbers choose, the exact ones score.
            again = models.QuantizationSearchParams(rescore=True, oversampling=_OVERSAMPLING)
            self._params = models.SearchParams(hnsw_ef=_CANDIDATES, quantization=again)
        # Filters that let more vectors through than any window: until when that is taken for granted.
        self._plenty: dict[tuple[Filters, int], float] = {}

    def forget_counts(self) -> None:
        """After a write of this process."""
        self._plenty.clear()

    async def search(
        self,
        place: Place,
        dense: DenseVector | None,
        sparse: SparseVector | None,
        filters: Filters,
        limit: int,
        window: int,
    ) -> IndexAnswer:
        """Both lists of the collection that serves `place`. Raises Rejected when the alias has moved on."""
        where = having(filters)
        near = dense if dense is not None and dense.space == place.space else None
        requests = []
        if near is not None:
            requests.append(self._request(floats(near), place.dense_name, where, limit, self._params))
        if sparse is not None:
            params = _ALIVE if self._server.counts_what_is_there else None
            requests.append(self._request(sparse_vector(sparse), SPARSE, where, limit, params))
        answers = [answer.points for answer in await self._ask(requests)] if requests else []
        dense_points = answers.pop(0) if near is not None else []
        sparse_points = answers.pop(0) if sparse is not None else []
        if len(dense_points) < limit and len(sparse_points) < limit:
            total = len({point.id for point in dense_points} | {point.id for point in sparse_points})
        else:
            total = await self._total(place if near is not None else None, sparse, filters, window)
        return IndexAnswer(to_units(dense_points), to_units(sparse_points), min(total, window), total <= window)

    async def vectors(self, place: Place, units: Sequence[ScoredUnit]) -> Sequence[DenseVector | None]:
        """Dense vectors of these units. Raises Rejected when the alias has moved on."""
        name, space = place.dense_name, place.space
        if name is None or space is None:
            return [None] * len(units)
        points = [str(point_id(*unit[:4])) for unit in units]
        records = await self._server.call(
            lambda client: client.retrieve(self._alias, points, with_payload=False, with_vectors=[name])
        )
        known = {str(record.id): record.vector.get(name) for record in records if isinstance(record.vector, dict)}
        return [from_floats(space, known.get(point)) for point in points]

    async def documents(
        self, place: Place, dense: DenseVector | None, sparse: SparseVector | None, filters: Filters, most: int
    ) -> Matches:
        """Documents whose units match, a page of points at a time. Raises Rejected when the alias has moved on."""
        name = place.dense_name if dense is not None and dense.space == place.space else None
        found: set[DocumentId] = set()
        if name is not None:
            # Whatever has a dense vector matches.
            where, after = having(filters, vector=name), None
            while len(found) <= most:
                records, after = await self._page(where, after)
                found.update(DocumentId((record.payload or {})["document"]) for record in records)
                if after is None:
                    break
        if sparse is None or len(found) > most:
            return Matches(frozenset(found), len(found) <= most)
        request = self._request(sparse_vector(sparse), SPARSE, having(filters, without_vector=name), most + 1)
        request.with_payload = ["document"]
        (answer,) = await self._ask([request])
        found.update(DocumentId((point.payload or {})["document"]) for point in answer.points)
        return Matches(frozenset(found), len(answer.points) <= most)

    async def _page(
        self, where: models.Filter | None, after: models.ExtendedPointId | None
    ) -> tuple[list[models.Record], models.ExtendedPointId | None]:
        return await self._server.call(
            lambda client: client.scroll(
                self._alias, scroll_filter=where, limit=_PAGE, offset=after, with_payload=["document"]
            )
        )

    async def _total(self, place: Place | None, sparse: SparseVector | None, filters: Filters, window: int) -> int:
        """Distinct matches, counted no further than just beyond the window. No place: by words alone."""
        name = None if place is None else place.dense_name
        if name is None:
            return await self._with_words(sparse, filters, None, window)
        # Whatever has a dense vector matches; how many depends on the filter alone.
        key = (filters, window)
        if self._plenty.get(key, 0.0) > time.monotonic():
            return window + 1
        counting = self._count(filters, name)
        if sparse is None:
            with_dense, others = await counting, 0
        else:
            with_dense, others = await asyncio.gather(counting, self._with_words(sparse, filters, name, window))
        if with_dense > window:
            if len(self._plenty) >= _MOST_COUNTS:
                self._plenty.clear()
            self._plenty[key] = time.monotonic() + self._count_kept_seconds
        return with_dense + others

    async def _count(self, filters: Filters, name: str) -> int:
        where = having(filters, vector=name)
        counted = await self._server.call(lambda client: client.count(self._alias, count_filter=where, exact=True))
        return int(counted.count)

    async def _with_words(self, sparse: SparseVector | None, filters: Filters, without: str | None, window: int) -> int:
        if sparse is None:
            return 0
        where = having(filters, without_vector=without)
        request = self._request(sparse_vector(sparse), SPARSE, where, window + 1)
        request.with_payload = False
        (answer,) = await self._ask([request])
        return len(answer.points)

    @staticmethod
    def _request(
        query: list[float] | models.SparseVector,
        name: str | None,
        where: models.Filter | None,
        limit: int,
        params: models.SearchParams | None = None,
    ) -> models.QueryRequest:
        return models.QueryRequest(
            query=query, using=name, filter=where, limit=limit, params=params, with_payload=REFERENCE_FIELDS
        )

    async def _ask(self, requests: list[models.QueryRequest]) -> list[models.QueryResponse]:
        return await self._server.call(lambda client: client.query_batch_points(self._alias, requests))
