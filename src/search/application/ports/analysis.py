"""The analysis of text: from words to sparse vectors."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from search.domain.terms import SparseVector, stressed, with_others
from search.domain.tokens import Stem


@dataclass(frozen=True, slots=True)
class AnalysedQuery:
    """A query as the sparse index and the highlighter need it."""

    sparse: SparseVector
    words: frozenset[str]
    """Terms of words and codes."""
    morphemes: tuple[str, ...]
    """Korean surfaces."""

    @property
    def weight(self) -> float:
        """What all its terms weigh together."""
        return sum(self.sparse.values)

    def along_with(self, other: "AnalysedQuery", factor: float) -> "AnalysedQuery":
        """Found and marked by the terms of another one too, which weigh less."""
        return AnalysedQuery(
            sparse=with_others(self.sparse, other.sparse, factor),
            words=self.words | other.words,
            morphemes=tuple(dict.fromkeys((*self.morphemes, *other.morphemes))),
        )

    def stressing(self, word: "AnalysedQuery", weight: float) -> "AnalysedQuery":
        """The same with a word in it that counts for more, all of its parts."""
        return AnalysedQuery(
            sparse=stressed(self.sparse, word.sparse, weight),
            words=self.words | word.words,
            morphemes=tuple(dict.fromkeys((*self.morphemes, *word.morphemes))),
        )


class ContentWord(NamedTuple):
    """A word that says something, where it stands in its text (code points)."""

    start: int
    end: int
    terms: tuple[str, ...]
    """The whole first; then other writings and, of a number, the number with its unit."""
    is_number: bool = False
    is_name: bool = False
    """A proper noun; in scripts with case a word that begins large inside a sentence."""


class Analyzer(Protocol):
    """Turns text into sparse vectors. What a language needs is loaded when its first text comes."""

    @property
    def version(self) -> str:
        """Names the rules: units of another version do not belong into the same index."""
        ...

    @property
    def stem(self) -> Stem:
        """The stem of a lower-case English word; safe from any thread."""
        ...

    async def chunks(self, texts: Sequence[str], *, name: str | None = None) -> Sequence[SparseVector]:
        """One vector per text, in their order; the first has the words of the `name` too.

        Raises Unavailable while an analyser cannot be loaded.
        """
        ...

    async def query(self, text: str) -> AnalysedQuery:
        """Raises Unavailable while an analyser cannot be loaded."""
        ...

    async def content_words(self, texts: Sequence[str]) -> Sequence[Sequence[ContentWord]]:
        """Of each text, in order: nouns, verbs, names, numbers and codes, without what every text has.

        Raises Unavailable while an analyser cannot be loaded.
        """
        ...

    async def is_plausible(self, word: str) -> bool:
        """Whether a word of Hangul is made of what a dictionary has, as words are; True for other scripts.

        Raises Unavailable while an analyser cannot be loaded.
        """
        ...
