"""Words that nobody wrote, and what they may have been meant to be. Codes are never touched.

A word is unknown when neither it, nor its stem, nor what its parts make stands anywhere in what may be searched. It is
compared letter by letter, Hangul as it is typed: exchanged neighbours count as one mistake (Damerau 1964, restricted).
"""

from array import array
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from operator import itemgetter
from typing import Final, NamedTuple

from search.domain.english import STOPWORDS, singular
from search.domain.keystrokes import keystrokes
from shared.patterns import pattern

_WORD: Final = pattern(r"(?<![\w.@/&'’\-])(?:(?P<latin>[A-Za-z]{4,})|(?P<hangul>[가-힣]{2,}))(?![\w@/&'’\-]|\.\w)")
"""Whole words of one script: nothing with digits or joints, which may be codes."""
_WRITTEN: Final = pattern(r"[A-Za-z]{3,}|[가-힣]{2,}")
_ACRONYM: Final = 6
"""From so many letters on a word in capitals is a word."""
_LONGEST: Final = 40
_DOUBTED: Final = frozenset("이가로과와도만나라랑인들란")
"""Particles that many nouns end on (고양이, 효과)."""
_SURE_ONES: Final = (
    "은 는 을 를 의 에 으로 에서 에게 에는 에도 부터 까지 보다 처럼 이나 이라 으로는 으로도 마다 밖에 "
    "조차 마저 이랑 하고 이다 입니다 이며 이고 이란 에서는 에서도 에게서 께서 들은 들이 들을 들의"
)
_PARTICLES: Final = tuple(sorted((*_DOUBTED, *_SURE_ONES.split()), key=len, reverse=True))
# What follows a noun where it is a verb, an adjective or a noun with a suffix: 수입하려면, 자동차들처럼.
_GOES_ON: Final = frozenset(
    "하해했한할함합되된될돼됩됐시적들이인일입였로라란스롭답같처보만마조까부밖은는을를의에과와도나랑여께"
)
_LONG_LATIN: Final = 8
"""From so many letters on two mistakes are looked past."""
_LONG_HANGUL: Final = 6
_MOST_WORDS: Final = 20
_MOST_COMPARED: Final = 200
_SURE: Final = 2
"""How often a word must stand somewhere to be offered for one that has two mistakes."""


class Correction(NamedTuple):
    """A stretch of the query, and what was meant."""

    start: int
    end: int
    instead: str


def written_words(text: str) -> Iterator[str]:
    """The words of a text as a vocabulary has them: small Latin ones, and Hangul with and without particles."""
    for match in _WRITTEN.finditer(text):
        word = match.group()
        if len(word) <= _LONGEST:
            yield from (word.lower(),) if word.isascii() else forms(word)


def forms(word: str) -> Iterator[str]:
    """A Hangul word, and what is left of it without a particle, if that has two syllables."""
    yield word
    for particle in _PARTICLES:
        if word.endswith(particle) and len(word) - len(particle) >= 2:
            yield word[: -len(particle)]
            return


def without_particle(word: str) -> tuple[str, bool] | None:
    """What is left of a Hangul word, and whether what goes can be nothing but a particle; None: it has none."""
    for bare in list(forms(word))[1:]:
        return bare, word[len(bare) :] not in _DOUBTED
    return None


class Unknown(NamedTuple):
    """A word of a query that stands nowhere."""

    start: int
    end: int
    word: str


