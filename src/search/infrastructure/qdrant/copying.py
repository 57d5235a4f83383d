"""Fills a collection from the one that serves, while every process writes both and others may copy too.

Mostly one copies (see moving.py), but nothing here depends on it: a lease can be lost in the middle of a page.

Why nothing is lost. A write is acknowledged only once it was made in every collection that the aliases name after it,
the serving one first. So what the walk does not meet was written after the target was named, and is in the target.
What it does meet is copied *unless it is there*, marked, and then compared with its source once more: what was deleted
or labelled while it was on its way is made up for. Whoever writes or labels a point that is there takes the mark
away, and only marked ones are touched: a copier never undoes what is newer.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from qdrant_client import models

from search.infrastructure.payloads import LABEL_FIELDS
from search.infrastructure.points import SPARSE
from search.infrastructure.qdrant.collections import Collection, QdrantCollections
from search.infrastructure.qdrant.layout import COPIED
from search.infrastructure.qdrant.server import QdrantServer, Rejected
from shared.kernel import new_id

_NOTHING: Final = models.Filter(must=[models.HasIdCondition(has_id=[])])
_UNMARKED: Final = models.IsEmptyCondition(is_empty=models.PayloadField(key=COPIED))


class Dropped(Exception):
    """The target is not to be filled any more."""


class Copying:
    """One process's walk through all points, a page a step. It begins anywhere: several would share the work."""

    def __init__(
        self, server: QdrantServer, collections: QdrantCollections, target: Collection, *, points_a_step: int
    ) -> None:
        self.target = target
        self._server = server
        self._collections = collections
        self._points_a_step = points_a_step
        self._start = self._after = new_id()
        self._is_past_end = False

    async def step(self, source: Collection) -> bool:
        """Copies a page; True after the last one. Raises Dropped, Rejected when the source is gone, Unavailable.

        Repeated after an error, it copies the same page again.
        """
        place = source.place
        vectors = [SPARSE]
        if place.dense_name is not None and place.space == self.target.place.space:
            vectors.append(place.dense_name)
        records, following = await self._server.call(
            lambda client: client.scroll(
                source.name,
                limit=self._points_a_step,
                offset=self._after or None,
                with_payload=True,
                with_vectors=vectors,
            )
        )
        is_last = False
        if self._is_past_end:
            is_last = following is None or str(following) >= self._start
            records = [record for record in records if str(record.id) < self._start]
        if records:
            await self._copy(source, records)
        if following is None and not self._is_past_end:
            self._is_past_end, self._after = True, ""
        elif following is not None:
            self._after = str(following)
        return is_last

    async def _copy(self, source: Collection, records: Sequence[models.Record]) -> None:
        here = await self._payloads(self.target.name, [record.id for record in records])
        missing = [record for record in records if str(record.id) not in here]
        # Marked ones that are here may come from a copier that was ended before it compared them.
        copies = {id: payload for id, payload in here.items() if payload.get(COPIED)}
        if missing:
            mark = new_id()
            points = [_copy_of(record, mark) for record in missing]
            await self._server.call(
                # Those that are there already are newer, and stay.
                lambda client: client.upsert(self.target.name, points, update_filter=_NOTHING, wait=True)
            )
            await self._stop_if_dropped(mark)
            copies.update({str(record.id): record.payload or {} for record in missing})
        await self._compare(source, copies)

    async def _stop_if_dropped(self, mark: str) -> None:
        """What was copied after the target began to serve was deleted before: it goes again."""
        standing = await self._collections.standing()
        if standing is not None and self.target in standing.filling:
            return
        late = models.Filter(must=[models.FieldCondition(key=COPIED, match=models.MatchValue(value=mark))])
        try:
            await self._server.call(lambda client: client.delete(self.target.name, models.FilterSelector(filter=late)))
        except Rejected as error:
            if not error.is_missing:
                raise
        raise Dropped

    async def _compare(self, source: Collection, copies: Mapping[str, Mapping[str, Any]]) -> None:
        """What changed in the source since it was read for these; what changes from now on reaches the target."""
        if not copies:
            return
        now = await self._payloads(source.name, list(copies))
        operations: list[Any] = []
        gone = [id for id in copies if id not in now]
        if gone:
            operations.append(models.DeleteOperation(delete=models.FilterSelector(filter=_marked(gone))))
        for id, payload in now.items():
            labels = _labels(payload)
            if labels != _labels(copies[id]):
                change = models.SetPayload(payload=labels, filter=_marked([id]))
                operations.append(models.SetPayloadOperation(set_payload=change))
        if operations:
            await self._server.call(lambda client: client.batch_update_points(self.target.name, operations, wait=True))

    async def _payloads(self, name: str, ids: Sequence[models.ExtendedPointId]) -> dict[str, Mapping[str, Any]]:
        records = await self._server.call(
            lambda client: client.retrieve(name, ids, with_payload=[*LABEL_FIELDS, COPIED], with_vectors=False)
        )
        return {str(record.id): record.payload or {} for record in records}


def _copy_of(record: models.Record, mark: str) -> models.PointStruct:
    vectors: Any = record.vector if isinstance(record.vector, dict) else {}
    return models.PointStruct(id=record.id, vector=vectors, payload={**(record.payload or {}), COPIED: mark})


def _labels(payload: Mapping[str, Any]) -> dict[str, Any]:
    return {field: payload.get(field) for field in LABEL_FIELDS}


def _marked(ids: Sequence[str]) -> models.Filter:
    return models.Filter(must=[models.HasIdCondition(has_id=list(ids))], must_not=[_UNMARKED])
