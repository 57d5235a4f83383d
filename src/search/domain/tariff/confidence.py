"""How sure one can be that a code is the one for goods that were described, as a share of such cases that are right."""

from math import exp, log
from typing import Final

# Fitted by logistic regression on every second description of three sets with known codes (short English ones, titles
# of a web shop, Korean everyday names; 1,100 candidates), and looked at on the others: benchmarks/tariff_codes.py
# prints the reliability table.
_BIAS: Final = -0.767
_SHARE: Final = 0.941
_PEERS: Final = -1.349
_RELATIVE: Final = 0.490
_WORDS: Final = -0.445
ALIKE: Final = 0.98
"""Of a candidate's score: another with so much is as good."""


def lookup_confidence(*, share: float, peers: int, relative: float, words: int) -> float:
    """The probability that a candidate is the right subheading.

    `share` of the description is accounted for by its titles (0 to 1); `peers` candidates score about the same or
    more (itself included); `relative` is its score by the best one's; the description has so many `words`.
    """
    told = _BIAS + _SHARE * share + _PEERS * log(max(1, peers)) + _RELATIVE * relative + _WORDS * log(1 + words)
    return 1 / (1 + exp(-told))
