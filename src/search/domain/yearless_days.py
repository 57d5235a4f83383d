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
_ENGLISH: Final = pattern(
    rf"(?<![A-Za-z])(?P<month>{MONTH_NAME})(?![A-Za-z])\.?(?: (?P<day>\d{{1,2}})(?:st|nd|rd|th)?(?![:,.]\d|\w|%))?",
    re.IGNORECASE,
)
_DAY_BEFORE: Final = pattern(r"(?<![A-Za-z0-9.,:/\-])(\d{1,2})(?:st|nd|rd|th)?(?: of)? ?\Z")
_LONGEST_BEFORE: Final = 9
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
    for match in _ENGLISH.finditer(text):
        month = MONTHS.index(match["month"][:3].lower()) + 1
        if match["day"]:
            yield from _valid(*match.span(), month, match["day"])
        elif match["month"] not in _OTHER_WORDS:
            before = _DAY_BEFORE.search(text, max(0, match.start() - _LONGEST_BEFORE), match.start())
            if before is not None:
                yield from _valid(before.start(), match.end("month"), month, before[1])


def _valid(start: int, end: int, month: int, day: str) -> Iterator[YearlessDay]:
    """Nothing when no calendar has it."""
    try:
        written = date(_LEAP_YEAR, month, int(day)).isoformat()
    except ValueError:
        return
    yield YearlessDay(start, end, written[len("2000-") :])
