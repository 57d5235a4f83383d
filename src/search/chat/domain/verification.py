"""Whether a stretch of a document bears a sentence out: numbers, names, negation, and enough of its words.

Nothing here knows a language model or who wrote the sentence; words come analysed, with every writing of a number
among their terms.
"""

import re
from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import Final, Protocol

from shared.patterns import pattern


class Word(Protocol):
    """A word that says something, in the order of its text."""

    @property
    def start(self) -> int:
        """Where it stands in its text (code points)."""
        ...

    @property
    def end(self) -> int:
        """Where what follows it begins."""
        ...

    @property
    def terms(self) -> tuple[str, ...]:
        """The whole first, then other writings; of a number also the number with its unit."""
        ...

    @property
    def is_number(self) -> bool:
        """Whether it begins with a digit: a number, a date, a code."""
        ...

    @property
    def is_name(self) -> bool:
        """Whether it is a proper noun."""
        ...


ENOUGH: Final = 0.6
"""The share of a sentence's words that must stand in the quote. Of sentences copied word by word it is 1."""
ALIKE: Final = 0.8
"""The cosine from which two sentences say the same in other words, if numbers, names and denials agree."""
ENOUGH_ALIKE: Final = 0.3
"""The share of its words that must stand there even then."""
ALMOST_ALL: Final = 0.85
"""From so much on, one is taken for a copy of the other: what differs between them was changed."""
_MOST_CHANGED: Final = 3
"""Words in a row; where more differ, something else is said rather than the same thing wrongly."""
_NEGATIONS: Final = pattern(
    r"(?P<behind>않|못(?=하)|없|아니(?!라면)|불가|금지)"
    r"|못(?=[ 할해했합])|(?<![가-힣])안(?= )"
    r"|\b(?:not|no|never|none|neither|nor|without|cannot)\b|n['’]t\b",
    re.IGNORECASE,
)
"""Those that stand behind what they deny, and the others before it."""


def bears_out(
    sentence: str,
    words: Sequence[Word],
    quote: str,
    quoted: Sequence[Word],
    *,
    known: Sequence[Word] = (),
    enough: float = ENOUGH,
) -> bool:
    """Whether the quote says what the sentence says. `known` are words of the question, which an answer repeats.

    `enough` is the share of its words that must stand there; less where something else tells that both mean the same.
    """
    if not words:
        return False
    if _plain(sentence) in _plain(quote):
        return True
    there = {term for word in quoted for term in word.terms}
    return (
        overlap(words, quoted) >= enough
        and all(_number_is_there(word, there) for word in words if word.is_number)
        and _names_are_there(words, there | {term for word in known for term in word.terms})
        and not _stands_for_another(words, quoted)
        and not _changed_places(words, quoted)
        and _same_negation(sentence, words, quote, quoted)
    )


def _plain(text: str) -> str:
    """As a copy is compared: its line ends and the bars of a table's row apart."""
    return re.sub(r"[\s|]+", "", text)


def overlap(words: Sequence[Word], quoted: Sequence[Word]) -> float:
    """The share of the words that stand in the quote, numbers among them; 0 of none."""
    there = {term for word in quoted for term in word.terms}
    return sum(1 for word in words if not there.isdisjoint(word.terms)) / len(words) if words else 0.0


def _number_is_there(word: Word, there: set[str]) -> bool:
    """The number itself, and its unit where the sentence says one."""
    whole, *others = word.terms
    with_unit = [term for term in others if term.startswith(whole) and term != whole]
    if with_unit:
        return not there.isdisjoint(with_unit)
    return whole in there or not there.isdisjoint(others)


def _names_are_there(words: Sequence[Word], there: set[str]) -> bool:
    return all(not there.isdisjoint(word.terms) for word in words if word.is_name)


def _stands_for_another(words: Sequence[Word], quoted: Sequence[Word]) -> bool:
    """Whether between the same neighbours something else stands than in the quote: a changed name, number or thing."""
    there = {term for word in quoted for term in word.terms}
    firsts, said = [word.terms[0] for word in quoted], [word.terms[0] for word in words]
    changes = SequenceMatcher(None, firsts, said, autojunk=False).get_opcodes()
    for place, (kind, begin, end, start, stop) in enumerate(changes):
        if kind != "replace" or end - begin > _MOST_CHANGED or stop - start > _MOST_CHANGED:
            continue
        around = [changes[one] for one in (place - 1, place + 1) if 0 <= one < len(changes)]
        same = [one[4] - one[3] for one in around if one[0] == "equal"]
        # At either end of a sentence there is one neighbour only: the next two say that it is the same place.
        if len(same) < 2 and sum(same) < 2:
            continue
        instead = {term for word in quoted[begin:end] for term in word.terms}
        if any(
            there.isdisjoint(word.terms) or ((word.is_number or word.is_name) and instead.isdisjoint(word.terms))
            for word in words[start:stop]
        ):
            return True
    return False


def _changed_places(words: Sequence[Word], quoted: Sequence[Word]) -> bool:
    """Whether all words are there, nearly all in the same order, and two names or numbers took each other's place."""
    order = [word.terms[0] for word in quoted]
    if overlap(words, quoted) < ALMOST_ALL:
        return False
    # At the beginning of a sentence a name is told by the other text only.
    names = {word.terms[0] for word in (*words, *quoted) if word.is_name or word.is_number}
    marks = [word.terms[0] for word in words if word.terms[0] in names and order.count(word.terms[0]) == 1]
    places = [order.index(mark) for mark in marks]
    if len(set(marks)) < 2 or places == sorted(places):
        return False
    rest = [word.terms[0] for word in words if word.terms[0] not in marks and order.count(word.terms[0]) == 1]
    others = [order.index(one) for one in rest]
    return others == sorted(others)


def _same_negation(sentence: str, words: Sequence[Word], quote: str, quoted: Sequence[Word]) -> bool:
    """Whether the same is denied: each denial of one belongs to a word that the other denies too."""
    denied, in_quote = _denied(sentence, words), _denied(quote, quoted)
    if overlap(quoted, words) >= ALMOST_ALL and overlap(words, quoted) >= ALMOST_ALL and len(denied) != len(in_quote):
        return False
    said = {term for word in words for term in word.terms}
    return all(_is_among(one, in_quote) for one in denied) and all(
        # What is denied in the rest of the quote, the sentence need not say.
        said.isdisjoint(one) or _is_among(one, denied)
        for one in in_quote
    )


def _denied(text: str, words: Sequence[Word]) -> list[frozenset[str]]:
    """The terms of the word that each denial belongs to; none where there is no word."""
    found = []
    for match in _NEGATIONS.finditer(text):
        if match["behind"]:
            near = next((word for word in reversed(words) if word.start < match.start()), None)
        else:
            near = next((word for word in words if word.start >= match.end()), None)
        found.append(frozenset(near.terms if near else ()))
    return found


def _is_among(one: frozenset[str], others: Sequence[frozenset[str]]) -> bool:
    return any(not one or not one.isdisjoint(other) for other in others)
