"""Korean words that are written in Chinese characters, as they are read: 關稅法 is 관세법, 第3條 제3조.

A character has one usual reading, and some have others (說 is 설, 세 in 遊說); at the beginning of a word some
consonants change (女 is 녀, 여 in 女性), as the spelling rules of 1988 (한글 맞춤법, 제10항 to 제12항) have it.
"""

from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

from shared.patterns import pattern

READINGS_FILE: Final = Path(__file__).parent / "hanja_readings.txt"
"""Lines of a reading and the characters that have it; with a plus sign before it, of those that have it too."""
_HANJA: Final = "\u3400-\u4dbf\u4e00-\u9fff"
_HAS_HANJA: Final = pattern(f"[{_HANJA}]")
_WORD: Final = pattern(r"[^\W_]+")
_RUN: Final = pattern(f"[{_HANJA}]+")
_OF_A_DATE: Final = pattern("[0-9]+[年月日]")
"""Dates are found as a whole."""
_HANGUL: Final = pattern("[가-힣]")
_KANA: Final = pattern("[ぁ-ゖァ-ヺ]")
_CHINESE: Final = pattern("[這們嗎呢吧妳您啊哪麼了的]")
"""What Chinese sentences have again and again, and Korean words hardly."""
_LONGEST: Final = 12
"""Characters in a row. Korean parts its words; longer ones are Chinese sentences."""
_MOST: Final = 3
"""Readings of one word."""

# The consonants that a word does not begin with, by the vowels behind them (Unicode's numbers of both).
_N, _R, _SILENT = 2, 5, 11
_VOWELS_OF_Y: Final = frozenset((2, 3, 6, 7, 12, 17, 20))
"""ㅑ ㅒ ㅕ ㅖ ㅛ ㅠ ㅣ"""
_FINAL_N: Final = 4
_AFTER_VOWELS: Final = {"률": "율", "렬": "열"}
"""Behind a vowel or ㄴ: 比率 is 비율, 法律 법률."""
_NOT: Final = "不"
_SYLLABLES: Final = 0xAC00


class InHangul(NamedTuple):
    """A word as it is read, and where each of its signs stands."""

    word: str
    places: Sequence[int]


def in_hangul(text: str) -> Iterator[InHangul]:
    """The words of a folded text that have Chinese characters, in each of their likely readings.

    Without those whose reading stands in the text anyhow, as in 이사(理事), and nothing of Chinese or Japanese.
    """
    for start, word, runs in _words(text):
        readings = list(_readings(word))
        if not any(all(reading[begin:end] in text for begin, end in runs) for reading in readings):
            yield from (InHangul(reading, range(start, start + len(word))) for reading in readings)


def with_usual_readings(text: str) -> str:
    """The text with all of these words as they are usually read; as long as before."""
    for start, word, _ in _words(text):
        text = text[:start] + _read(word, {}) + text[start + len(word) :]
    return text


def _words(text: str) -> Iterator[tuple[int, str, Sequence[tuple[int, int]]]]:
    """Where each begins, and where in it Chinese characters stand."""
    if text.isascii() or _HAS_HANJA.search(text) is None or not _is_korean(text):
        return
    for match in _WORD.finditer(text):
        word = match[0]
        if _HAS_HANJA.search(word) is None or _OF_A_DATE.fullmatch(word):
            continue
        runs = [run.span() for run in _RUN.finditer(word)]
        if all(end - start <= _LONGEST and _is_readable(word[start:end]) for start, end in runs):
            yield match.start(), word, runs


def _is_korean(text: str) -> bool:
    if _KANA.search(text):
        return False
    if _HANGUL.search(text):
        return True
    return _CHINESE.search(text) is None and all(map(_is_readable, _RUN.findall(text)))


def _is_readable(run: str) -> bool:
    return all(character in _table().usual for character in run)


def _readings(word: str) -> Iterator[str]:
    """The usual one first; then with another reading of one character each, and as two words of two."""
    usual = _read(word, {})
    yield usual
    others = _table().others
    found = [_read(word, {place: other}) for place, sign in enumerate(word) for other in others.get(sign, ())]
    found += [_read(word, {}, inner=run.start() + 2) for run in _RUN.finditer(word) if len(run[0]) == 4]
    yield from [one for one in dict.fromkeys(found) if one != usual][: _MOST - 1]


def _read(word: str, instead: dict[int, str], *, inner: int = -1) -> str:
    """`instead`: readings by their places; `inner`: where a word begins inside of one."""
    read: list[str] = []
    usual = _table().usual
    for place, sign in enumerate(word):
        syllable = instead.get(place) or usual.get(sign)
        if syllable is None:
            read.append(sign)
            continue
        before = word[place - 1] if place else " "
        if sign == _NOT and place + 1 < len(word) and _begins_with_d_or_j(usual.get(word[place + 1], word[place + 1])):
            syllable = "부"
        if place == inner or not (before in usual or before.isalnum()):
            syllable = _at_beginning(syllable)
        elif _ends_open(read[-1]):
            syllable = _AFTER_VOWELS.get(syllable, syllable)
        read.append(syllable)
    return "".join(read)


def _at_beginning(syllable: str) -> str:
    """여 of 녀, 양 of 량, 낙 of 락."""
    first, rest = divmod(ord(syllable) - _SYLLABLES, 588)
    if first in (_N, _R) and rest // 28 in _VOWELS_OF_Y:
        first = _SILENT
    elif first == _R:
        first = _N
    return chr(_SYLLABLES + first * 588 + rest)


def _ends_open(sign: str) -> bool:
    return "가" <= sign <= "힣" and (ord(sign) - _SYLLABLES) % 28 in (0, _FINAL_N)


def _begins_with_d_or_j(sign: str) -> bool:
    return "다" <= sign < "따" or "자" <= sign < "짜"


class _Table(NamedTuple):
    """Readings by character."""

    usual: dict[str, str]
    others: dict[str, list[str]]


@cache
def _table() -> _Table:
    """Read when the first Chinese character is met: 5 ms."""
    table = _Table({}, {})
    for line in READINGS_FILE.read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            continue
        reading, characters = line.split()
        for character in characters:
            if reading.startswith("+"):
                table.others.setdefault(character, []).append(reading[1:])
            else:
                table.usual[character] = reading
    return table
