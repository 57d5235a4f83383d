"""What a query may say beside its words: "a phrase" in quotes, and -words that hits must not have."""

import re
from dataclasses import dataclass
from typing import Final

from search.domain.folding import fold, plain_signs
from search.domain.hangul import has_hangul

_QUOTED: Final = re.compile(r"(?P<minus>(?<!\S)[-−])?[\"“”„‟«»＂](?P<phrase>[^\"“”„‟«»＂]*)[\"“”‟«»＂]")
# A minus that stands before a word, not between two, not before a number: -20 is a temperature.
_EXCLUDED: Final = re.compile(r"(?<!\S)[-−](?P<word>[^\W\d_][^\s\"“”]*)")
_SIGNS: Final = r"[\W_]*"
_WORDS: Final = re.compile(r"[\W_]+")
_LEAST_LATIN: Final = 2
MOST_PARTS: Final = 20
"""Phrases and excluded words of one query; further ones are plain words."""


@dataclass(frozen=True, slots=True)
class QuerySyntax:
    """A query, taken apart."""

    text: str
    """What is looked for by words and by meaning: without quotes, and without what is excluded."""
    phrases: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()

    @property
    def is_plain(self) -> bool:
        """Whether it has nothing but words."""
        return not (self.phrases or self.excluded)


def read_query(query: str) -> QuerySyntax:
    """Never fails: a quote that is not closed and a minus alone are signs like others.

    A query of nothing but exclusions means their words.
    """
    if not re.search(r"[-−\"“”„‟«»＂]", query):
        return QuerySyntax(query)
    phrases: list[str] = []
    excluded: list[str] = []

    def quoted(match: re.Match[str]) -> str:
        phrase = match["phrase"].strip()
        if not _WORDS.sub("", phrase) or len(phrases) + len(excluded) >= MOST_PARTS:
            return f" {phrase} "
        (excluded if match["minus"] else phrases).append(phrase)
        return " " if match["minus"] else f" {phrase} "

    def minus(match: re.Match[str]) -> str:
        word = match["word"]
        if (len(word) < _LEAST_LATIN and not has_hangul(word)) or len(phrases) + len(excluded) >= MOST_PARTS:
            return match.group()
        excluded.append(word)
        return " "

    text = " ".join(_EXCLUDED.sub(minus, _QUOTED.sub(quoted, query)).split())
    if not _WORDS.sub("", text):
        return QuerySyntax(query)
    return QuerySyntax(text, tuple(dict.fromkeys(phrases)), tuple(dict.fromkeys(excluded)))


def is_one_word(written: str) -> bool:
    """Whether it has an ending at most, so that its stem says all of it: a Latin word, a syllable."""
    return written.isalpha() and (written.isascii() or len(written) == 1)


class Phrase:
    """Words that stand one behind the other, however they are spelt: in Korean also without the spaces between."""

    def __init__(self, written: str) -> None:
        self._squeezes = has_hangul(written)
        self._words = squeezed(written, spaces=not self._squeezes)
        # Squeezing a text takes as long as looking for fifty words in it, and hardly any has the phrase. Signs may
        # part the syllables.
        self._longest = max(self._words.split(), key=len, default="")
        self._parted = re.compile(_SIGNS.join(map(re.escape, self._words))) if self._squeezes else None

    def is_in(self, text: str) -> bool:
        """Of a text as it is shown."""
        text = _comparable(text)
        if self._parted is None:
            return self._longest in text and f" {self._words} " in f" {_without_signs(text, ' ')} "
        if self._parted.search(text) is None:
            return False
        place, within = -1, _without_signs(text, "")
        while (place := within.find(self._words, place + 1)) >= 0:
            # 3조 is not in 13조.
            if not (self._words[0].isdigit() and within[place - 1 : place].isdigit()):
                return True
        return False


def squeezed(text: str, *, spaces: bool = True) -> str:
    """Its words in small letters without accents, one space (or none) between them, no other signs."""
    return _without_signs(_comparable(text), " " if spaces else "")


def _comparable(text: str) -> str:
    return plain_signs(fold(text))


def _without_signs(text: str, between: str) -> str:
    return _WORDS.sub(between, text).strip()
