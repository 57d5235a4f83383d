"""Text to sparse vectors: English stems by Snowball, Korean morphemes by Kiwi, loaded at the first Hangul."""

import asyncio
import os
import threading
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any, Final, Self

import mmh3
import Stemmer
from typing_extensions import override

from search.application.ports.analysis import AnalysedQuery, Analyzer
from search.domain.terms import (
    AVERAGE_BIGRAMS,
    AVERAGE_WORDS,
    BIGRAM_WEIGHT,
    STOPWORDS,
    SparseVector,
    bigrams,
    fold,
    has_hangul,
    sparse_vector,
    term_weights,
    tokens,
)
from shared.kernel import Unavailable
from shared.telemetry import get_log

# Nouns, verbs, adjectives, roots, adverbs. Foreign words, numbers and ideographs (SL, SN, SH) are found by
# search.domain.terms, which also keeps codes whole.
_KEPT: Final = frozenset(("NNG", "NNP", "NNB", "VV", "VA", "XR", "MAG", "VV-R", "VV-I", "VA-R", "VA-I"))
_SLICE: Final = 16
_LONG_QUERY: Final = 200

_log = get_log("search")
_local = threading.local()


@lru_cache(maxsize=65_536)
def english_stem(word: str) -> str:
    """Snowball's English stem ("Porter 2") of a lower-case word; words with digits stay as they are."""
    stemmer: Any = getattr(_local, "stemmer", None)
    if stemmer is None:
        # A Stemmer is not safe between threads.
        stemmer = _local.stemmer = Stemmer.Stemmer("english", 0)
    stem: str = stemmer.stemWord(word)
    return stem


_STOP_STEMS: Final = STOPWORDS | frozenset(english_stem(word) for word in STOPWORDS)


@lru_cache(maxsize=262_144)
def _hash(term: str) -> int:
    # Bigrams carry a prefix of their own, so that no morpheme of two syllables is taken for one.
    number: int = mmh3.hash(term, signed=False)
    return number


class KiwiAnalyzer(Analyzer):
    """An async context manager. Analysis runs in threads of its own; English alone never loads Kiwi."""

    version: Final = "1"
    stem = staticmethod(english_stem)

    def __init__(self, *, load_timeout_seconds: float = 30) -> None:
        self._load_timeout_seconds = load_timeout_seconds
        self._kiwi: Any = None
        self._load_lock = threading.Lock()
        self._chunk_threads = ThreadPoolExecutor(1, thread_name_prefix="analyse")
        self._query_threads = ThreadPoolExecutor(2, thread_name_prefix="analyse-query")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._chunk_threads.shutdown(wait=False, cancel_futures=True)
        self._query_threads.shutdown(wait=False, cancel_futures=True)

    @override
    async def chunks(self, texts: Sequence[str]) -> Sequence[SparseVector]:
        """Slices take turns, so that a long document does not keep a short one waiting."""
        loop = asyncio.get_running_loop()
        vectors: list[SparseVector] = []
        for start in range(0, len(texts), _SLICE):
            part = list(texts[start : start + _SLICE])
            vectors.extend(await loop.run_in_executor(self._chunk_threads, self._vectors, part))
        return vectors

    @override
    async def query(self, text: str) -> AnalysedQuery:
        """A short query is analysed at once; a hop to a thread would cost more."""
        folded = fold(text)
        if len(folded) <= _LONG_QUERY and (self._kiwi is not None or not has_hangul(folded)):
            return self._query(folded)
        work = asyncio.get_running_loop().run_in_executor(self._query_threads, self._query, folded)
        try:
            return await asyncio.wait_for(asyncio.shield(work), self._load_timeout_seconds)
        except TimeoutError as error:
            raise Unavailable("The Korean analyser is still being loaded.") from error

    def _query(self, folded: str) -> AnalysedQuery:
        words = [term for token in tokens(folded, english_stem) for term in token.terms]
        # A query of nothing but stop words means them.
        telling = [word for word in words if word not in _STOP_STEMS] or words
        morphemes = self._morphemes([folded])[0] if has_hangul(folded) else []
        if morphemes:
            telling = [word for word in words if word not in _STOP_STEMS]
        pairs = bigrams(folded) if morphemes or has_hangul(folded) else ()
        weights = Counter({term: 1.0 for term in (*telling, *morphemes)})
        weights.update({pair: BIGRAM_WEIGHT for pair in pairs})
        return AnalysedQuery(
            sparse=sparse_vector(weights.items(), _hash),
            words=frozenset(telling),
            morphemes=tuple(dict.fromkeys(morphemes)),
        )

    def _vectors(self, texts: list[str]) -> list[SparseVector]:
        folded = [fold(text) for text in texts]
        korean = [place for place, text in enumerate(folded) if has_hangul(text)]
        morphemes = dict(zip(korean, self._morphemes([folded[place] for place in korean]), strict=True))
        return [self._vector(text, morphemes.get(place, [])) for place, text in enumerate(folded)]

    def _vector(self, folded: str, morphemes: list[str]) -> SparseVector:
        found = list(tokens(folded, english_stem))
        words = Counter(term for token in found for term in token.terms)
        words.update(morphemes)
        length = len(morphemes) + sum(1 for token in found if token.terms[0] not in _STOP_STEMS)
        weighted = list(term_weights(words, length, AVERAGE_WORDS))
        if morphemes:
            pairs = Counter(bigrams(folded))
            weighted.extend(term_weights(pairs, pairs.total(), AVERAGE_BIGRAMS))
        return sparse_vector(weighted, _hash)

    def _morphemes(self, texts: list[str]) -> list[list[str]]:
        if not texts:
            return []
        results = self._load().tokenize(texts)
        return [[token.form for token in result if token.tag in _KEPT] for result in results]

    def _load(self) -> Any:
        """Loads once, however many ask at the same time. Raises Unavailable."""
        with self._load_lock:
            if self._kiwi is None:
                try:
                    from kiwipiepy import Kiwi

                    # Neither typing errors nor idioms: 300 MB instead of 480, and half the time to load.
                    kiwi = Kiwi(num_workers=min(2, os.cpu_count() or 1), load_multi_dict=False, load_typo_dict=False)
                    kiwi.tokenize("서가")  # the first call builds its tables
                except (ImportError, OSError, MemoryError) as error:
                    _log.error("the Korean analyser cannot be loaded", action="search.analyser", error=str(error))
                    raise Unavailable(f"The Korean analyser cannot be loaded: {error}.") from error
                self._kiwi = kiwi
        return self._kiwi
