"""Days and months, however they are written: 2026년 3월 5일, 2026. 3. 5., 2026-03-05, 20260305, March 5th, 2026."""

import re
from collections.abc import Iterator
from datetime import date
from typing import Final, NamedTuple

from shared.patterns import pattern

# A pattern that begins with fixed signs passes over a text much faster: one for all would take thrice their time.
_YEARS: Final = (pattern(r"20\d\d"), pattern(r"19\d\d"), pattern(r"1[0-8]\d\d"), pattern(r"'\d\d(?!\d)"))
# Numbers of codes, sums, and notices (제2026-03호).
_FREE: Final = pattern(r"(?<![0-9A-Za-z제$€£¥₩])(?<![0-9A-Za-z][.\-/@&])")
_END: Final = (
    r"(?:(?=T\d\d|-(?:19|20)\d\d(?:[./-]|\d{4}(?!\d)))|(?![0-9A-Za-z]|[.\-/@&]\d|[-/@&][A-Za-z]))"  # of a code
)
_WORDS: Final = pattern(
    r" {0,2}(?:년도?|年|\.) {0,2}(\d{1,2}) ?[월月](?: {0,2}(\d{1,2}) ?[일日](?!간))?"  # 5일간 is how long
)
_DOTTED: Final = pattern(rf" ?\. {{0,2}}(\d{{1,2}}) ?\. {{0,2}}(\d{{1,2}})(?: ?\.(?!\d))?{_END}")
# 2026. 3. 5 is a day; "in 2026. 3. Then" counts sentences.
_DOTTED_MONTH: Final = pattern(r" ?\. {0,2}(\d{1,2})(?:\.(?! {0,2}\d| ?[A-Z]|[a-z])|(?= ?[~∼〜]))")
# Without a dot behind it a decimal, but for the zero, which hardly any has; and sums have a unit.
_NO_SUM: Final = r"(?!,\d| ?[%‰a-z]| ?[A-Z]{3}(?![A-Za-z])| ?(?:원|달러|유로|엔|점|포인트))"
_DECIMAL_MONTH: Final = pattern(rf"\.(0[1-9]){_END}{_NO_SUM}")
_HYPHENED: Final = pattern(rf"-(\d{{1,2}})-(\d{{1,2}}){_END}")
_HYPHENED_MONTH: Final = pattern(rf"-(\d\d)(?! ?호){_END}")
_SLASHED: Final = pattern(rf"/(\d{{1,2}})/(\d{{1,2}}){_END}")
_COMPACT: Final = pattern(rf"(0[1-9]|1[0-2])([0-2]\d|3[01]){_END}")
_YEAR_SIGNS: Final = ("년", "年")
_BEHIND_YEAR: Final = {
    **dict.fromkeys(_YEAR_SIGNS, (_WORDS,)),
    ".": (_DOTTED, _WORDS, _DOTTED_MONTH, _DECIMAL_MONTH),
    "-": (_HYPHENED, _HYPHENED_MONTH),
    "/": (_SLASHED,),
    **dict.fromkeys("01", (_COMPACT,)),
}
"""What may follow the year, by its first sign."""
_UNTIL: Final = pattern(
    r"(?: ?\([일월화수목금토](?:요일)?\))? ?(?:[~∼〜]|부터|에서| - ) {0,2}"
    rf"(?:(?P<month>\d{{1,2}}) ?(?:[월月.]|(?<=\d\d)[\-/](?=\d\d)) {{0,2}}(?P<day>\d{{1,2}})"
    rf"(?: ?[일日](?!간| ?동안)|\.(?!\d))?{_END}"
    r"|(?P<last>\d{1,2}) ?[일日](?!간| ?동안))"
)
MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
MONTH_NAME: Final = (
    "jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|"
    "oct(?:ober)?|nov(?:ember)?|dec(?:ember)?"
)
"""In small letters."""
_DAYS: Final = r"(?P<{0}>\d{{1,2}})(?:st|nd|rd|th)?(?: ?(?:[-~&]|to|and) ?(?P<{0}_last>\d{{1,2}})(?:st|nd|rd|th)?)?"
_BEFORE_YEAR: Final = pattern(
    rf"(?<![A-Za-z0-9])(?:{_DAYS.format('before')}(?: ?of |[ .\-]{{0,2}}))?"
    rf"(?P<month>{MONTH_NAME})(?![A-Za-z])"
    rf"(?:[ .\-]{{1,2}}{_DAYS.format('after')})?(?: of |[ ,.\-]{{0,2}})\Z",
    re.IGNORECASE,
)
_LONGEST_BEFORE_YEAR: Final = 34
_MAYBE_MONTH: Final = pattern(rf"(?:19|20)\d\d\.(?:[1-9]|1[0-2]){_END}{_NO_SUM}")
_FIRST_IN_NUMBERS: Final = 1900
"""What is earlier and has no words is more likely something else."""
_FIRST_BY_NAMES: Final = 1500
"""The same in English."""
_FIRST_OF_LAST_CENTURY: Final = 50
"""What '50 is: 1950; '49 is 2049."""


