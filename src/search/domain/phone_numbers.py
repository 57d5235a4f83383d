"""Phone numbers, however they are written: 02-123-4567, 02)123-4567, +82-2-123-4567, 021234567; (212) 555-0123."""

from collections.abc import Iterator
from typing import Final, NamedTuple

from shared.patterns import pattern

_BEGIN, _END = r"(?<![0-9A-Za-z,])(?<![0-9][.\-/])", r"(?![0-9A-Za-z]|[.,\-/][0-9])"
_AREA: Final = r"2|[3-6][1-9]|1[016-9]|50[0-9]?|70|80"
"""Of the Korean numbering plan, without the zero before it."""
_GAP: Final = r"(?: ?[\-.)∼] ?| )"
_MAY_HOLD: Final = pattern(rf"\d{{3}}{_GAP}?\d{{4}}(?![0-9A-Za-z])")
"""Told in a twentieth of the time that the others take: few texts have one."""
_KOREAN: Final = pattern(
    rf"(?:{_BEGIN}\(?0(?P<area>{_AREA}){_GAP}|(?:{_BEGIN}|(?<=\+))82{_GAP}?(?:\(0\) ?|0)?(?P<abroad>{_AREA}){_GAP}?)"
    rf"(?P<first>\d{{3,4}}){_GAP}?(?P<last>\d{{4}}){_END}"
)
_COMPACT: Final = pattern(rf"{_BEGIN}0(?:2\d{{7,8}}|(?:[3-6][1-9]|1[016-9]|70)\d{{7,8}}){_END}")
_COMPANY: Final = pattern(rf"{_BEGIN}(?P<first>1[568]\d\d)(?:-| )(?P<last>\d{{4}}){_END}")
"""1588-1234: in all of Korea."""
_AMERICAN: Final = pattern(
    rf"(?:{_BEGIN}|(?<=\+))(?:1[ .\-])?(?:\((?P<area>[2-9]\d\d)\) ?|(?P<plain>[2-9]\d\d)[ .\-])"
    rf"(?P<first>[2-9]\d\d)[ .\-](?P<last>\d{{4}}){_END}"
)


class PhoneNumber(NamedTuple):
    """Where it stands, in code points, and its digits as they are dialled inside of its country."""

    start: int
    end: int
    digits: str


def phone_numbers(text: str) -> Iterator[PhoneNumber]:
    """Of a folded text, those with gaps first."""
    if _MAY_HOLD.search(text) is None:
        return
    for match in _KOREAN.finditer(text):
        area = match["area"] or match["abroad"]
        yield PhoneNumber(*match.span(), f"0{area}{match['first']}{match['last']}")
    for match in _COMPACT.finditer(text):
        yield PhoneNumber(*match.span(), match[0])
    for match in _COMPANY.finditer(text):
        yield PhoneNumber(*match.span(), match["first"] + match["last"])
    for match in _AMERICAN.finditer(text):
        area = match["area"] or match["plain"]
        yield PhoneNumber(*match.span(), area + match["first"] + match["last"])
