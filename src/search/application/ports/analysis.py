"""The analysis of text: from words to sparse vectors."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from search.domain.terms import SparseVector, Stem


@dataclass(frozen=True, slots=True)
class AnalysedQuery:
    """A query as the sparse index and the highlighter need it."""

    sparse: SparseVector
    words: frozenset[str]
    """Terms of words and codes."""
    morphemes: tuple[str, ...]
    """Korean surfaces."""


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

    async def chunks(self, texts: Sequence[str]) -> Sequence[SparseVector]:
        """One vector per text, in their order. Raises Unavailable while an analyser cannot be loaded."""
        ...

    async def query(self, text: str) -> AnalysedQuery:
        """Raises Unavailable while an analyser cannot be loaded."""
        ...
