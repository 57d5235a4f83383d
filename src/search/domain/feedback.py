"""Pseudo-relevance feedback: a query's vector moves toward the passages that were found best, and looks again.

Source: Rocchio, "Relevance Feedback in Information Retrieval" (1971); for dense vectors Li et al., "Pseudo Relevance
Feedback with Deep Language Models and Dense Retrievers" (TOIS 2023). It finds more of a subject that many passages are
about; where one passage is the answer, or where the best are unlikely to be right, it only leads away from it. So how
far it moves is told by the first lists (measured in docs/search-quality.md).
"""

from collections.abc import Iterable, Sequence
from typing import Final

from search.domain.fusion import RANGE_DEPTH, belief, decidedness, share

EXAMPLES: Final = 5
"""Documents that it moves toward, each by its best passage."""
_FARTHEST: Final = 0.5
_UNDECIDED: Final = 0.5
_DECIDED: Final = 0.6


def strength(dense: Sequence[float], best_by_document: Iterable[float], supported: float) -> float:
    """How far to move, in lengths of the query's own vector: 0 to 0.5.

    By the dense list's scores (best first) and the best of each document among them: not at all when one document
    stands far above the next nine, measured by the range of the list, nor when the words found are not to be
    believed, by their `support`; nor in a list that is not full, of which all has been seen.
    """
    if len(dense) < RANGE_DEPTH:
        return 0.0
    floor = dense[RANGE_DEPTH - 1]
    decided = decidedness(score - floor for score in best_by_document)
    return _FARTHEST * (1.0 - share(decided, _UNDECIDED, _DECIDED)) * belief(supported)
