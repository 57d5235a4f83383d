"""Days whose year is not written: 3월 5일, March 5th, 5 March, 3/5(목), 3. 5.(목)."""

import re
from collections.abc import Collection, Iterator
from datetime import date
from typing import Final, NamedTuple

from search.domain.dates import MONTH_NAME, MONTHS, Date
from shared.patterns import pattern

_KOREAN: Final = pattern(r"[월月](?:(?<=\d.)|(?<=\d .)) {0,2}(?P<day>\d{1,2}) ?[일日](?!간| ?동안)")
_MONTH_BEFORE: Final = pattern(r"(?<![\d.,])(\d{1,2}) ?\Z")
# Two numbers alone may be anything; the day of the week says what they are.
_WITH_WEEKDAY: Final = pattern(r"\((?<=[\d. ].)[월화수목금토일](?:요일)?\)")
_NUMBERS: Final = pattern(r"(?<![\d.,/\-])(?P<month>\d{1,2}) ?[./] ?(?P<day>\d{1,2}) ?\.? ?\Z")
_LONGEST_NUMBERS: Final = 10
# From the numbers on, of which there are few: looking for the names of months takes ten times as long.
_NUMBER: Final = pattern(r"(\d{1,2})(?:st|nd|rd|th)?(?!\d)")
_OF_MORE: Final = frozenset("0123456789.,:/-")
"""Before a number: it is the end of a longer one."""
_NAMED_BEFORE: Final = pattern(rf"(?<![A-Za-z])(?P<month>{MONTH_NAME})\.? \Z", re.IGNORECASE)
_NAMED_BEHIND: Final = pattern(rf"(?: of)? ?(?P<month>{MONTH_NAME})(?![A-Za-z])", re.IGNORECASE)
_NO_DAY: Final = pattern(r"[:,.]\d|[\w%]")
_LONGEST_NAME: Final = 12
_OTHER_WORDS: Final = ("may", "mar", "march")
"""In small letters these are no months behind a number: 5 may be late."""
_LEAP_YEAR: Final = 2000


class YearlessDay(NamedTuple):
    """Where it stands, in code points, and its month and day: 03-05."""

    start: int
    end: int
    written: str


def yearless_days(text: str, dated: Collection[Date]) -> Iterator[YearlessDay]:
    """Of a folded text, but for those that are part of a date with a year."""
    for one in (*_korean(text), *_numbers(text), *_english(text)):
        if not any(date.start <= one.start < date.end for date in dated):
            yield one


def _korean(text: str) -> Iterator[YearlessDay]:
    for match in _KOREAN.finditer(text):
        month = _MONTH_BEFORE.search(text, max(0, match.start() - 4), match.start())
        if month is not None:
            yield from _valid(month.start(), match.end(), int(month[1]), match["day"])


def _numbers(text: str) -> Iterator[YearlessDay]:
    for weekday in _WITH_WEEKDAY.finditer(text):
        match = _NUMBERS.search(text, max(0, weekday.start() - _LONGEST_NUMBERS), weekday.start())
        if match is not None:
            yield from _valid(match.start(), match.end("day"), int(match["month"]), match["day"])


def _english(text: str) -> Iterator[YearlessDay]:
    for number in _NUMBER.finditer(text):
        start, end = number.span()
        before, day, named = text[start - 1 : start], number[1], None
        if before in _OF_MORE or before.isalpha():
            continue
        if before == " ":
            named = _NAMED_BEFORE.search(text, max(0, start - _LONGEST_NAME), start)
        if named is not None and _NO_DAY.match(text, end) is None:
            yield from _valid(named.start(), end, _month(named), day)
            continue
        named = _NAMED_BEHIND.match(text, end)
        if named is not None and named["month"] not in _OTHER_WORDS:
            yield from _valid(start, named.end(), _month(named), day)


def _month(named: re.Match[str]) -> int:
    return MONTHS.index(named["month"][:3].lower()) + 1


def _valid(start: int, end: int, month: int, day: str) -> Iterator[YearlessDay]:
    """Nothing when no calendar has it."""
    try:
        written = date(_LEAP_YEAR, month, int(day)).isoformat()
    except ValueError:
        return
    yield YearlessDay(start, end, written[len("2000-") :])
