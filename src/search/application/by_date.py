"""Hits by the date of their documents: of one query at one index version."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, Protocol, TypeVar

from search.application.ports.chunk_index import ScoredUnit
from search.application.ports.live_store import LiveView
from shared.kernel import DocumentId

_READ_TOGETHER: Final = 1_000


class _Listed(Protocol):
    @property
    def unit(self) -> ScoredUnit: ...


T = TypeVar("T", bound=_Listed)


class ByDate:
    """When documents were received, which their labels say."""

    def __init__(self, store: LiveView, at: int, *, newest_first: bool) -> None:
        self._store = store
        self._at = at
        self._newest_first = newest_first

    async def ordered(self, listed: Sequence[T]) -> list[T]:
        """Those of documents that are live, by date; of one document, and of one moment, in the order they had."""
        ids = list({one.unit.document_id for one in listed})
        dates: dict[DocumentId, datetime] = {}
        for start in range(0, len(ids), _READ_TOGETHER):
            labelled = await self._store.labels_at(self._at, ids[start : start + _READ_TOGETHER])
            dates |= {document_id: labels.received_at for document_id, labels, _ in labelled}
        known = [one for one in listed if one.unit.document_id in dates]
        return sorted(known, key=lambda one: dates[one.unit.document_id], reverse=self._newest_first)
