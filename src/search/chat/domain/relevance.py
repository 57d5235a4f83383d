"""Whether what was found answers a question at all, from what its words and the search's scores say together.

Each sign alone is weak: a sentence may have most of the words and speak of something else, and another one answers with
few of them. The weights were fitted on questions whose answer is on the shelf against the same ones with it taken away,
and questions of another subject, in Korean and English (KorQuAD, MS MARCO, science); docs/asking.md has what they keep
out. All signs are shares, so that they mean the same on a shelf of ten documents and of a hundred thousand.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from search.chat.domain.closeness import Scale

_COMPARED: Final = 7
"""Hits that the best one is held against."""
_UNKNOWN: Final = 0.35
"""How far the best stands above a hit that is not there: between what answered and unanswered questions show."""
_ALONE: Final = 0.8
"""A sentence that has so much of what is asked needs no scores to speak for it."""
_WORDS: Final = (3.1, 6.5, 5.2)
_WORDS_WANTED: Final = 3.25
"""Where meaning says nothing: of cover, `decided`, and support."""
_MEANING: Final = (2.9, 4.8, 7.4, 2.5)
_MEANING_WANTED: Final = 5.63
"""Where the model reads the question: of cover, `decided`, nearness and closeness.
`python -m benchmarks.answer_signs` made them."""


@dataclass(frozen=True, slots=True)
class Scores:
    """What a search said of its best hits, of which no two have the same text, in any order."""

    sparse: Sequence[float]
    """Sums over shared terms of weights and rarity; of hits that share none nothing."""
    dense: Sequence[float]
    """Cosines; empty where meaning was not asked, or for hits of which it says nothing."""
    asked: float
    """What all the query's terms weigh together, without rarity."""
    units: int
    """How many there are in the index: how rare a term can be."""

    @property
    def support(self) -> float:
        """The best hit's words against the question's if each stood nowhere else: about 0 to 1, a little over 1."""
        rarest = math.log((max(1, self.units) + 1) / 1.5)
        return max(self.sparse, default=0.0) / (self.asked * rarest) if self.asked > 0 else 0.0

    @property
    def decidedness(self) -> float:
        """How far the words' best hit stands above those that follow, in shares of its score: 0 to 1."""
        best, *others = sorted((one for one in self.sparse if one > 0), reverse=True) or [0.0]
        return _mean([1 - one / best for one in others[:_COMPARED]]) if best else 0.0

    @property
    def decided(self) -> float:
        """Decidedness as far as it is supported: on a small shelf a single word may make one hit stand out."""
        return self.decidedness * min(1.0, self.support)

    @property
    def nearness(self) -> float | None:
        """How far the nearest hit is nearer than those that follow: 0 as far, 1 the same as the question.

        Of distances, not of cosines, which lie close together with some models. None where meaning was not asked.
        """
        if not self.dense:
            return None
        nearest, *others = sorted(max(0.0, 1 - one) for one in self.dense)
        others = others[:_COMPARED]
        # Each that is not there is as far as leaves the share `_UNKNOWN`.
        missing = (_COMPARED - len(others)) * nearest / (1 - _UNKNOWN)
        mean = (math.fsum(others) + missing) / _COMPARED
        # The limit, where the nearest is the same as the question and those that follow are no farther.
        return 1 - nearest / mean if mean > 0 else _mean([0.0] * len(others))

    @property
    def nearest(self) -> float | None:
        """The greatest cosine; None where meaning was not asked."""
        return max(self.dense, default=None)


def answers(covered: float, scores: Scores | None, scale: Scale | None = None, *, enough: float) -> bool:
    """Whether a sentence that has the share `covered` of what is asked, rare words counting more, answers.

    Never less with more of any sign. Without scores it is the share alone, which must be `enough`; without a `scale`
    their cosines mean nothing, and words decide.
    """
    if covered >= _ALONE:
        return True
    if scores is None:
        return covered >= enough
    if scale is None or scores.nearness is None or scores.nearest is None:
        return _weighed(_WORDS, (covered, scores.decided, scores.support)) >= _WORDS_WANTED
    return (
        _weighed(_MEANING, (covered, scores.decided, scores.nearness, scale.share(scores.nearest))) >= _MEANING_WANTED
    )


def _weighed(weights: Sequence[float], signs: Sequence[float]) -> float:
    return math.fsum(weight * sign for weight, sign in zip(weights, signs, strict=True))


def _mean(shares: Sequence[float]) -> float:
    return (math.fsum(shares) + _UNKNOWN * (_COMPARED - len(shares))) / _COMPARED
