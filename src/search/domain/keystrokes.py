"""Hangul as it is typed, letter by letter: 관세 is ㄱㅗㅏㄴㅅㅔ, so that 관ㅅ and 관셍 are beginnings of 관세율 too.

The letters of the standard keyboard layout (KS X 5002): what is typed with several keys is several letters.
"""

import unicodedata
from functools import lru_cache
from typing import Final

from search.domain.folding import plain

_LEADS: Final = "ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ"
_VOWELS: Final = "ㅏㅐㅑㅒㅓㅔㅕㅖㅗㅘㅙㅚㅛㅜㅝㅞㅟㅠㅡㅢㅣ"
_TAILS: Final = " ㄱㄲㄳㄴㄵㄶㄷㄹㄺㄻㄼㄽㄾㄿㅀㅁㅂㅄㅅㅆㅇㅈㅊㅋㅌㅍㅎ"
_SEVERAL_KEYS: Final = (
    "ㅘ=ㅗㅏ ㅙ=ㅗㅐ ㅚ=ㅗㅣ ㅝ=ㅜㅓ ㅞ=ㅜㅔ ㅟ=ㅜㅣ ㅢ=ㅡㅣ "
    "ㄳ=ㄱㅅ ㄵ=ㄴㅈ ㄶ=ㄴㅎ ㄺ=ㄹㄱ ㄻ=ㄹㅁ ㄼ=ㄹㅂ "
    "ㄽ=ㄹㅅ ㄾ=ㄹㅌ ㄿ=ㄹㅍ ㅀ=ㄹㅎ ㅄ=ㅂㅅ"
)
_KEYS: Final = dict(pair.split("=") for pair in _SEVERAL_KEYS.split())
_FIRST: Final = 0xAC00
_LAST: Final = 0xD7A3


@lru_cache(maxsize=4096)
def keys_of(sign: str) -> str:
    """The letters of one sign: of a syllable or a letter of Hangul those that are typed, else the sign itself."""
    if not _FIRST <= ord(sign) <= _LAST:
        return _KEYS.get(sign, sign)
    lead, rest = divmod(ord(sign) - _FIRST, 21 * 28)
    vowel, tail = divmod(rest, 28)
    typed = (_LEADS[lead], _VOWELS[vowel], _TAILS[tail].strip())
    return "".join(_KEYS.get(one, one) for one in typed)


def keystrokes(text: str) -> str:
    """Of a text, in small letters without accents, with single spaces between words."""
    if text.isascii():
        return " ".join(text.lower().split())
    # NFC alone: compatibility letters (ㅅ), which is what an unfinished syllable is typed as, stay what they are.
    composed = unicodedata.normalize("NFC", text)
    return "".join(keys_of(sign) for sign in " ".join(_plain(composed).split()))


def initials(text: str) -> str:
    """The first consonant of each syllable of Hangul: ㄱㅅㅇ of 관세율; other signs are left out."""
    return "".join(keys_of(sign)[0] for sign in text if _FIRST <= ord(sign) <= _LAST)


def are_initials(text: str) -> bool:
    """Whether it is nothing but consonants, two at least."""
    return len(text) > 1 and all(sign in _LEADS for sign in text)


def _plain(text: str) -> str:
    return "".join(sign if "ㄱ" <= sign <= "힣" else plain(sign) for sign in text)
