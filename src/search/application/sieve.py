"""What a query asks of the very text of its hits: phrases come first, excluded words do not come at all."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from search.application.ports.chunk_index import ScoredUnit
from search.application.ports.live_store import LiveView
from search.domain.query_syntax import Phrase

_SLICE: Final = 200
"""Texts that are read, and looked at, in one go of a thread: some 4 ms, in which no other search is shown its hits."""


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

    @property
    def moves(self) -> bool:
        """Whether what passes changes its place."""
        return bool(self._phrases)

    async def has_phrases(self, units: Sequence[ScoredUnit]) -> list[bool | None]:
        """For each unit whether it has all phrases; None: it is not to be shown, or not live any more."""
        places = [(one.document_id, one.version, one.chunk_ordinals[0]) for one in units]
        # In the order of their documents, in which stores keep them: a third faster than here and there.
        numbers = sorted(range(len(places)), key=places.__getitem__)
        sorted_out: list[bool | None] = [None] * len(places)
        for start in range(0, len(numbers), _SLICE):
            part = numbers[start : start + _SLICE]
            texts = await self._store.texts(self._at, [places[number] for number in part])
            looked = await asyncio.to_thread(lambda found: [self._look(text) for text in found], texts)
            for number, has in zip(part, looked, strict=True):
                sorted_out[number] = has
        return sorted_out

    def _look(self, text: str | None) -> bool | None:
        if text is None or any(has_excluded(text) for has_excluded in self._excludes):
            return None
        return all(phrase.is_in(text) for phrase in self._phrases)
