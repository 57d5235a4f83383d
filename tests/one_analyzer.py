"""The Korean analyser that all searches of a test process have in common: `the_analyzer()`."""

from functools import cache

from search.infrastructure.kiwi_analyzer import KiwiAnalyzer


class _Staying(KiwiAnalyzer):
    """Outlives the search that had it first: the next one needs no other."""

    async def __aexit__(self, *_: object) -> None:
        return


@cache
def the_analyzer() -> KiwiAnalyzer:
    """Loads Kiwi, which takes 2 s, at the first Hangul of the process."""
    return _Staying()
