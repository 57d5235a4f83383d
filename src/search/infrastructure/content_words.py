"""The words of a text that say something, in their order: what an answer's sentences are compared by."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from search.application.ports.analysis import ContentWord
from search.domain.english import STOPWORDS, is_contraction
from search.domain.irregular_verbs import BASES
from search.domain.standard_spelling import in_standard_spelling
from search.domain.tokens import Stem, tokens
from search.infrastructure.kiwi.morphology import Morpheme

_KEPT: Final = frozenset(("NNG", "NNP", "VV", "VA", "XR", "VV-R", "VV-I", "VA-R", "VA-I", "NR"))
_EMPTY: Final = frozenset(
    ("하", "되", "있", "없", "이", "같", "않", "말", "위하", "대하", "의하", "따르", "통하", "관하")
)
"""Verbs and nouns of one or two syllables that stand in every text, and those that negate (they are judged apart)."""


def content_words(text: str, folded: str, morphemes: Iterable[Morpheme], stem: Stem) -> Sequence[ContentWord]:
    """`morphemes` are Kiwi's tokens of the folded text; where folding changed lengths, names are not told by case."""
    found = [*_of_tokens(text if len(text) == len(folded) else folded, folded, stem), *_of_morphemes(morphemes)]
    found.sort(key=lambda word: word.start)
    return found


def _of_tokens(text: str, folded: str, stem: Stem) -> Iterator[ContentWord]:
    for token in tokens(folded, stem):
        written = text[token.start : token.end]
        if (
            written.lower() in STOPWORDS
            or is_contraction(folded[token.start : token.end].lower())
            or (written.isascii() and not any(map(str.isalnum, written)))
        ):
            continue
        base = BASES.get(written.lower())
        terms = token.terms if base is None else (stem(base), *token.terms)
        begins = not text[: token.start].strip(" \t\"'(“‘")
        yield ContentWord(
            token.start,
            token.end,
            (*terms, *token.asides),
            is_number=written[0].isdigit(),
            is_name=written[0].isupper() and not begins,
        )


def _of_morphemes(morphemes: Iterable[Morpheme]) -> Iterator[ContentWord]:
    for one in morphemes:
        if one.tag in _KEPT and one.form not in _EMPTY:
            term = in_standard_spelling(one.form)
            yield ContentWord(one.start, one.start + one.length, (term,), is_name=one.tag == "NNP")