class Date(NamedTuple):
    """Where it stands, in code points, and how ISO 8601 writes it: 2026-03-05, of a month 2026-03."""

    start: int
    end: int
    written: str
    may_be_code: bool = False
    """Whether there is nothing but digits: 20260305."""

    @property
    def day_of_year(self) -> str | None:
        """Its month and day, 03-05; None: it is a month."""
        return self.written[len("2026-") :] if len(self.written) == len("2026-03-05") else None

    @property
    def month(self) -> str:
        """The month it is in."""
        return self.written[: len("2026-03")]


def dates(text: str) -> Iterator[Date]:
    """Of a folded text, by their centuries; both ends of 2026. 3. 5. ~ 3. 10."""
    for years in _YEARS:
        end = 0
        for match in years.finditer(text):
            if match.start() >= end:
                for one in _of_year(text, match, end):
                    end = one.end
                    yield one


def maybe_months(text: str) -> Iterator[Date]:
    """2026.3, as people ask for a month; in a document it may be a number."""
    for match in _MAYBE_MONTH.finditer(text):
        if _FREE.match(text, match.start()):
            year, _, month = match.group().partition(".")
            yield Date(*match.span(), f"{year}-{month:0>2}")


def _of_year(text: str, match: re.Match[str], former_end: int) -> list[Date]:
    """What the year there is part of. `former_end` is where the date before it ended."""
    behind = match.end()
    sign = text[behind : behind + 2].lstrip()[:1]
    found = _year_first(text, match, sign, former_end) if sign in _BEHIND_YEAR else []
    return found if found or sign in _YEAR_SIGNS else _year_last(text, match)


def _year_first(text: str, match: re.Match[str], sign: str, former_end: int) -> list[Date]:
    """Of 2026.3.5-2026.4.5 the second is no part of a code."""
    start, behind = match.span()
    for form in _BEHIND_YEAR[sign]:
        rest = form.match(text, behind)
        if rest is None:
            continue
        if not _FREE.match(text, start) and not (0 < former_end == start - 1):
            return []
        # A quote that is closed is no sign of a year: '10-11-12'.
        if text[start] == "'" == text[rest.end() : rest.end() + 1]:
            return []
        year, month, day = full_year(match.group()), int(rest[1]), rest[2] if form.groups > 1 else None
        if form is not _WORDS and year < _FIRST_IN_NUMBERS:
            return []
        # 2010-11 is a winter, 2001-05 may be four years.
        if form is _HYPHENED_MONTH and month > year % 100:
            return []
        first = _valid(start, rest.end(), year, month, day, may_be_code=form is _COMPACT)
        if first is None or day is None:
            return [first] if first else []
        return [first, *_until(text, first, year, month, int(day))]
    return []


def _until(text: str, first: Date, year: int, month: int, day: int) -> list[Date]:
    """The last day of what begins with the first, where its year is not written again."""
    match = _UNTIL.match(text, first.end)
    if match is None:
        return []
    last_month, last_day = int(match["month"] or month), int(match["day"] or match["last"])
    last_year = year if (last_month, last_day) >= (month, day) else year + 1
    place = match.start("month") if match["month"] else match.start("last")
    last = _valid(place, match.end(), last_year, last_month, str(last_day))
    return [last] if last else []


def _year_last(text: str, match: re.Match[str]) -> list[Date]:
    """March 5, 2026; 5 March 2026; March 2026; both days of March 5-7, 2026."""
    start, end = match.span()
    before = text[start - 1 : start]
    if not (before in (" ", ",", ".", "-") or ("A" <= before <= "z" and before.isalpha())):
        return []
    behind = text[end : end + 1]
    if behind.isascii() and behind.isalnum():
        return []
    named = _BEFORE_YEAR.search(text, max(0, start - _LONGEST_BEFORE_YEAR), start)
    if named is None:
        return []
    year = full_year(match.group())
    if year < _FIRST_BY_NAMES:
        return []
    month = MONTHS.index(named["month"][:3].lower()) + 1
    if named["after"]:
        begin, days = named.start("month"), (named["after"], named["after_last"])
    elif named["before"]:
        begin, days = named.start(), (named["before"], named["before_last"])
    else:
        found = _valid(named.start(), end, year, month, None) if year >= _FIRST_IN_NUMBERS else None
        return [found] if found else []
    return [found for day in days if day and (found := _valid(begin, end, year, month, day))]


def full_year(written: str) -> int:
    """Of 2026, '26 or 26."""
    year = int(written.removeprefix("'"))
    if year >= 100:
        return year
    return 1900 + year if year >= _FIRST_OF_LAST_CENTURY else 2000 + year


def _valid(start: int, end: int, year: int, month: int, day: str | None, *, may_be_code: bool = False) -> Date | None:
    """None when no calendar has it."""
    try:
        written = date(year, month, int(day or 1)).isoformat()
    except ValueError:
        return None
    return Date(start, end, written if day else written[: len("2026-03")], may_be_code)
