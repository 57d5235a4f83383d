"""Hangul beside its morphemes: pairs of syllables, and words of one syllable, which an analyser takes for anything."""

import re
from collections.abc import Iterator
from typing import Final

from shared.patterns import pattern

BIGRAM_PREFIX: Final = "\x02"
_SYLLABLES: Final = pattern(r"[가-힣]{2,}")
_PARTICLES: Final = (
    "은|는|이|가|을|를|의|에|로|으로|와|과|도|만|나|라|랑|에서|에게|에는|에도|부터|까지|보다|처럼|이나|이라|인|으로는|으로도|마다|밖에|"
    "조차|마저|이랑|하고|이다|입니다|이며|이고"
)
END_OF_WORD: Final = pattern(rf"(?:{_PARTICLES})?(?![가-힣])")
"""What may follow a word of one syllable."""
_LONE: Final = pattern(rf"(?<![가-힣])([가-힣])(?:{_PARTICLES})?(?![가-힣])")
_FUNCTION: Final = frozenset("이그저안못더꼭잘또및등각전약한할될된간수것때데바줄뿐채듯만큼왜늘막참좀다")
"""One-syllable determiners, adverbs and bound nouns: nobody looks for them beside other words."""


def has_hangul(text: str) -> bool:
    """Whether a morpheme analyser has anything to do."""
    return re.search(r"[\uac00-\ud7a3]", text) is not None


def bigrams(text: str) -> Iterator[str]:
    """Pairs of neighbouring Hangul syllables inside a word, marked so that no word is mistaken for one."""
    for match in _SYLLABLES.finditer(text):
        run = match.group()
        for i in range(len(run) - 1):
            yield BIGRAM_PREFIX + run[i : i + 2]


def lone_syllables(text: str) -> Iterator[str]:
    """Words of one syllable, with a particle or none behind it: in every reading, whatever an analyser says."""
    for match in _LONE.finditer(text):
        yield match[1]


def is_function_word(syllable: str) -> bool:
    """Whether it says nothing beside other words; alone it may be a noun (못, a nail)."""
    return syllable in _FUNCTION


def words_of_hangul(text: str) -> Iterator[str]:
    """Every run of syllables, as it is written."""
    for match in re.finditer(r"[가-힣]+", text):
        yield match.group()