class Spelling:
    """Of one set of words, made anew when they change: 2 µs a word, and as much again for the first comparison."""

    def __init__(self, counts: Mapping[str, int], stem: Callable[[str], str]) -> None:
        """`counts`: in how many chunks each word stands."""
        self._counts = counts
        self._stem = stem
        self._stems = frozenset(stem(singular(one)) for one in counts if one.isascii())
        self._words: list[str] = []
        self._keys: list[str] = []
        self._by_pair: dict[str, array[int]] | None = None

    def is_known(self, word: str) -> bool:
        """Whether it stands somewhere, or is made of what does."""
        if not word.isascii():
            return any(one in self._counts for one in forms(word)) or self._is_made_of(word)
        lower = word.lower()
        if lower in self._counts or lower in STOPWORDS:
            return True
        return self._stem(singular(lower)) in self._stems or any(
            lower[:place] in self._counts and lower[place:] in self._counts for place in range(3, len(lower) - 2)
        )

    def nearest(self, word: str) -> str | None:
        """The known word that was most likely meant; None: there is none near."""
        if word.isascii():
            return self._nearest(word.lower(), keystrokes(word))
        best: str | None = None
        for one in forms(word):
            meant = self._nearest(one, keystrokes(one))
            if meant is not None:
                best = meant + word[len(one) :]
                if len(one) == len(word):
                    return best
        return best

    def _nearest(self, word: str, keys: str) -> str | None:
        most = 2 if len(keys) >= (_LONG_LATIN if word.isascii() else _LONG_HANGUL) else 1
        offered = []
        for number in self._candidates(keys):
            other, other_keys = self._words[number], self._keys[number]
            if abs(len(other_keys) - len(keys)) > most or other.isascii() != word.isascii():
                continue
            count = self._counts[other]
            # The first letter is seldom wrong.
            allowed = most if other_keys[0] == keys[0] and count >= _SURE else 1
            distance = edits(keys, other_keys, allowed)
            if distance <= allowed:
                offered.append((distance, abs(len(other) - len(word)), -count, other))
        return min(offered)[3] if offered else None

    def _candidates(self, keys: str) -> list[int]:
        """Those that share most pairs of letters with it."""
        if self._by_pair is None:
            self._words = [word for word in self._counts if len(word) > 1]
            # Latin words are typed as they are written: the same objects once more.
            typed = ((word, keystrokes(word)) for word in self._words)
            self._keys = [word if keys == word else keys for word, keys in typed]
            by_pair: dict[str, array[int]] = {}
            for number, one in enumerate(self._keys):
                for pair in _pairs(one):
                    by_pair.setdefault(pair, array("I")).append(number)
            self._by_pair = by_pair
        shared: Counter[int] = Counter()
        for pair in _pairs(keys):
            shared.update(self._by_pair.get(pair, ()))
        return most_common(shared, _MOST_COMPARED)

    def _is_made_of(self, word: str) -> bool:
        """Words of two syllables and more one behind the other; the last one may go on as verbs and nouns do."""
        reached = {0}
        for end in range(2, len(word) + 1):
            if any(start in reached and word[start:end] in self._counts for start in range(end - 1)):
                reached.add(end)
        if len(word) in reached:
            return True
        return any(place and word[place] in _GOES_ON for place in reached if place < len(word))


def unknown_words(text: str, vocabularies: Sequence[Spelling]) -> list[Unknown]:
    """Words of a query that no vocabulary knows; acronyms, codes and what has joints are left alone."""
    found = []
    for match in islice(_WORD.finditer(text), _MOST_WORDS):
        word = match.group()
        is_acronym = word.isascii() and word.isupper() and len(word) < _ACRONYM
        if len(word) <= _LONGEST and not is_acronym and not any(one.is_known(word) for one in vocabularies):
            found.append(Unknown(*match.span(), word))
    return found


def corrections(unknown: Iterable[Unknown], vocabularies: Sequence[Spelling]) -> list[Correction]:
    """Those that are near to a word of a vocabulary, in order."""
    found = []
    for start, end, word in unknown:
        meant = next((near for one in vocabularies if (near := one.nearest(word)) is not None), None)
        if meant is not None:
            found.append(Correction(start, end, meant))
    return found


def corrected(text: str, made: Iterable[Correction]) -> str:
    """The text with what was meant."""
    pieces: list[str] = []
    done = 0
    for one in made:
        pieces += text[done : one.start], one.instead
        done = one.end
    return "".join((*pieces, text[done:]))


def edits(one: str, other: str, most: int) -> int:
    """Letters put in, left out, taken for others or exchanged with their neighbour; `most` + 1 where there are more."""
    if abs(len(one) - len(other)) > most:
        return most + 1
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, start=1):
        before_last, before, row = before, row, [most + 1] * (len(other) + 1)
        row[0] = best = i
        # Further from the diagonal it takes more than `most` to come back to it.
        for j in range(max(1, i - most), min(len(other), i + most) + 1):
            cost = before[j - 1] + (letter != other[j - 1])
            if before[j] < cost:
                cost = before[j] + 1
            if row[j - 1] < cost:
                cost = row[j - 1] + 1
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == other[j - 1]:
                cost = min(cost, before_last[j - 2] + 1)
            row[j] = cost
            if cost < best:
                best = cost
        if best > most:
            return most + 1
    return min(row[-1], most + 1)


def most_common(shared: Counter[int], most: int) -> list[int]:
    """As `Counter.most_common` has them, where many have the same few counts: in half the time."""
    left, least = most, 0
    for count, having in sorted(Counter(shared.values()).items(), reverse=True):
        least = count
        left -= having
        if left <= 0:
            break
    best = [(number, count) for number, count in shared.items() if count >= least]
    best.sort(key=itemgetter(1), reverse=True)
    return [number for number, _ in best[:most]]


def _pairs(keys: str) -> Collection[str]:
    """Neighbouring letters, the ends marked."""
    marked = f" {keys} "
    return {marked[place : place + 2] for place in range(len(marked) - 1)}
