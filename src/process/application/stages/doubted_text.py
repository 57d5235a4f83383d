"""Whether the text that a file has for a page is what is to be seen on it, judged by what OCR reads there."""

from typing import Final

from shared.patterns import pattern
from shared.ports.images import PictureText

_WORD: Final = pattern(r"[^\W\d_]{4,}|[가-힣]{2,}")
_FEWEST_WORDS: Final = 15
_SURE: Final = 0.7
_AGREEING: Final = 0.3
"""Of the words that OCR reads, as many stand in the right text at least, also of a bad print."""


def says_something_else(text: str, reading: PictureText) -> bool:
    """Whether OCR is sure of words that are mostly not in the text."""
    read = set(_WORD.findall(reading.text.casefold()))
    if reading.confidence < _SURE or len(read) < _FEWEST_WORDS:
        return False
    return len(read & set(_WORD.findall(text.casefold()))) < _AGREEING * len(read)
