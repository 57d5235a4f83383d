"""Text layers of good letters that say nothing: fonts whose table of letters is wrong, or of another encoding."""

import re
from math import hypot, sqrt
from typing import Final

_FEWEST_LETTERS: Final = 200
_LEAST_LIKENESS: Final = 0.62
"""Cosine of how often each letter comes with how often it does in English: 0.8 to 1 for text in any European language,
0.3 to 0.6 where letters stand for others."""
_MOST_ACCENTED: Final = 0.35
"""Of all letters: where Korean in EUC-KR was taken for Latin-1 nearly all are, in French or Vietnamese 0.1 to 0.3."""
_ENGLISH: Final = dict(
    zip(
        (bytes((letter,)) for letter in b"etaoinshrdlcumwfgypbvkjxqz"),
        (12.7, 9.1, 8.2, 7.5, 7.0, 6.7, 6.3, 6.1, 6.0, 4.3, 4.0, 2.8, 2.8, 2.4, 2.4, 2.2, 2.0, 2.0, 1.9, 1.5, 1.0, 0.8,
         0.15, 0.15, 0.1, 0.07),
        strict=True,
    )
)  # fmt: skip
_LENGTH: Final = hypot(*_ENGLISH.values())
_ACCENTED: Final = bytes((*range(0xA1, 0xAC), *range(0xAE, 0x100)))
_NO_LETTERS: Final = bytes(code for code in range(256) if code not in b"".join(_ENGLISH))
_OTHERS: Final = re.compile("[\u0251-\U0010ffff]+")


def look_jumbled(text: str) -> bool:
    """Whether the text of a page is none in any language with Latin letters; others are not judged."""
    western = text.encode("latin-1", "ignore")
    latin = western.lower().translate(None, _NO_LETTERS)
    letters = len(latin)
    accented = 0 if text.isascii() else len(western) - len(western.translate(None, _ACCENTED))
    if letters + accented < _FEWEST_LETTERS:
        return False
    if accented > _MOST_ACCENTED * (letters + accented):
        return True
    # What else the page has is text of another script, with some Latin letters in it.
    if len(text) - len(western) > letters and sum(map(len, _OTHERS.findall(text))) > letters:
        return False
    return not _are_like_english(latin)


def _are_like_english(letters: bytes) -> bool:
    """The commonest are taken out first, so that there is ever less to go through; the rest of most texts is not."""
    product, squares = 0.0, 0
    for letter, usual in _ENGLISH.items():
        rest = letters.translate(None, letter)
        count = len(letters) - len(rest)
        letters = rest
        product += count * usual
        squares += count * count
        # Were all others one letter that English has not.
        if product >= _LEAST_LIKENESS * sqrt(squares + len(rest) ** 2) * _LENGTH:
            return True
    return False
