"""What a term weighs in a chunk, and the vector that terms make.

BM25's term part (Robertson and Zaragoza, "The Probabilistic Relevance Framework", 2009), k1 1.2, b 0.75.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

K1: Final = 1.2
B: Final = 0.75
AVERAGE_WORDS: Final = 130
"""The length, in words and morphemes, that counts as average: constant, so that a chunk weighs the same always."""
AVERAGE_BIGRAMS: Final = 260
"""The same for Hangul bigrams of a Korean chunk."""
BIGRAM_WEIGHT: Final = 0.3
"""What a bigram counts against a morpheme in a query: bigrams find what the morphemes cut differently."""
ASIDE_WEIGHT: Final = 0.3
"""The same of another writing or a piece of a word."""
COMPOUND_WEIGHT: Final = 0.7
"""The same of two words as one, where that is a compound that many write so: log in, bar code."""
NAME_WEIGHT: Final = 1.0
"""What a word of the document's name weighs in its first chunk: as if it stood once in one of average length."""
REFERENCE_WEIGHT: Final = 2.0
"""The same of a reference (제3조)."""
BARE_REFERENCE_WEIGHT: Final = 0.7
"""The same of one that may be a number (3조)."""
YEARLESS_WEIGHT: Final = 1.5
"""The same of a day whose year a text does not say, where it is asked for with one."""
INSIDE_WEIGHT: Final = 0.25
"""The same of the number inside a reference."""
SYNONYM_WEIGHT: Final = 0.7
"""The same of a synonym of one word; of several words each weighs less."""
WORD_WEIGHT: Final = 0.6
"""What a pair of syllables weighs in a word that belongs together: twice as much as elsewhere."""
CORRECTED_WEIGHT: Final = 0.7
"""The same of a word that was likely meant: what was written comes first where it stands after all."""


@dataclass(frozen=True, slots=True)
class SparseVector:
    """Unsigned 32-bit indices, each once, and a weight for each."""

    indices: tuple[int, ...]
    values: tuple[float, ...]


def term_weights(terms: Counter[str], length: int, average: float) -> Iterator[tuple[str, float]]:
    """BM25's term part for each term of a chunk with `length` words; IDF is the index's to add."""
    norm = K1 * (1 - B + B * length / average)
    for term, count in terms.items():
        yield term, count * (K1 + 1) / (count + norm)


def sparse_vector(weighted: Iterable[tuple[str, float]], hash_term: Callable[[str], int]) -> SparseVector:
    """Terms that share a hash add up."""
    weights: dict[int, float] = {}
    for term, weight in weighted:
        index = hash_term(term)
        weights[index] = weights.get(index, 0.0) + weight
    return SparseVector(tuple(weights), tuple(weights.values()))


def with_others(own: SparseVector, others: SparseVector, factor: float) -> SparseVector:
    """The vector with the terms it lacks of another one, each weighing `factor` of what it does there."""
    weights = dict(zip(own.indices, own.values, strict=True))
    for index, value in zip(others.indices, others.values, strict=True):
        weights.setdefault(index, value * factor)
    return SparseVector(tuple(weights), tuple(weights.values()))


def stressed(own: SparseVector, part: SparseVector, weight: float) -> SparseVector:
    """The vector with each term of a part of it weighing `weight` at least."""
    weights = dict(zip(own.indices, own.values, strict=True))
    for index in part.indices:
        weights[index] = max(weight, weights.get(index, 0.0))
    return SparseVector(tuple(weights), tuple(weights.values()))
