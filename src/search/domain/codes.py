"""Codes: part numbers, tariff codes, dates, names of programs; what a whole and a piece of one are called."""

import re
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Final

from search.domain.quantities import is_unit

GRAM_PREFIX: Final = "\x03"
"""Marks a piece of a code: no word is mistaken for one."""
_JOINTS: Final = re.compile(r"[._\-/@&'·]")
# A tariff code: four digits, a dot, two, then up to four more, with or without further marks.
_TARIFF: Final = re.compile(r"(\d{4})\.(\d{2})(?:[.\-]?(\d{2,4}))?(?:[.\-](\d{2}))?")
_NAMED_TARIFF: Final = re.compile(rf"(hsk?|hts|taric)({_TARIFF.pattern})")
_DECIMAL: Final = re.compile(r"\d+\.\d+")
# 1.200.000 is a number in much of Europe.
_DOTTED_THOUSANDS: Final = re.compile(r"\d{1,3}(?:\.\d{3}){2,}")
_RUNS: Final = re.compile(r"\d+|\D+")
_HUMPS: Final = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+\d*|[A-Z]+\d*")
_HUMP: Final = re.compile(r"[a-z][A-Z]|[A-Z]{2}[a-z]")
_VERSION: Final = re.compile(r"(?<!\d)(?<!\d\.)(\d{1,5}(?:\.\d{1,5})+)(?!\d|\.\d)")
_NAMED_VERSION: Final = re.compile(r"(?:v|ver|version)\.?(\d{1,5}(?:\.\d{1,5})+)(?!\d|\.\d)")
_GLUED_DECIMAL: Final = re.compile(r"([a-z]+)(\d{1,6}\.\d{1,6})")
_MOST_RUNS: Final = 8
_GRAM: Final = 4
_LONGEST_WITH_GRAMS: Final = 24
_LEAST_DIGITS: Final = 3
_JOINED_DIGITS: Final = 6
"""From so many on, digits without their marks are a number of their own (telephones, dates), and not just a sum."""


def terms_of_code(code: str) -> tuple[tuple[str, ...], list[str], tuple[str, ...]]:
    """Its wholes (none: the joined word, to be stemmed), its parts ("" for one that says nothing), its pieces.

    `code` is plain and has a joint.
    """
    tariff = _TARIFF.fullmatch(code)
    if tariff:
        digits = [part for part in tariff.groups() if part]
        # 8471.30-0000 is also 8471, 847130 and 8471300000, so that any way of writing it meets any other.
        joined = ["".join(digits[:count]) for count in range(1, len(digits) + 1)]
        return tuple(dict.fromkeys((code, *joined))), [], ()
    if _DECIMAL.fullmatch(code):
        whole, _, decimals = code.partition(".")
        return (code,), [], (whole,) if not decimals.strip("0") else ()
    parts = _JOINTS.split(code)
    together = "".join(parts)
    if together.isdigit():
        if _DOTTED_THOUSANDS.fullmatch(code):
            return (together,), [], (code,)
        also = (together,) if len(together) >= _JOINED_DIGITS else ()
        without_zero = (part[1:] for part in parts if len(part) == 2 and part[0] == "0")
        return (code, *also), parts, (*without_zero, *_beginnings_of_versions(code))
    if max(map(len, parts)) == 1:
        return (together,), [], ()  # U.S.A., B/L: the letters alone say nothing
    if together.isalpha():
        return (), parts, ()
    named = _NAMED_TARIFF.fullmatch(code)
    if named:  # HS8471.30 is the code, and the word before it
        of_code, _, _ = terms_of_code(named[2])
        return (together,), [], (named[1], *of_code)
    version = _NAMED_VERSION.match(code)
    if version:  # v2.14.3-rc1 is 2.14.3
        return (together, version[1]), parts, (*_versions(code), *_grams(together))
    glued = _GLUED_DECIMAL.fullmatch(code)
    if glued:  # pH7.4 and USB3.0 are a word and a number
        return (together,), parts, (glued[2], glued[1], *_grams(together))
    return (together,), parts, (*_joined_digits(parts), *_versions(code), *_grams(together))


def _versions(code: str) -> Iterator[str]:
    """The numbers of versions in it, whole and without their ends: 2.14.3 is a 2.14 too."""
    if "." in code:
        for match in _VERSION.finditer(code):
            yield match[1]
            yield from _beginnings_of_versions(match[1])


def _beginnings_of_versions(number: str) -> Iterator[str]:
    if _VERSION.fullmatch(number):
        numbers = number.split(".")
        for count in range(2, len(numbers)):
            yield ".".join(numbers[:count])


def _joined_digits(parts: Sequence[str]) -> Iterator[str]:
    """The number that neighbouring parts make, when it is long enough to be one: 45000123 of PO-4500-0123."""
    for are_digits, run in groupby(parts, str.isdigit):
        number = "".join(found := list(run))
        if are_digits and len(found) > 1 and len(number) >= _JOINED_DIGITS:
            yield number


def terms_of_mixed(word: str) -> tuple[str, ...]:
    """The pieces of a plain word of letters and digits: 25kg has a number and a unit, m5799dwf has m5799."""
    runs = _RUNS.findall(word)
    if len(runs) > _MOST_RUNS:
        return tuple(_grams(word))
    if len(runs) == 2 and runs[0].isdigit():
        return (*runs, *_grams(word))
    pieces = [run for run in runs if len(run) > 1]
    pieces += [runs[place] + runs[place + 1] for place in range(len(runs) - 1) if len(runs) > 2]
    return tuple(dict.fromkeys((*pieces, *_grams(word))))


def terms_of_name(word: str) -> tuple[str, ...]:
    """The words that capitals show in getUserName or HTTPServer."""
    if not word.isascii() or not _HUMP.search(word):
        return ()
    parts = [part.lower() for part in _HUMPS.findall(word)]
    if len(parts) < 2:
        return ()
    if len(parts[0]) == 1 and word[0].islower():  # iPhone15Pro speaks of an iphone
        parts.append(parts[0] + parts[1])
    words = [bare for part in parts if (bare := part.rstrip("0123456789")) != part]
    whole = word.lower()
    return tuple(part for part in (*parts, *words) if len(part) > 1 and part != whole)


def _grams(code: str) -> Iterator[str]:
    """What finds a code by any stretch of it that is long enough to tell."""
    if len(code) > _LONGEST_WITH_GRAMS or sum(map(str.isdigit, code)) < _LEAST_DIGITS:
        return
    runs = _RUNS.findall(code)
    if len(runs) == 2 and runs[0].isdigit() and is_unit(runs[1]):
        return
    for place in range(len(code) - _GRAM + 1):
        yield GRAM_PREFIX + code[place : place + _GRAM]
