"""The lexicon at work: a query is found by its synonyms too, and by words that the house calls one."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from search.application.ports.analysis import AnalysedQuery, Analyzer
from search.application.ports.lexicons import KeptLexicon, LexiconStore
from search.domain.folding import fold, plain_signs
from search.domain.lexicon import Lexicon
from search.domain.terms import SYNONYM_WEIGHT, WORD_WEIGHT
from shared.kernel import Conflict, Unavailable
from shared.telemetry import get_log

_SURE: Final = 1.0
"""What a term that must be there weighs in a query, at least."""

_log = get_log("search")


@dataclass(frozen=True, slots=True)
class _Member:
    """Of a group of synonyms."""

    analysed: AnalysedQuery
    required: frozenset[int]
    """The terms that a query must have to mean it."""

    @classmethod
    def of(cls, analysed: AnalysedQuery) -> "_Member":
        pairs = list(zip(analysed.sparse.indices, analysed.sparse.values, strict=True))
        sure = frozenset(index for index, value in pairs if value >= _SURE)
        return cls(analysed, sure or frozenset(index for index, _ in pairs))


@dataclass(frozen=True, slots=True)
class _Word:
    """One that belongs together."""

    written: str
    """Folded, in small letters."""
    analysed: AnalysedQuery


@dataclass(frozen=True, slots=True)
class _Compiled:
    version: int
    groups: tuple[tuple[_Member, ...], ...] = ()
    groups_of: dict[int, tuple[int, ...]] | None = None
    """Term → numbers of the groups that have a member with it."""
    words: tuple[_Word, ...] = ()

    @classmethod
    def of(cls, version: int, groups: tuple[tuple[_Member, ...], ...], words: tuple[_Word, ...]) -> "_Compiled":
        groups_of: dict[int, tuple[int, ...]] = {}
        for number, group in enumerate(groups):
            # Whoever has a member's terms has its rarest one: any will do to find the group by.
            for index in {min(member.required) for member in group if member.required}:
                groups_of[index] = (*groups_of.get(index, ()), number)
        return cls(version, groups, groups_of, words)


class Lexicons:
    """One for the installation. Applied to queries alone: a change counts at once, and nothing is indexed anew."""

    def __init__(self, store: LexiconStore, analyzer: Analyzer) -> None:
        self._store = store
        self._analyzer = analyzer
        self._compiled = _Compiled(0)

    async def version(self) -> int:
        """Of the one that counts now. Raises Unavailable."""
        return await self._store.version()

    async def get(self) -> KeptLexicon:
        """The one that counts now. Raises Unavailable."""
        return await self._store.read()

    async def put(self, lexicon: Lexicon, *, after: int | None) -> KeptLexicon:
        """Raises Conflict when `after` is given and another one counts by now."""
        version = await self._store.write(lexicon, after=after)
        if version is None:
            raise Conflict("The lexicon was changed meanwhile: read it again.", code="lexicon_changed")
        return KeptLexicon(version, lexicon)

    async def expanded(self, text: str, words: AnalysedQuery, *, version: int | None = None) -> AnalysedQuery:
        """With the terms of synonyms, and more weight on words that belong together. Raises Unavailable.

        Who has asked for the version in this search gives it, so that it is not asked for twice.
        """
        compiled = await self._current(version)
        expanded = words
        plain_text = plain_signs(fold(text)) if compiled.words else ""
        for word in compiled.words:
            if word.written in plain_text:
                expanded = expanded.stressing(word.analysed, WORD_WEIGHT)
        if compiled.groups:
            for others in _meant(compiled, words):
                weight = SYNONYM_WEIGHT / math.sqrt(max(1, len(others.required)))
                expanded = expanded.along_with(others.analysed, weight)
        return expanded

    async def _current(self, version: int | None) -> _Compiled:
        if version is None:
            version = await self._store.version()
        if version != self._compiled.version:
            kept = await self._store.read()
            try:
                self._compiled = await self._compile(kept)
            except Unavailable as error:
                _log.warning("searching without the lexicon", action="search.lexicon", error=error.detail)
                return _Compiled(version)
        return self._compiled

    async def _compile(self, kept: KeptLexicon) -> _Compiled:
        groups = [
            tuple([_Member.of(await self._analyzer.query(member)) for member in group])
            for group in kept.lexicon.synonyms
        ]
        words = [_Word(plain_signs(fold(word)), await self._analyzer.query(word)) for word in kept.lexicon.words]
        return _Compiled.of(kept.version, tuple(groups), tuple(words))


def _meant(compiled: _Compiled, words: AnalysedQuery) -> Iterator[_Member]:
    """The other members of every group of which the query has one."""
    has = frozenset(words.sparse.indices)
    numbers = dict.fromkeys(number for index in has for number in (compiled.groups_of or {}).get(index, ()))
    for number in sorted(numbers):
        group = compiled.groups[number]
        present = [member for member in group if member.required and member.required <= has]
        if present:
            yield from (member for member in group if member not in present)
