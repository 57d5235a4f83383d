"""Text layers of good letters that say nothing: fonts whose table of letters is wrong, or of another encoding."""

import re
from math import hypot
from typing import Final

_FEWEST_LETTERS: Final = 200
_LEAST_LIKENESS: Final = 0.62
"""Cosine of how often each letter comes with how often it does in English: 0.8 to 1 for text in any European language,
0.3 to 0.6 where letters stand for others."""
_MOST_ACCENTED: Final = 0.35
"""Of all letters: where Korean in EUC-KR was taken for Latin-1 nearly all are, in French or Vietnamese 0.1 to 0.3."""
_ENGLISH: Final = dict(
    zip(
        "etaoinshrdlcumwfgypbvkjxqz",
        (12.7, 9.1, 8.2, 7.5, 7.0, 6.7, 6.3, 6.1, 6.0, 4.3, 4.0, 2.8, 2.8, 2.4, 2.4, 2.2, 2.0, 2.0, 1.9, 1.5, 1.0, 0.8,
         0.15, 0.15, 0.1, 0.07),
        strict=True,
    )
)  # fmt: skip
_LENGTH: Final = hypot(*_ENGLISH.values())
_ACCENTED: Final = re.compile("[\u00a1-\u00ab\u00ae-\u00ff]")
_OTHERS: Final = re.compile("[\u0251-\U0010ffff]")


def look_jumbled(text: str) -> bool:
    """Whether the text of a page is none in any language with Latin letters; others are not judged."""
    own = [text.count(letter) + text.count(letter.upper()) for letter in _ENGLISH]
    letters = sum(own)
    accented = others = 0
    if not text.isascii():
        accented, others = len(_ACCENTED.findall(text)), len(_OTHERS.findall(text))
    if letters + accented < _FEWEST_LETTERS:
        return False
    if accented > _MOST_ACCENTED * (letters + accented):
        return True
    # What else the page has is text of another script, with some Latin letters in it.
    if others > letters:
        return False
    product = sum(count * usual for count, usual in zip(own, _ENGLISH.values(), strict=True))
    return product < _LEAST_LIKENESS * hypot(*own) * _LENGTH
