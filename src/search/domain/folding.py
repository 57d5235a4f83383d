"""Text as it is matched: compatibility forms and signs of one meaning become one; of a term accents go too.

Two steps. `fold` leaves letters, case and accents as they are, so that what is highlighted can be found again; `plain`
is what of a word counts when it is compared: small letters without marks.
"""

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from shared.patterns import pattern

# One sign for what is written with many. NFKC leaves these apart, or makes a space and a mark of them.
_SIGNS: Final = {
    **dict.fromkeys("’‘ʼʹ′´‛", "'"),
    **dict.fromkeys("‐‑‒–−﹣－", "-"),
    **dict.fromkeys("\u00ad\u200b\u200c\u200d\u2060\ufeff", ""),
    "⁄": "/",
}
_RAISED: Final = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻", "0123456789+-", strict=True))
_FRACTIONS: Final = {sign: unicodedata.normalize("NFKC", sign).replace("⁄", "/") for sign in "¼½¾⅐⅑⅒⅓⅔⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞⅟↉"}
# Behind a number a raised one is its power, and a fraction is not its last digits: 10⁶ is not 106, nor 1½ 11/2.
_BEHIND_NUMBERS: Final = {**dict.fromkeys(_RAISED, "^"), **dict.fromkeys(_FRACTIONS, " ")}
_SIGNS.update(_RAISED, **_FRACTIONS)
_DIGITS: Final = frozenset("0123456789₀₁₂₃₄₅₆₇₈₉")
_NOTES: Final = frozenset("¹²³⁴⁵⁶⁷⁸⁹")
_NOTED_WORD: Final = pattern(r"[^\W\d_⁰¹²³⁴⁵⁶⁷⁸⁹]{4}\Z|[가-힣]\Z")
_SHORTEST_NOTED: Final = 4
"""Letters of a word that a raised number is no power of: units and signs of formulas have fewer."""
_CHANGED: Final = pattern(f"[{''.join(map(re.escape, _SIGNS))}]")
_WITH_CASE_OR_MARKS: Final = pattern(
    "[\u00aa-\u05ff\u1d00-\u1fff\u2c00-\u2dff\ua640-\ua7ff\ufb00-\ufb06\U00010000-\U0010ffff]"
)
# Letters that Unicode does not take apart.
_LETTERS: Final = str.maketrans(
    {
        "æ": "ae",
        "œ": "oe",
        "ø": "o",
        "đ": "d",
        "ð": "d",
        "þ": "th",
        "ł": "l",
        "ħ": "h",
        "ŧ": "t",
        "ŋ": "n",
        "ı": "i",
        "ĸ": "k",
        "ə": "a",
        "ƀ": "b",
        "ɓ": "b",
        "ɖ": "d",
        "ɗ": "d",
        "ƒ": "f",
        "ǥ": "g",
        "ɨ": "i",
        "ƙ": "k",
        "ƚ": "l",
        "ɲ": "n",
        "ƞ": "n",
        "ɔ": "o",
        "ƥ": "p",
        "ƭ": "t",
        "ʉ": "u",
        "ƴ": "y",
        "ƶ": "z",
        "ɛ": "e",
        "ǝ": "e",
        "ſ": "s",
        "ȷ": "j",
    }
)
SPLIT_LETTERS: Final = "ßæœðþŋÆŒẞÞ"
"""Those that become two, or another one than they look like: a search for their plain form does not meet them."""
# Marks go from scripts whose readers leave them out; in others (か and が, a vowel of Devanagari) they are letters.
_MARKED: Final = pattern(r"([A-Za-z\u0370-\u03ff\u0400-\u0418\u041a-\u0438\u043a-\u04ff])[\u0300-\u036f]+")
_POINTS: Final = pattern("[\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u064b-\u0652\u0670\u0640]")


def fold(text: str) -> str:
    """NFKC (full-width letters, ligatures and circled signs become the plain ones), one hyphen and one apostrophe.

    Powers stay apart from their number (10^6), and so do fractions (1 1/2) and the marks of notes from a word.
    """
    if text.isascii():
        return text
    # Looking for those few is twenty times as fast as having each sign of a text looked up.
    text = _CHANGED.sub(lambda match: _before(text, match.start()) + _SIGNS[match[0]], text)
    return text if unicodedata.is_normalized("NFKC", text) else unicodedata.normalize("NFKC", text)


def _before(text: str, place: int) -> str:
    """What parts the sign there from the number or the word it stands behind."""
    parting = _BEHIND_NUMBERS.get(text[place], "")
    if parting and text[place - 1 : place] in _DIGITS:
        return parting
    is_note = text[place] in _NOTES and _NOTED_WORD.search(text, max(0, place - _SHORTEST_NOTED), place)
    return " " if is_note else ""


def fold_with_offsets(text: str) -> tuple[str, list[int] | None]:
    """The folded text, and for each of its code points the one of `text` it came from (None: the same).

    Sign by sign (and what parts a sign from the number before it): marks that stand alone are not put together with
    what they stand on.
    """
    if text.isascii():
        return text, None
    # Of what is normalised only signs of one meaning can change: hardly any text has other ones to be looked at.
    signs = set(_CHANGED.findall(text) if unicodedata.is_normalized("NFKC", text) else text)
    changed = {sign: folded for sign in signs if (folded := _folded_sign(sign)) != sign}
    if not changed:
        return text, None
    # Few signs change, and few times: the stretches between them are taken whole.
    pieces: list[str] = []
    offsets: list[int] = []
    begin = 0
    for place in sorted(place for sign in changed for place in places_of(sign, text)):
        folded = _before(text, place) + changed[text[place]]
        pieces += text[begin:place], folded
        offsets += range(begin, place)
        offsets += [place] * len(folded)
        begin = place + 1
    pieces.append(text[begin:])
    offsets += range(begin, len(text))
    return "".join(pieces), offsets


def plain(word: str) -> str:
    """A folded word as it is compared: case and accents gone, ß as ss, ł as l (ISO 9 and Lucene's ASCII folding)."""
    if word.isascii():
        return word.lower()
    word = word.casefold().translate(_LETTERS)
    apart = unicodedata.normalize("NFKD", word)
    without = _MARKED.sub(r"\1", apart)
    return unicodedata.normalize("NFC", _POINTS.sub("", without))


def plain_signs(text: str) -> str:
    """`plain`, sign by sign, so that places stay: of a letter that becomes two the first, of one that goes itself."""
    if text.isascii():  # to look for what it cannot have took as long as all the rest of marking a hit
        return text.lower()
    # Hangul and ideographs have neither: most texts that are not ASCII need no more than this look.
    return text.translate(_PLAIN) if _WITH_CASE_OR_MARKS.search(text) else text.lower()


def places_of(part: str, text: str) -> Iterator[int]:
    """Every place where it stands, in order, also where two of them overlap."""
    place = text.find(part)
    while place >= 0:
        yield place
        place = text.find(part, place + 1)


@lru_cache(maxsize=8_192)
def _folded_sign(sign: str) -> str:
    instead = _SIGNS.get(sign)
    return unicodedata.normalize("NFKC", sign) if instead is None else instead


class _PlainSigns(dict[int, str]):
    """Filled as signs come, of which there are as many as texts use."""

    def __missing__(self, point: int) -> str:
        sign = chr(point)
        folded = plain(sign)
        self[point] = found = folded[0] if folded else sign
        return found


_PLAIN: Final = _PlainSigns()
