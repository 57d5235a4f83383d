"""What a query asks of the very text of its hits: phrases come first, excluded words do not come at all."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from search.application.ports.chunk_index import ScoredUnit
from search.application.ports.live_store import HitRecord, LiveView
from search.domain.query_syntax import Phrase

_SLICE: Final = 100
"""Texts looked at in one go of a thread."""


class Sieve:
    """Of one query at one index version."""

    def __init__(
        self, store: LiveView, at: int, *, phrases: Sequence[Phrase], excludes: Sequence[Callable[[str], bool]]
    ) -> None:
        """`excludes` say whether a text has something that it must not have."""
        self._store = store
        self._at = at
        self._phrases = phrases
        self._excludes = excludes

    async def has_phrases(self, units: Sequence[ScoredUnit]) -> list[bool | None]:
        """For each unit whether it has all phrases; None: it is not to be shown, or not live any more."""
        sorted_out: list[bool | None] = []
        for start in range(0, len(units), _SLICE):
            places = [(one.document_id, one.version, one.chunk_ordinals[0]) for one in units[start : start + _SLICE]]
            records = await self._store.hits(self._at, places)
            sorted_out += await asyncio.to_thread(lambda found: [self._look(one) for one in found], records)
        return sorted_out

    def _look(self, record: HitRecord | None) -> bool | None:
        if record is None:
            return None
        text = "\n".join((*record.chunk.headings, record.chunk.text))
        if any(has_excluded(text) for has_excluded in self._excludes):
            return None
        return all(phrase.is_in(text) for phrase in self._phrases)
