"""Which sentences of the passages answer a question: picked, ordered, none twice."""

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from search.chat.domain.closeness import Scale
from search.chat.domain.relevance import Scores, answers
from search.chat.domain.verification import Word

MOST_SENTENCES: Final = 3
ENOUGH: Final = 0.28
"""The share of what a question asks for, rare words counting more, that a sentence and what leads to it must have
where nothing is known of how well the search found it."""
MOST_COMPARED: Final = 12
"""Sentences whose meaning is compared with the question's, where no words answer it."""
_ALIKE: Final = 1.05
"""The share of closeness from which a sentence answers in other words. It is a cosine of 0.6 with all-MiniLM-L6-v2: of
60 questions of MS MARCO, the nearest sentence of a shelf that holds the answer had as much for 51, and of one that does
not for 2."""
_LEAST_WORDS: Final = 3
"""Fewer are a heading."""
_HALF: Final = 0.5
_NEAR: Final = 0.45
"""How much of what the sentence before says counts for a sentence, and of headings and the document's name."""
_EXPECTED: Final = 0.12
_RANK: Final = 0.25
_SAME: Final = 0.7
_ASKS_FOR_NUMBER: Final = re.compile(
    r"얼마|몇|언제|며칠|년도|연도|"
    r"how (?:many|much|long|old|far|often)|\bwhen\b|what (?:year|date|time|percentage|price)",
    re.IGNORECASE,
)
_ASKS: Final = re.compile(r"[?？]\W*$|(?:까요|나요|는가|인가)\W*$")
"""A question answers none: lists of questions and answers have the same words in both."""
_ASKS_FOR_NAME: Final = re.compile(r"누구|누가|\bwho\b|\bwhom\b|\bwhose\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A sentence of a passage: `passage` is the passage's place in the ranking; `around` leads to the sentence."""

    passage: int
    start: int
    end: int
    text: str
    words: Sequence[Word]
    around: Sequence[Word] = ()


def chosen(
    question: str,
    asked: Sequence[Word],
    candidates: Sequence[Candidate],
    found: Scores | None = None,
    scale: Scale | None = None,
) -> list[Candidate]:
    """The best first, then what adds to it in the order of its document; empty: none of them answers.

    `scale` says what the cosines of `found` mean.
    """
    candidates = _telling(asked, candidates)
    if not candidates:
        return []
    weights = _rarity(asked, candidates)
    scores = [_score(question, weights, one) for one in candidates]
    order = sorted(range(len(candidates)), key=lambda place: -scores[place])
    best = order[0]
    if not answers(_covered(weights, candidates[best]), found, scale, enough=ENOUGH):
        return []
    picked, told = [candidates[best]], _terms(candidates[best].words)
    for place in order[1:]:
        one = candidates[place]
        if len(picked) == MOST_SENTENCES or scores[place] < _HALF * scores[best]:
            break
        terms = _terms(one.words)
        adds = any(term in weights for term in terms - told)
        if adds and all(_likeness(terms, _terms(other.words)) < _SAME for other in picked):
            picked.append(one)
            told |= terms
    return [picked[0], *sorted(picked[1:], key=lambda one: (one.passage, one.start))]


def covered_by_the_best(question: str, asked: Sequence[Word], candidates: Sequence[Candidate]) -> float:
    """How much of what is asked the likeliest sentence has, rare words counting more; 0 where there is none."""
    candidates = _telling(asked, candidates)
    if not candidates:
        return 0.0
    weights = _rarity(asked, candidates)
    return _covered(weights, max(candidates, key=lambda one: _score(question, weights, one)))


def to_compare(question: str, asked: Sequence[Word], candidates: Sequence[Candidate]) -> list[Candidate]:
    """Those that may answer in other words than the question's, the likeliest first.

    None where enough of its own words stand there: then they, and the search's cosines, have said what there is.
    """
    if covered_by_the_best(question, asked, candidates) >= ENOUGH:
        return []
    own = _terms(asked)
    candidates = [
        one for one in _telling(asked, candidates) if len(one.words) >= _LEAST_WORDS and _terms(one.words) - own
    ]
    if not candidates:
        return []
    weights = _rarity(asked, candidates)
    return sorted(candidates, key=lambda one: -_score(question, weights, one))[:MOST_COMPARED]


def most_alike(compared: Sequence[Candidate], shares: Sequence[float]) -> list[Candidate]:
    """The one that means most like an answer; empty: none means enough like it. `shares` are those of `Scale`."""
    best = max(range(len(compared)), key=lambda place: shares[place], default=None)
    return [] if best is None or shares[best] < _ALIKE else [compared[best]]


def _telling(asked: Sequence[Word], candidates: Sequence[Candidate]) -> list[Candidate]:
    """Those that are no questions themselves; none where nothing is asked for."""
    return [one for one in candidates if not _ASKS.search(one.text)] if asked else []


def _terms(words: Sequence[Word]) -> set[str]:
    return {term for word in words for term in word.terms}


def _rarity(asked: Sequence[Word], candidates: Sequence[Candidate]) -> dict[str, float]:
    """Of each word that is asked for, how much it tells: what stands in every sentence says little."""
    seen: Counter[str] = Counter()
    for one in candidates:
        seen.update(_terms(one.words))
    return {word.terms[0]: math.log(1 + len(candidates) / (0.5 + seen[word.terms[0]])) for word in asked}


def _covered(weights: dict[str, float], one: Candidate) -> float:
    inside, around = _terms(one.words), _terms(one.around)
    found = sum(
        weight if term in inside else _NEAR * weight if term in around else 0.0 for term, weight in weights.items()
    )
    return found / sum(weights.values())


def _score(question: str, weights: dict[str, float], one: Candidate) -> float:
    score = _covered(weights, one) + _RANK / (1 + one.passage)
    new = [word for word in one.words if word.terms[0] not in weights]
    if _ASKS_FOR_NUMBER.search(question) and any(word.is_number for word in new):
        score += _EXPECTED
    if _ASKS_FOR_NAME.search(question) and any(word.is_name for word in new):
        score += _EXPECTED
    if not new:
        score -= _EXPECTED  # it repeats the question, as headings do
    return score


def _likeness(one: set[str], other: set[str]) -> float:
    return len(one & other) / len(one | other) if one or other else 1.0
