"""Text to terms: words, codes kept whole and in parts, numbers; and what a term weighs in a chunk.

Stems and morphemes need libraries; they come in as functions. Weights: BM25's term part (Robertson and
Zaragoza, "The Probabilistic Relevance Framework", 2009), k1 1.2, b 0.75.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NamedTuple

K1: Final = 1.2
B: Final = 0.75
AVERAGE_WORDS: Final = 130
"""The length, in words and morphemes, that counts as average: constant, so that a chunk weighs the same always."""
AVERAGE_BIGRAMS: Final = 260
"""The same for Hangul bigrams of a Korean chunk."""
BIGRAM_WEIGHT: Final = 0.3
"""What a bigram counts against a morpheme in a query: bigrams find what the morphemes cut differently."""
BIGRAM_PREFIX: Final = "\x02"

Stem = Callable[[str], str]

_STOPWORDS: Final = (
    "a an and are as at be been but by can did do does for from had has have how i if in into is it its may of on or "
    "such than that the their them then there these they this those to was we were what when where which who whom why "
    "will with would you your about also any all been being both each he her his me more most my no nor not only our "
    "out over own same she should so some too under until up very"
)
STOPWORDS: Final = frozenset(_STOPWORDS.split())

# The kinds of token are its groups.
TOKEN: Final = re.compile(
    r"(?P<thousands>(?<![\w.,])\d{1,3}(?:,\d{3})+(?:\.\d+)?(?![\w,]))"
    r"|(?P<code>[A-Za-z0-9]+(?:[._\-/][A-Za-z0-9]+)+)"
    r"|(?P<sharp>[A-Za-z](?:\+\+|\#))"
    r"|(?P<word>[A-Za-z0-9\u00c0-\u024f]+(?:['’][A-Za-z]+)?)"
    r"|(?P<hangul>[\uac00-\ud7a3\u1100-\u11ff\u3131-\u318e]+)"
    r"|(?P<ideographs>[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff々]+)"
    r"|(?P<other>[^\W\d_A-Za-z\u00c0-\u024f\uac00-\ud7a3\u1100-\u11ff\u3040-\u30ff\u3131-\u318e\u3400-\u9fff\uf900-\ufaff]+)"
)
_APOSTROPHE: Final = re.compile(r"['’]s$|['’]")
_SEPARATORS: Final = re.compile(r"[._\-/]")
# A tariff code: four digits, a dot, two, then up to four more, with or without further marks.
_TARIFF: Final = re.compile(r"(\d{4})\.(\d{2})(?:[.\-]?(\d{2,4}))?(?:[.\-](\d{2}))?")
_DECIMAL: Final = re.compile(r"\d+\.\d+")


class Token(NamedTuple):
    """A stretch of a folded text and the terms it stands for; offsets in code points."""

    start: int
    end: int
    terms: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SparseVector:
    """Unsigned 32-bit indices, each once, and a weight for each."""

    indices: tuple[int, ...]
    values: tuple[float, ...]


def fold(text: str) -> str:
    """NFKC: full-width letters, ligatures and circled signs become the plain ones."""
    return text if text.isascii() or unicodedata.is_normalized("NFKC", text) else unicodedata.normalize("NFKC", text)


def fold_with_offsets(text: str) -> tuple[str, list[int] | None]:
    """The folded text, and for each of its code points the one of `text` it came from (None: the same)."""
    if text.isascii() or unicodedata.is_normalized("NFKC", text):
        return text, None
    plain = {
        sign: folded
        for sign in set(text)
        if not sign.isascii() and (folded := unicodedata.normalize("NFKC", sign)) != sign
    }
    # Few signs change, and few times: the stretches between them are taken whole.
    pieces: list[str] = []
    offsets: list[int] = []
    begin = 0
    for place in sorted(place for sign in plain for place in places_of(sign, text)):
        folded = plain[text[place]]
        pieces += text[begin:place], folded
        offsets += range(begin, place)
        offsets += [place] * len(folded)
        begin = place + 1
    pieces.append(text[begin:])
    offsets += range(begin, len(text))
    return "".join(pieces), offsets


def places_of(part: str, text: str) -> Iterator[int]:
    """Every place where it stands, in order, also where two of them overlap."""
    place = text.find(part)
    while place >= 0:
        yield place
        place = text.find(part, place + 1)


def tokens(text: str, stem: Stem) -> Iterator[Token]:
    """Words, codes, numbers and ideographs of a folded text, in order; Hangul is left to a morpheme analyser."""
    for match in TOKEN.finditer(text):
        kind = match.lastgroup
        if kind == "hangul":
            continue
        found = terms_of(match.group(), kind or "other", stem)
        if found:
            yield Token(match.start(), match.end(), found)


@lru_cache(maxsize=65_536)
def terms_of(word: str, kind: str, stem: Stem) -> tuple[str, ...]:
    """The terms of one token; the whole comes first. `stem` must always answer the same."""
    lower = word.lower()
    if kind == "thousands":
        return (lower.replace(",", ""),)
    if kind == "code":
        return _terms_of_code(lower, stem)
    if kind == "word":
        return (stem(_APOSTROPHE.sub("", lower)),)
    if kind == "ideographs" and len(lower) > 1:
        return tuple(lower[i : i + 2] for i in range(len(lower) - 1))
    return (lower,)


def _terms_of_code(code: str, stem: Stem) -> tuple[str, ...]:
    tariff = _TARIFF.fullmatch(code)
    if tariff:
        digits = [part for part in tariff.groups() if part]
        # 8471.30-0000 is also 8471, 847130 and 8471300000, so that any way of writing it meets any other.
        joined = ["".join(digits[:count]) for count in range(1, len(digits) + 1)]
        return tuple(dict.fromkeys((code, *joined)))
    if _DECIMAL.fullmatch(code):
        return (code,)
    parts = (stem(part) for part in _SEPARATORS.split(code))
    return tuple(dict.fromkeys((code, *parts)))


def bigrams(text: str) -> Iterator[str]:
    """Pairs of neighbouring Hangul syllables inside a word, marked so that no word is mistaken for one."""
    for match in re.finditer(r"[\uac00-\ud7a3]{2,}", text):
        run = match.group()
        for i in range(len(run) - 1):
            yield BIGRAM_PREFIX + run[i : i + 2]


def has_hangul(text: str) -> bool:
    """Whether a morpheme analyser has anything to do."""
    return re.search(r"[\uac00-\ud7a3]", text) is not None


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
