"""The lists that cursors go through: in this process, and in the cache where other processes see it too."""

import time
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final

import msgpack

from search.application.ports.analysis import Analyzer
from search.application.ports.chunk_index import ChunkIndex
from search.application.ranking import Ranking
from search.application.request import SearchRequest
from search.domain.cursor import Cursor
from search.domain.highlight import Highlighter
from search.domain.language import language_of
from shared.kernel import Gone
from shared.ports.storage import Cache

_MOST: Final = 256
_MOST_ENTRIES: Final = 60_000
"""In all of them, at 430 bytes each: 256 first readings have fewer, and deep ones have up to 2,000 each."""
_SHAPE: Final = 4
"""Of what is in the cache; another Seoga's may differ."""


@dataclass(slots=True)
class PreparedQuery:
    """A query made ready for the index; kept for the pages that follow."""

    ranking: Ranking
    words: tuple[str, ...]
    """To highlight, as the morphemes."""
    morphemes: tuple[str, ...]
    highlighter: Highlighter
    language: str | None
    degraded: tuple[str, ...]
    did_you_mean: str | None = None
    """The query as it was likely meant, when words of it stand nowhere."""
    made_at: float = field(default_factory=time.monotonic)
    is_shared: bool = False
    """Whether the cache has it, as deep as it was read when it was last put there."""
    is_shared_deep: bool = False

    def reaches(self, request: SearchRequest, offset: int) -> bool:
        """Whether the page can be had without reading the index deeper, unless much of it is gone meanwhile."""
        return self.ranking.is_deep or len(self.ranking.entries) >= offset + request.limit


class KeptRankings:
    """By the query's name and the index version it was read at; the newest 256 for ten minutes, fewer if many are deep.

    Reading deeper another time may give another order, so whoever reads deeper tells the others.
    """

    def __init__(
        self,
        cache: Cache,
        index: ChunkIndex,
        analyzer: Analyzer,
        *,
        ttl_seconds: float = 600.0,
        most_entries: int = _MOST_ENTRIES,
    ) -> None:
        self._cache = cache
        self._index = index
        self._analyzer = analyzer
        self._ttl_seconds = ttl_seconds
        self._most_entries = most_entries
        self._kept: OrderedDict[tuple[str, int], PreparedQuery] = OrderedDict()

    def keep(self, name: str, at: int, query: PreparedQuery) -> None:
        """In this process."""
        self._kept[name, at] = query
        self._kept.move_to_end((name, at))
        # Counted anew: those that are kept grow as their pages are asked for.
        entries = sum(len(kept.ranking.entries) for kept in self._kept.values())
        while len(self._kept) > _MOST or (entries > self._most_entries and len(self._kept) > 1):
            entries -= len(self._kept.popitem(last=False)[1].ranking.entries)

    async def find(self, request: SearchRequest, cursor: Cursor) -> PreparedQuery:
        """What this process keeps, or another one put into the cache. Raises Gone (`cursor_expired`)."""
        name, at = cursor.query_hash, cursor.index_version
        kept = self._kept.get((name, at))
        if kept is not None and time.monotonic() - kept.made_at > self._ttl_seconds:
            kept = None
        if self._cache.is_shared and (kept is None or not kept.reaches(request, cursor.offset)):
            others = self._unpacked(request, await self._cache.get(_key(name, at)))
            if others is not None and (kept is None or others.ranking.is_deep):
                kept = others
                self.keep(name, at, kept)
        if kept is None:
            raise Gone(
                "The list this cursor goes through is no longer kept; begin at the first page.", code="cursor_expired"
            )
        return kept

    async def share(self, name: str, at: int, query: PreparedQuery) -> None:
        """Puts it where other processes find it, unless it is there as deep as here."""
        is_deep = query.ranking.is_deep
        if not self._cache.is_shared or (query.is_shared and query.is_shared_deep == is_deep):
            return
        query.is_shared, query.is_shared_deep = True, is_deep
        await self._cache.put(_key(name, at), _packed(query), ttl_seconds=self._ttl_seconds)

    def _unpacked(self, request: SearchRequest, raw: bytes | None) -> PreparedQuery | None:
        """Damaged is a miss, as with everything from a cache."""
        if raw is None:
            return None
        try:
            ranking, words, morphemes, degraded, did_you_mean = msgpack.unpackb(raw, use_list=False)
            restored = Ranking.restored(
                ranking, index=self._index, filters=request.allowed_filters, by_document=request.by_document
            )
        except (ValueError, TypeError, msgpack.UnpackException):
            return None
        return PreparedQuery(
            ranking=restored,
            words=words,
            morphemes=morphemes,
            highlighter=Highlighter(words, morphemes, self._analyzer.stem),
            language=language_of(request.query),
            degraded=degraded,
            did_you_mean=did_you_mean,
            is_shared=True,
            is_shared_deep=restored.is_deep,
        )


def _key(name: str, at: int) -> str:
    return f"ranking:{_SHAPE}:{name}:{at}"


def _packed(query: PreparedQuery) -> bytes:
    packed: bytes = msgpack.packb(
        (query.ranking.packed(), query.words, query.morphemes, query.degraded, query.did_you_mean)
    )
    return packed
