"""The signature of a text, by which near-duplicates are found: MinHash over shingles of letters.

Shingles are runs of letters and digits without what stands between them, so that other line breaks, spacing,
punctuation and case make no difference, nor does the format that the text came in; Korean, whose spacing varies,
needs that. One hash of each shingle says to which place it belongs and how it ranks there (one permutation hashing),
and a place that got none takes what another place has (optimal densification, Shrivastava 2017).
"""

import re
from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from shared.artefacts.signature import PLACES, Signature

SHINGLE: Final = 7
"""Letters or digits: two Korean words or one and a half English ones."""
_FEWEST_PLACES: Final = PLACES // 2
"""A text of fewer than about ninety different shingles leaves more empty than that: two such say too little."""
_PIECE: Final = 1 << 16
"""Code points that are looked at together: a few milliseconds."""
_Hashes = NDArray[np.uint64]
_NO_LETTER: Final = re.compile(r"[\W_]+")
_PLACE_BITS: Final = PLACES.bit_length() - 1
_EMPTY: Final = np.uint64(2**64 - 1)
_BASE: Final = 0x9E3779B97F4A7C15
_MIXING: Final = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))


def signature_of(text: str) -> Signature | None:
    """None for a text too short, or too much of the same, to be compared."""
    lowest = np.full(PLACES, _EMPTY)
    for letters in _pieces(text):
        hashes = _mixed(_rolling(np.frombuffer(letters.encode("utf-32-le", "surrogatepass"), "<u4").astype(np.uint64)))
        np.minimum.at(lowest, hashes >> np.uint64(64 - _PLACE_BITS), hashes << np.uint64(_PLACE_BITS))
    filled = lowest != _EMPTY
    if np.count_nonzero(filled) < _FEWEST_PLACES:
        return None
    # The low bits after the place's are zero; those at the top rank, so that they are small: the middle is even.
    places = (_mixed(lowest) & np.uint64(0xFF)).astype(np.uint8)
    for place in np.flatnonzero(~filled):
        places[place] = places[_lender(int(place), filled)]
    return Signature(places.tobytes())


def _pieces(text: str) -> Iterator[str]:
    """Letters and digits of the text, each piece beginning with those with which the one before ended."""
    carried = ""
    for start in range(0, len(text), _PIECE):
        letters = carried + _NO_LETTER.sub("", text[start : start + _PIECE].casefold())
        if len(letters) >= SHINGLE:
            yield letters
        carried = letters[-(SHINGLE - 1) :]


def _rolling(letters: _Hashes) -> _Hashes:
    """A polynomial hash of the shingle that begins at each letter."""
    count = len(letters) - SHINGLE + 1
    hashes = letters[:count].copy()
    for offset in range(1, SHINGLE):
        hashes *= np.uint64(_BASE)
        hashes += letters[offset : offset + count]
    return hashes


def _mixed(hashes: _Hashes) -> _Hashes:
    """Each hash with all its bits in all others (the end of SplitMix64)."""
    hashes = (hashes ^ (hashes >> np.uint64(30))) * _MIXING[0]
    hashes = (hashes ^ (hashes >> np.uint64(27))) * _MIXING[1]
    return hashes ^ (hashes >> np.uint64(31))


def _lender(place: int, filled: NDArray[np.bool_]) -> int:
    """The same for every text in which it is filled and those tried before are not."""
    attempt = 0
    while True:
        attempt += 1
        tried = (place * 2654435761 + attempt * 0x85EBCA6B) * 0xC2B2AE35 >> 16 & (PLACES - 1)
        if filled[tried]:
            return tried
