"""Rendered answers, kept until anything in the index changes."""

from dataclasses import dataclass
from typing import Final

from search.application.misspellings import Misspellings
from search.application.request import SearchRequest
from search.domain.query_syntax import read_query
from shared.ports.storage import Cache

_TAG: Final = "search-results"
_LAST_WORD: Final = b"."
_FIRST_WORD: Final = b"?"
"""Before the body of an answer whose words nobody could look up yet, and which are as they were asked."""


@dataclass(frozen=True, slots=True)
class Slot:
    """One that is to be made, or to be read: what is known at its index version, and how it is kept."""

    key: str
    is_last_word: bool


class KeptAnswers:
    """Of one index version each. One made before the vocabulary was read counts while it is what would be made now."""

    def __init__(
        self, cache: Cache, misspellings: Misspellings, *, ttl_seconds: float, corrected_ttl_seconds: float
    ) -> None:
        """`corrected_ttl_seconds`: of an answer that an older vocabulary has corrected."""
        self._cache = cache
        self._misspellings = misspellings
        self._ttl_seconds = ttl_seconds
        self._corrected_ttl_seconds = corrected_ttl_seconds

    def begin(self, request: SearchRequest, at: int, *parts: object) -> Slot:
        """Before it is made: the vocabulary may be read meanwhile. `parts` shape the answer beside the request."""
        named = ":".join(map(str, (at, *parts, request.answer_hash)))
        return Slot(f"answer:{named}", self._misspellings.knows(at))

    async def find(self, slot: Slot, request: SearchRequest) -> bytes | None:
        """The body; None: there is none, or it would be another one by now."""
        kept = await self._cache.get(slot.key)
        if kept is None:
            return None
        if kept.startswith(_FIRST_WORD) and slot.is_last_word and self._is_doubtful(request):
            return None
        return kept[1:]

    async def keep(self, slot: Slot, body: bytes, *, is_corrected: bool) -> None:
        """What has just been made."""
        ttl_seconds = self._ttl_seconds
        if is_corrected and not slot.is_last_word:
            ttl_seconds = self._corrected_ttl_seconds
        mark = _LAST_WORD if slot.is_last_word else _FIRST_WORD
        await self._cache.put(slot.key, mark + body, ttl_seconds=ttl_seconds, tag=_TAG)

    def _is_doubtful(self, request: SearchRequest) -> bool:
        return request.correct and self._misspellings.may_change(read_query(request.query).text, request)
