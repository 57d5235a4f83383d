"""Which documents mention a tariff code: asked of the index by every way it is written, then looked at."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from search.application.ports.live_store import HitRecord
from search.application.request import MOST_HITS, SearchRequest
from search.application.retrieval import Retrieval
from search.application.tariff import Tariff
from search.domain.tariff.nomenclature import Nomenclature
from shared.tariff.codes import display
from shared.tariff.spotting import Mention

_MOST_CHARACTERS: Final = 1800
"""Of a query."""
_PAGES: Final = 3


@dataclass(frozen=True, slots=True)
class MentioningDocument:
    """A document, with the chunk that has most of the code."""

    record: HitRecord
    mentions: Sequence[Mention]
    """In that chunk, of the code or of one below it."""


@dataclass(frozen=True, slots=True)
class Mentioning:
    """Documents that mention a code, the most telling first."""

    documents: Sequence[MentioningDocument]
    is_all: bool
    """Whether every document was looked at that could mention it."""


class TariffMentions:
    """Sees what a search sees: documents that are live, in the collections of whoever asks."""

    def __init__(self, retrieval: Retrieval, tariff: Tariff) -> None:
        self._retrieval = retrieval
        self._tariff = tariff

    async def of(self, code: str, *, visible: frozenset[str] | None) -> Mentioning:
        """Of a code (digits) and all that belong to it. Raises Unavailable when nothing can be looked up now."""
        query, is_whole = _query(await self._tariff.nomenclature(), code)
        found: list[MentioningDocument] = []
        cursor = None
        for _ in range(_PAGES):
            result = await self._retrieval.search(
                SearchRequest(
                    query=query,
                    mode="keyword",
                    limit=MOST_HITS,
                    cursor=cursor,
                    by_document=True,
                    highlight=False,
                    visible=visible,
                )
            )
            before = len(found)
            for hit in result.hits:
                mentions = [one for one in await self._tariff.spot(hit.record.chunk.text) if one.code.startswith(code)]
                if mentions:
                    found.append(MentioningDocument(hit.record, mentions))
            cursor = result.next_cursor
            # Hits that have the code come before those that have only a part of it.
            if cursor is None or len(found) == before:
                return Mentioning(found, is_all=is_whole)
        return Mentioning(found, is_all=False)


def _query(nomenclature: Nomenclature, code: str) -> tuple[str, bool]:
    """Words that any mention has one of, and whether all did fit: 8471.30-0000 is also found by 8471 and 847130.

    Under a chapter, national lines written in ten digits without a mark are left out: they are too many.
    """
    words: list[str] = []
    length = 0
    for word in dict.fromkeys(_written(nomenclature, code)):
        length += len(word) + 1
        if length > _MOST_CHARACTERS:
            return " ".join(words), False
        words.append(word)
    return " ".join(words), True


def _written(nomenclature: Nomenclature, code: str) -> Iterator[str]:
    if len(code) > 2:
        yield from (display(code), code)
    if len(code) == 4:
        yield f"{code[:2]}.{code[2:]}"
    below = sorted(nomenclature.below(code), key=lambda one: (len(one), one))
    for one in below:
        yield one
        if len(one) == 4:
            yield f"{one[:2]}.{one[2:]}"
