"""Text to sparse vectors: English stems by Snowball, Korean morphemes by Kiwi, started by the first Hangul."""

import asyncio
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache, partial
from typing import Any, Final, Self, TypeVar

import mmh3
import Stemmer
from typing_extensions import override

from search.application.ports.analysis import AnalysedQuery, Analyzer, ContentWord
from search.domain.acronyms import AMERICA
from search.domain.compounds import LONGEST_JOINED, joined_pairs, verb_of
from search.domain.english import STOPWORDS
from search.domain.folding import fold, plain
from search.domain.hangul import bigrams, has_hangul, is_function_word, lone_syllables, words_of_hangul
from search.domain.hanja import with_usual_readings
from search.domain.references import Reference, asked_references, bare_references, references
from search.domain.standard_spelling import in_standard_spelling, other_spellings
from search.domain.terms import (
    ASIDE_WEIGHT,
    AVERAGE_BIGRAMS,
    AVERAGE_WORDS,
    BARE_REFERENCE_WEIGHT,
    BIGRAM_WEIGHT,
    COMPOUND_WEIGHT,
    INSIDE_WEIGHT,
    NAME_WEIGHT,
    REFERENCE_WEIGHT,
    YEARLESS_WEIGHT,
    SparseVector,
    sparse_vector,
    term_weights,
)
from search.domain.tokens import Token, base, tokens
from search.domain.writings import with_what_is_meant, with_words, words_read_out
from search.infrastructure.content_words import content_words
from search.infrastructure.kiwi.child import KiwiChild
from search.infrastructure.kiwi.morphology import Morpheme, Morphology

_SLICE: Final = 16
_LONG_QUERY: Final = 200

_local = threading.local()
T = TypeVar("T")


@lru_cache(maxsize=16_384)
def english_stem(word: str) -> str:
    """Snowball's English stem ("Porter 2") of a lower-case word; words with digits stay as they are."""
    stemmer: Any = getattr(_local, "stemmer", None)
    if stemmer is None:
        # A Stemmer is not safe between threads.
        stemmer = _local.stemmer = Stemmer.Stemmer("english", 0)
    stem: str = stemmer.stemWord(word)
    return stem


_STOP_STEMS: Final = STOPWORDS | frozenset(english_stem(word) for word in STOPWORDS)


def _folded(texts: Sequence[str]) -> list[str]:
    return [with_usual_readings(fold(text)) for text in texts]


def _taken_out(folded: str) -> tuple[list[Reference], str]:
    """What a text refers to, and the text without it, as long as before."""
    referred, rest = list(asked_references(folded)), folded
    for one in referred:
        rest = rest[: one.start] + " " * (one.end - one.start) + rest[one.end :]
    return referred, rest


def _is_inside(token: Token, named: Iterable[Reference]) -> bool:
    return any(one.start <= token.start < one.end for one in named)


def _hiding(
    referred: Sequence[Reference], bare: Sequence[Reference], found: Sequence[Token], *, has_more: bool
) -> list[Reference]:
    """Those that what they are made of says little beside.

    Of a date it says more where other words are asked for too: a text may say the year here and the day there. And
    what only may be a date is searched for as it is written.
    """
    others = (token for token in found if not _STOP_STEMS.issuperset(token.terms) and not _is_inside(token, referred))
    is_all = not has_more and next(others, None) is None
    return [one for one in referred if is_all or not one.is_date] + [one for one in bare if not one.is_date]


def _is_of_stop_words(token: Token) -> bool:
    """Whether it is made of them: as-is."""
    return _STOP_STEMS.issuperset(token.terms[1:] or token.terms)


def _word_of(token: Token, folded: str) -> str:
    """As it is written, where that is a word: stems of two make no stem of their compound."""
    written = folded[token.start : token.end]
    return written if written.isalpha() else token.terms[0].replace(".", "")


async def _at_once(work: Callable[..., T], *arguments: Any) -> T:
    return work(*arguments)


def _query_morphemes(text: str, found: Sequence[str], *, alone: bool) -> list[str]:
    """With the words of one syllable in every reading; everything that is written, when nothing else is there."""
    lone = list(dict.fromkeys(lone_syllables(text)))
    telling = [one for one in lone if not is_function_word(one)]
    if alone and not found and not telling:
        return lone or list(words_of_hangul(text))
    return [*found, *(one for one in telling if one not in found)]


