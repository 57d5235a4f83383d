"""The capability "tariff codes": found by what goods are, spotted in text, and what stands behind one."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from search.application.ports.analysis import Analyzer
from search.application.ports.nomenclature import NomenclatureSource
from search.application.title_analysis import title_index
from search.application.title_index import Scored, TitleIndex, Tree, ranked
from search.domain.tariff.confidence import ALIKE, lookup_confidence
from search.domain.tariff.nomenclature import Entry, Nomenclature
from search.domain.tariff.wording import goods_of
from shared.kernel import NotFound
from shared.tariff.codes import Standing, digits_of
from shared.tariff.spotting import ALONE, Mention, spot

LONGEST_DESCRIPTION: Final = 2000
MOST_FOUND: Final = 100
MOST_CHARACTERS: Final = 100_000
"""Of a text that is looked through."""
_SUBHEADING: Final = 6
_CHAPTER: Final = 2
_PEERS: Final = 20
"""So many candidates are looked at to see how many are alike."""
_LONG: Final = 5_000
"""Characters from which a text is looked through in a thread."""


@dataclass(frozen=True, slots=True)
class FoundCode:
    """A code for goods that were described."""

    entry: Entry
    path: tuple[Entry, ...]
    """From the chapter to the code itself."""
    score: float
    """How much of the description its titles account for, 0 to 1."""
    confidence: float
    """How often such a code is the right one."""


@dataclass(frozen=True, slots=True)
class CodeDetail:
    """What stands behind a code. Of one that is superseded there is no entry, and its path ends above it."""

    code: str
    standing: Standing
    entry: Entry | None
    path: tuple[Entry, ...]
    children: tuple[Entry, ...]
    superseded_by: tuple[Entry, ...]


class Tariff:
    """Over one nomenclature, which is read when the first question comes."""

    def __init__(self, source: NomenclatureSource, analyzer: Analyzer) -> None:
        self._source = source
        self._analyzer = analyzer
        self._tree: Tree | None = None
        self._titles: TitleIndex | None = None
        self._making = asyncio.Lock()

    async def nomenclature(self) -> Nomenclature:
        """Read in a thread: its first reader would hold everybody up for 0.1 s."""
        return await asyncio.to_thread(self._source.nomenclature)

    async def find(self, description: str, *, level: int = _SUBHEADING, limit: int = 10) -> Sequence[FoundCode]:
        """Codes of `level` (2, 4, 6 or 10 digits) for goods in Korean or English, or below a code; best first.

        Raises Unavailable while the analyser cannot be loaded.
        """
        nomenclature = await self.nomenclature()
        digits = digits_of(description)
        if digits is not None:
            return self._below(nomenclature, digits, level, limit)
        goods = goods_of(description)
        analysed = await self._analyzer.query(goods)
        titles, tree = await self._ready(nomenclature)
        query = dict(zip(analysed.sparse.indices, analysed.sparse.values, strict=True))
        found = ranked(titles, tree, query, level=level, limit=max(limit, _PEERS))
        return [
            FoundCode(
                entry=nomenclature[one.code],
                path=nomenclature.path(one.code),
                score=one.share,
                confidence=_confidence(one, found, len(goods.split())),
            )
            for one in found[:limit]
        ]

    def _below(self, nomenclature: Nomenclature, digits: str, level: int, limit: int) -> Sequence[FoundCode]:
        codes = [digits, *nomenclature.below(digits)] if digits in nomenclature else nomenclature.below(digits)
        if not codes:
            codes = nomenclature.superseded_by(digits)
        wanted = [code for code in codes if len(code) == level] or [code for code in codes if len(code) >= len(digits)]
        return [
            FoundCode(
                entry=nomenclature[code],
                path=nomenclature.path(code),
                score=1.0,
                confidence=1.0 if code == digits else ALONE / len(wanted),
            )
            for code in wanted[:limit]
        ]

    async def _ready(self, nomenclature: Nomenclature) -> tuple[TitleIndex, Tree]:
        async with self._making:
            if self._titles is None or self._tree is None:
                titles = await asyncio.to_thread(self._source.titles)
                if titles.analysis != self._analyzer.version or titles.codes != len(nomenclature):
                    # Of another version of the analysis: its terms and those of a query would not meet.
                    titles = await title_index(nomenclature, self._analyzer)
                self._tree = await asyncio.to_thread(Tree, nomenclature)
                self._titles = titles
            return self._titles, self._tree

    async def chapters(self) -> Sequence[Entry]:
        """Where the tree begins."""
        nomenclature = await self.nomenclature()
        return [nomenclature[code] for code in nomenclature if len(code) == _CHAPTER]

    async def spot(self, text: str) -> Sequence[Mention]:
        """The codes that the text has, in their order."""
        nomenclature = await self.nomenclature()
        if len(text) < _LONG:
            return spot(text, nomenclature.standing)
        return await asyncio.to_thread(spot, text, nomenclature.standing)

    async def detail(self, written: str) -> CodeDetail:
        """Of a code in any writing. Raises NotFound for what is in no edition that is known."""
        nomenclature = await self.nomenclature()
        code = digits_of(written)
        standing = "unknown" if code is None else nomenclature.standing(code)
        if code is None or standing == "unknown":
            raise NotFound("There is no such code in the nomenclature.", code="hs_code_not_found")
        return CodeDetail(
            code=code,
            standing=standing,
            entry=nomenclature.get(code),
            path=nomenclature.path(code),
            children=nomenclature.children(code),
            superseded_by=tuple(nomenclature[one] for one in nomenclature.superseded_by(code)),
        )


def _confidence(one: Scored, found: Sequence[Scored], words: int) -> float:
    peers = sum(1 for other in found if other.score >= ALIKE * one.score)
    return lookup_confidence(share=one.share, peers=peers, relative=one.score / found[0].score, words=words)
