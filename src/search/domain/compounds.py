"""English words that are written apart, hyphened or as one: air freight, air-freight, airfreight."""

import re
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Final

# Prefixes that stand apart, and first halves of the most frequent compounds.
_FIRST_HALVES: Final = (
    "e re pre sub non anti co un mis dis post ex multi semi micro mini mega macro bi tri inter intra trans ultra "
    "pro counter cross self wi fi cyber tele auto bio eco geo hydro air sea rail road ship ware work web data key "
    "life time land way hand foot back home house book note lap desk soft hard free full half high low long short "
    "tax duty pay cash check cheque break stand start stop sign log set turn take roll sun rain snow fire water "
    "wind on off over under up down out in through any some every head line bread birth day night week end eye ear "
    "tooth blood heart brain side bull ground wood steel iron gold silver coal gas oil fuel truck train bus car "
    "boat motor bike cup bed bath class play school news paper mail box card pass port gate door window stair north "
    "south east west grand step god mother father base basket ball paste by follow well after fore all"
)
_HEADS: Final = frozenset(_FIRST_HALVES.split())
_WORDS_OF_ONE_LETTER: Final = frozenset("aAIO0123456789")
"""Any other letter alone begins a compound: T shirt, X ray, K pop."""
LONGEST_JOINED: Final = 6
"""Words of a query whose neighbours may be written as one."""
_SHORTEST: Final = 4
# Verbs that make a noun with a small word behind them (drop-off, dropoff), beside those that are first halves.
_VERBS: Final = (
    "pick cut drop lay build shut fall kick trade lock mix melt make lift touch wash wipe hang hide cook walk sell "
    "burn fill push pull tie warm knock crack spin print read look add plug drive call feed lead cash fly play "
    "close clean"
)
_VERB_AND_SMALL_WORD: Final = re.compile(
    rf"({'|'.join(_VERBS.split())})(?:up|off|out|in|on|down|back|over|away|through)s?"
)


def verb_of(word: str) -> str | None:
    """What a noun like pickup begins with: where it is written in two words, the second says nothing."""
    found = _VERB_AND_SMALL_WORD.fullmatch(word)
    return found[1] if found is not None else None


def is_head(word: str) -> bool:
    """Whether it and the next word may be written as one."""
    return word.lower() in _HEADS if len(word) > 1 else word not in _WORDS_OF_ONE_LETTER


def joined_pairs(words: Iterable[str]) -> Iterator[str]:
    """Neighbouring words of a short query as one each: somebody may write it so."""
    known = list(words)
    if len(known) <= LONGEST_JOINED:
        for first, second in pairwise(known):
            if len(first) + len(second) >= _SHORTEST or (len(known) == 2 and len(first) == len(second) == 1):
                yield first + second