@lru_cache(maxsize=16_384)
def _hash(term: str) -> int:
    # Bigrams carry a prefix of their own, so that no morpheme of two syllables is taken for one.
    number: int = mmh3.hash(term, signed=False)
    return number


class KiwiAnalyzer(Analyzer):
    """An async context manager. English is analysed here, long texts in threads; English alone never starts Kiwi."""

    version: Final = "8"
    stem = staticmethod(english_stem)

    def __init__(self, korean: Morphology | None = None) -> None:
        """`korean` is Kiwi in a process of its own unless it is given."""
        self._korean = korean or KiwiChild()
        self._chunk_threads = ThreadPoolExecutor(1, thread_name_prefix="analyse")
        self._query_threads = ThreadPoolExecutor(2, thread_name_prefix="analyse-query")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._chunk_threads.shutdown(wait=False, cancel_futures=True)
        self._query_threads.shutdown(wait=False, cancel_futures=True)
        await self._korean.close()

    @override
    async def chunks(self, texts: Sequence[str], *, name: str | None = None) -> Sequence[SparseVector]:
        """Slices take turns, so that a long document does not keep a short one waiting."""
        vectors: list[SparseVector] = []
        for start in range(0, len(texts), _SLICE):
            named = () if name is None or start > 0 else (name,)
            folded, found = await self._in_chunk_thread(self._folded_chunks, texts[start : start + _SLICE], named)
            if found is None:
                korean = iter(await self._korean.of_chunks([text for text in folded if has_hangul(text)]))
                morphemes = [next(korean) if has_hangul(text) else () for text in folded]
                found = await self._in_chunk_thread(self._vectors, folded, morphemes, bool(named))
            vectors += found
        return vectors

    async def _in_chunk_thread(self, work: Callable[..., T], *arguments: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._chunk_threads, partial(work, *arguments))

    @override
    async def query(self, text: str) -> AnalysedQuery:
        """A short query is analysed at once; a hop to a thread would cost more."""
        folded = in_standard_spelling(fold(text))
        folded = with_words(folded, words_read_out(folded))
        run = _at_once if len(folded) <= _LONG_QUERY else self._in_query_thread
        referred, rest = await run(_taken_out, folded)
        morphemes = await self._korean.of_query(rest) if has_hangul(rest) else []
        return await run(self._query, folded, rest, referred, morphemes)

    async def _in_query_thread(self, work: Callable[..., T], *arguments: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._query_threads, partial(work, *arguments))

    @override
    async def content_words(self, texts: Sequence[str]) -> Sequence[Sequence[ContentWord]]:
        folded = await self._in_query_thread(_folded, texts)
        korean = [text for text in folded if has_hangul(text)]
        analysed = await self._korean.morphemes(korean) if korean else []
        return await self._in_query_thread(self._content_words, texts, folded, analysed)

    def _content_words(
        self, texts: Sequence[str], folded: Sequence[str], analysed: Sequence[Sequence[Morpheme]]
    ) -> list[Sequence[ContentWord]]:
        found = iter(analysed)
        return [
            content_words(text, plain, next(found) if has_hangul(plain) else (), english_stem)
            for text, plain in zip(texts, folded, strict=True)
        ]

    @override
    async def is_plausible(self, word: str) -> bool:
        return not has_hangul(word) or await self._korean.is_plausible(fold(word))

    def _query(
        self, folded: str, rest: str, referred: Sequence[Reference], found_morphemes: Sequence[str]
    ) -> AnalysedQuery:
        """`rest` is the text without what it refers to."""
        bare = list(bare_references(rest))
        named = [*referred, *bare]
        found = list(tokens(folded, english_stem))
        is_korean = has_hangul(folded)
        morphemes = _query_morphemes(rest, found_morphemes, alone=not (found or named)) if is_korean else []
        weights: dict[str, float] = {}
        hiding = _hiding(referred, bare, found, has_more=bool(morphemes)) if named else ()
        self._weigh_tokens(folded, found, hiding, weights, is_alone=not (morphemes or named))
        for morpheme in morphemes:
            weights[morpheme] = 1.0
        for reference in named:
            is_sure = reference.term in {one.term for one in referred}
            weights[reference.term] = REFERENCE_WEIGHT if is_sure else BARE_REFERENCE_WEIGHT
            if reference.aside is not None:
                weights.setdefault(reference.aside, YEARLESS_WEIGHT)
        words = frozenset(weights) - frozenset(morphemes)
        for pair in bigrams(folded) if is_korean else ():
            weights[pair] = weights.get(pair, 0.0) + BIGRAM_WEIGHT
        return AnalysedQuery(
            sparse=sparse_vector(weights.items(), _hash),
            words=words,
            # To be marked, not to be asked for: what is indexed has the standard spelling too.
            morphemes=tuple(dict.fromkeys((*morphemes, *other_spellings(folded)))),
        )

    def _weigh_tokens(
        self,
        folded: str,
        found: Sequence[Token],
        hiding: Sequence[Reference],
        weights: dict[str, float],
        *,
        is_alone: bool,
    ) -> None:
        """A query of nothing but stop words means them. What is inside of `hiding` says little beside those."""
        telling = [token for token in found if not _STOP_STEMS.issuperset(token.terms)]
        is_all = is_alone and all(map(_is_of_stop_words, telling))
        for token in found if is_all else telling:
            factor = INSIDE_WEIGHT if hiding and _is_inside(token, hiding) else 1.0
            for term in token.terms:
                if is_all or term not in _STOP_STEMS:
                    weights[term] = max(factor, weights.get(term, 0.0))
            for term in token.asides[:-1] if token.is_compound else token.asides:
                if is_all or term not in _STOP_STEMS:
                    weights[term] = max(factor * ASIDE_WEIGHT, weights.get(term, 0.0))
        if any("us" in token.terms for token in found):
            weights.setdefault(AMERICA, 1.0)  # in small letters it may be either
        words = [_word_of(token, folded) for token in found]
        if len(words) <= LONGEST_JOINED and all(word.isalpha() for word in words):
            for pair, is_compound in joined_pairs(words):
                # In a longer query it would count like a phrase.
                weight = COMPOUND_WEIGHT if is_compound and len(words) == 2 else ASIDE_WEIGHT
                term = english_stem(base(plain(pair)))
                weights[term] = max(weight, weights.get(term, 0.0))
            for token in found:
                verb = verb_of(token.terms[0])
                if verb is not None:
                    weights.setdefault(english_stem(verb), ASIDE_WEIGHT)

    def _folded_chunks(self, texts: Sequence[str], named: Sequence[str]) -> tuple[list[str], list[SparseVector] | None]:
        """The texts and their name, folded; and their vectors if no Korean is among them: it comes from elsewhere."""
        folded = [with_what_is_meant(fold(text)) for text in (*texts, *named)]
        if any(map(has_hangul, folded)):
            return folded, None
        return folded, self._vectors(folded, [()] * len(folded), bool(named))

    def _vectors(self, folded: Sequence[str], morphemes: Sequence[Sequence[str]], has_name: bool) -> list[SparseVector]:
        """Of texts, the last of which is the name if there is one."""
        weighted = [self._weighted(text, its) for text, its in zip(folded, morphemes, strict=True)]
        if has_name and weighted[:-1]:
            # A term that both have adds up, as if it stood in the text once more.
            weighted[0] += [(term, NAME_WEIGHT) for term, _ in weighted.pop()]
        return [sparse_vector(one, _hash) for one in weighted]

    def _weighted(self, folded: str, morphemes: Sequence[str]) -> list[tuple[str, float]]:
        found = list(tokens(folded, english_stem))
        words = Counter(term for token in found for term in (*token.terms, *token.asides))
        words.update(morphemes)
        length = len(morphemes) + sum(1 for token in found if token.terms[0] not in _STOP_STEMS)
        words.update(reference.term for reference in references(folded))
        if not has_hangul(folded):
            return list(term_weights(words, length, AVERAGE_WORDS))
        known = frozenset(morphemes)
        words.update(one for one in lone_syllables(folded) if one not in known)
        weighted = list(term_weights(words, length, AVERAGE_WORDS))
        pairs = Counter(bigrams(folded))
        weighted.extend(term_weights(pairs, pairs.total(), AVERAGE_BIGRAMS))
        return weighted
