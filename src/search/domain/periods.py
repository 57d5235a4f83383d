"""Quarters, halves and spans of months, however they are written: 2026년 1분기, 1Q26, first quarter of 2026."""

import re
from collections.abc import Iterator
from typing import Final

from search.domain.dates import MONTH_NAME, MONTHS, Date, full_year
from shared.patterns import pattern

_YEAR: Final = r"(?:19|20)\d\d"
_BEGIN, _END = r"(?<![0-9A-Za-z$€£¥₩])(?<![0-9][.,])", r"(?![0-9A-Za-z])"
_KOREAN: Final = pattern(
    r"(?:분기|반기)(?:"
    r"(?<=[1-4]..)|(?<=[1-4] ..)|(?<=/4..)|(?<=/4 ..)|(?<=[상하]..)|(?<=[상하] ..))"
)
_KOREAN_BEFORE: Final = pattern(
    rf"{_BEGIN}(?P<year>{_YEAR}|'\d\d|\d\d(?= ?년))(?: ?(?:년도?|年|회계연도|\.))? {{0,2}}(?:제 ?)?"
    r"(?:(?P<quarter>[1-4])(?: ?/ ?4)?|(?P<half>[상하])) ?\Z"
)
_LONGEST_BEFORE: Final = 22
# Behind Q1 two digits alone may be anything: Q1 25; 1Q25 is nothing else.
_SIGN_FIRST: Final = pattern(
    rf"(?:Q(?P<q>[1-4])|H(?P<h>[12])|(?P<number>[1-4])(?P<letter>[QH]))(?<![0-9A-Za-z]..)(?:[ ,./-]{{0,2}}(?:of |FY ?)?"
    rf"(?P<year>{_YEAR}|'\d\d)|(?<=\d[QH])(?P<short>\d\d)){_END}"
)
_YEAR_BEFORE: Final = pattern(
    rf"{_BEGIN}(?:FY ?)?(?P<year>{_YEAR}|'\d\d|(?<=FY)\d\d|\d\d(?=\.))(?:년|年)?[ .\-/]{{0,2}}\Z"
)
_SIGN: Final = pattern(rf"(?:Q(?P<q>[1-4])|H(?P<h>[12])|(?P<number>[1-4])(?P<letter>[QH])){_END}")
_LONGEST_YEAR: Final = 10
_MAY_HOLD_SIGN: Final = pattern(r"[QH](?:(?=[1-4])|(?<=[1-4].))")
_ORDINALS: Final = {"first": 1, "1st": 1, "second": 2, "2nd": 2, "third": 3, "3rd": 3, "fourth": 4, "4th": 4}
_WORDS: Final = pattern(
    rf"(?:(?P<before>{_YEAR})(?:'s)? )?(?<![A-Za-z0-9])(?P<ordinal>{'|'.join(_ORDINALS)})[ -](?P<part>quarter|half)"
    rf"(?:,? (?:of |in )?(?:the year |FY ?|fiscal (?:year )?)?(?P<year>{_YEAR}){_END})?",
    re.IGNORECASE,
)
_UNTIL: Final = r" ?(?:[~∼〜\-]|부터|에서) ?"
_MONTHS_BEHIND: Final = pattern(
    rf"{_BEGIN}(?P<year>{_YEAR}|'\d\d) ?(?:년도?|年|\.) {{0,2}}(?P<first>\d{{1,2}})(?P<sign> ?[월月])?{_UNTIL}"
    r"(?P<last>\d{1,2}) ?[월月](?! {0,2}\d{1,2} ?[일日])"
)
_MAY_HOLD_SPAN: Final = pattern(r"[~∼〜\-터서] ?\d{1,2} ?[월月]")
_YEAR_BEHIND: Final = pattern(rf"{_YEAR}(?<=[ ,]....){_END}")
_MONTHS_BEFORE: Final = pattern(
    rf"(?<![A-Za-z0-9])(?P<first>{MONTH_NAME})\.?(?: ?[-~] ?| to | through | and )(?P<last>{MONTH_NAME})\.?,? \Z",
    re.IGNORECASE,
)
_LONGEST_MONTHS: Final = 32


def periods(text: str) -> Iterator[Date]:
    """Of a folded text: 2026-Q1, 2026-H1, and each month of a span that `dates` does not tell of."""
    if "분기" in text or "반기" in text:
        yield from _korean(text)
    if _MAY_HOLD_SIGN.search(text):
        yield from _signs(text)
    lower = text.lower()
    if "quarter" in lower or " half" in lower:
        yield from _words(text)
    if _MAY_HOLD_SPAN.search(text):
        yield from _months(text)
    yield from _months_in_english(text)


def _korean(text: str) -> Iterator[Date]:
    for match in _KOREAN.finditer(text):
        named = _KOREAN_BEFORE.search(text, max(0, match.start() - _LONGEST_BEFORE), match.start())
        if named is None or (named["half"] is None) == (match[0] == "반기"):
            continue
        part = f"Q{named['quarter']}" if named["quarter"] else f"H{'상하'.index(named['half']) + 1}"
        yield _period(named.start(), match.end(), named["year"], part)


def _signs(text: str) -> Iterator[Date]:
    for match in _SIGN_FIRST.finditer(text):
        part = _part(match)
        if part is not None:
            yield _period(match.start(), match.end(), match["year"] or match["short"], part)
    for match in _SIGN.finditer(text):
        year = _YEAR_BEFORE.search(text, max(0, match.start() - _LONGEST_YEAR), match.start())
        part = _part(match)
        if year is not None and part is not None:
            yield _period(year.start(), match.end(), year["year"], part)


def _part(match: re.Match[str]) -> str | None:
    """None: there is no third half."""
    part = f"Q{match['q']}" if match["q"] else f"H{match['h']}" if match["h"] else f"{match['letter']}{match['number']}"
    return None if part in ("H3", "H4") else part


def _words(text: str) -> Iterator[Date]:
    for match in _WORDS.finditer(text):
        year, number = match["year"] or match["before"], _ORDINALS[match["ordinal"].lower()]
        letter = "Q" if match["part"].lower() == "quarter" else "H"
        if year is not None and (letter == "Q" or number <= 2):
            yield _period(match.start(), match.end(), year, f"{letter}{number}")


def _months(text: str) -> Iterator[Date]:
    """But for the first where its sign is written: `dates` has that."""
    for match in _MONTHS_BEHIND.finditer(text):
        first = int(match["first"]) + bool(match["sign"])
        yield from _each_month(*match.span(), match["year"], first, int(match["last"]))


def _months_in_english(text: str) -> Iterator[Date]:
    """But for the last: `dates` has that."""
    for year in _YEAR_BEHIND.finditer(text):
        named = _MONTHS_BEFORE.search(text, max(0, year.start() - _LONGEST_MONTHS), year.start())
        if named is not None:
            first, last = (MONTHS.index(named[name][:3].lower()) + 1 for name in ("first", "last"))
            yield from _each_month(named.start(), year.end(), year[0], first, last - 1)


def _each_month(start: int, end: int, year: str, first: int, last: int) -> Iterator[Date]:
    if first >= 1 and last <= len(MONTHS):
        for month in range(first, last + 1):
            yield Date(start, end, f"{full_year(year)}-{month:02}")


def _period(start: int, end: int, year: str, part: str) -> Date:
    return Date(start, end, f"{full_year(year)}-{part}")
