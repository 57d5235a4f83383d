"""The Korean analyser that all searches of a test process have in common: `the_analyzer()`."""

from collections.abc import Sequence
from functools import cache

from typing_extensions import override

from search.infrastructure.kiwi.engine import Engine
from search.infrastructure.kiwi.morphology import Morpheme, Morphology
from search.infrastructure.kiwi_analyzer import KiwiAnalyzer


class KiwiHere(Morphology):
    """Kiwi in this process, loaded by the first Hangul: a child would belong to the event loop of one test."""

    def __init__(self) -> None:
        self._loaded: Engine | None = None

    @property
    def _engine(self) -> Engine:
        if self._loaded is None:
            engine = Engine()
            engine.load()
            self._loaded = engine
        return self._loaded

    @override
    async def of_chunks(self, texts: Sequence[str]) -> list[list[str]]:
        return self._engine.forms(texts)

    @override
    async def of_query(self, text: str) -> list[str]:
        return self._engine.forms([text])[0]

    @override
    async def morphemes(self, texts: Sequence[str]) -> list[list[Morpheme]]:
        return [[Morpheme(*one) for one in found] for found in self._engine.morphemes(texts)]

    @override
    async def is_plausible(self, word: str) -> bool:
        return self._engine.is_plausible(word)

    @override
    async def close(self) -> None:
        """Nothing was started."""


class _Staying(KiwiAnalyzer):
    """Outlives the search that had it first: the next one needs no other."""

    async def __aexit__(self, *_: object) -> None:
        return


@cache
def the_kiwi() -> KiwiHere:
    """Loading takes 2 s."""
    return KiwiHere()


@cache
def the_analyzer() -> KiwiAnalyzer:
    """Loads Kiwi at the first Hangul of the process."""
    return _Staying(the_kiwi())
