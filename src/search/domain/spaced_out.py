"""Words with spaces or dots between their letters: 목 차, I N V O I C E as in headings and forms; 한·중·일."""

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final, NamedTuple

from search.domain.hangul import is_function_word
from shared.patterns import pattern

_NO_HANGUL: Final = "[^가-힣A-Za-z0-9]"
_NO_LETTER: Final = r"[\W_]"
# From behind the first letter, so that it begins with a space: looking for those is twice as fast as for letters.
_RUN: Final = pattern(
    rf" (?:(?<={_NO_HANGUL}[가-힣] ) {{0,8}}[가-힣](?={_NO_HANGUL})(?: {{1,9}}[가-힣](?={_NO_HANGUL}))*"
    rf"|(?<={_NO_LETTER}[A-Za-z] ) {{0,8}}[A-Za-z](?={_NO_LETTER})(?: {{1,9}}[A-Za-z](?={_NO_LETTER})){{2,}})"
)
_DOTTED: Final = pattern(rf"[·・\u119e/-](?<={_NO_HANGUL}[가-힣].)[가-힣](?:[·・\u119e/-][가-힣])*(?={_NO_HANGUL})")
_LONGER_WORD: Final = pattern(r"[가-힣]{2}")
_SECTIONS: Final = frozenset("장절조편관항호목권")
"""What a number before it counts: no part of the heading behind it."""
_OPENING: Final = frozenset("([<{【「『《〈")
_ENDS: Final = "\n\t|"
"""Of lines and of cells."""
_ENOUGH: Final = 4
"""Letters of a word in a row. Fewer are often words of one syllable: 할 수 있다, 몇 년 전."""
_MOST: Final = 24


class SpacedOut(NamedTuple):
    """A word, and where each of its letters stands."""

    word: str
    places: Sequence[int]


def spaced_out(text: str) -> Iterator[SpacedOut]:
    """Those of a folded text, with spaces first, then with dots. Wider gaps in a run of letters part its words."""
    padded = f"\n{text}\n"
    for match in _RUN.finditer(padded):
        places = _letters(text, match)
        if text[places[0]] in _SECTIONS and _before(text, places[0]).isdigit():
            del places[0]
        if 1 < len(places) <= _MOST and (_are_of_a_word(text, places) or _is_apart(text, places)):
            for word in _words(places):
                yield _spaced_out(text, word)
    for match in _DOTTED.finditer(padded):
        yield _spaced_out(text, _letters(text, match))


def _letters(text: str, match: re.Match[str]) -> list[int]:
    # The first letter stands before the match, and a line break before all of the text.
    return [place for place in range(match.start() - 2, match.end() - 1) if text[place].isalpha()]


def _spaced_out(text: str, places: Sequence[int]) -> SpacedOut:
    return SpacedOut("".join(map(text.__getitem__, places)), places)


def _words(places: Sequence[int]) -> Sequence[Sequence[int]]:
    narrow = _narrowest(places)
    words = [[places[0]]]
    for place, behind in pairwise(places):
        if behind - place > narrow:
            words.append([])
        words[-1].append(behind)
    # A letter alone is no word: then the gaps are only uneven.
    return words if min(map(len, words)) > 1 else [places]


def _are_of_a_word(text: str, places: Sequence[int]) -> bool:
    """Whether letters wherever they stand are hardly anything else."""
    alone = sum(is_function_word(text[place]) for place in places)
    return len(places) >= _ENOUGH and 2 * alone < len(places)


def _is_apart(text: str, places: Sequence[int]) -> bool:
    """Whether few letters are a word by where they stand: far from each other, before a colon, in brackets, or on a
    line or in a cell without any longer word.
    """
    first, last = places[0], places[-1]
    if _narrowest(places) > 2 or text[last + 1 : last + 9].lstrip(" ")[:1] == ":" or _before(text, first) in _OPENING:
        return True
    begin = max(text.rfind(end, 0, first) for end in _ENDS) + 1
    ends = [place for end in _ENDS if (place := text.find(end, last)) >= 0]
    return _LONGER_WORD.search(text, begin, min(ends, default=len(text))) is None


def _narrowest(places: Sequence[int]) -> int:
    """From a letter to the next: 2 where one space parts them."""
    return min(behind - place for place, behind in pairwise(places))


def _before(text: str, place: int) -> str:
    return text[max(0, place - 9) : place].rstrip(" ")[-1:]
