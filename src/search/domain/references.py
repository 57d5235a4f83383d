"""References in rules (제3조의2, 별표 7, Article 3(2), § 14), dates, phone numbers: one term, however written."""

from collections.abc import Iterator
from typing import Final, NamedTuple

from search.domain.dates import dates, maybe_months
from search.domain.periods import periods
from search.domain.phone_numbers import phone_numbers
from search.domain.yearless_days import yearless_days
from shared.patterns import pattern

PREFIX: Final = "\x04"
"""Marks a term that is a reference: no word is mistaken for one."""
_OF_NO_YEAR, _OF_SOME_YEAR = f"{PREFIX}--", f"{PREFIX}*-"
"""Before a month and a day: of a text that says no year, and of one that says any."""
_HANJA: Final = str.maketrans("第條項號別表紙附則編章節", "제조항호별표지부칙편장절")
_HANJA_NUMERALS: Final = "一二三四五六七八九十百"
_KINDS: Final = "조항호목편장절관부류차회과권"
# 제 3 조의 2; what follows (서식, a particle, a bracket) does not matter, a letter that makes it another word does.
_ARTICLE: Final = pattern(
    rf"제 ?(?P<number>\d{{1,5}}|[{_HANJA_NUMERALS}]{{1,6}}|[IVX]{{1,6}}) ?"
    rf"(?P<kind>[{_KINDS}])(?![가-힣]*?(?:원|년|명)\b)"
    r"(?: ?의 ?(?P<branch>\d{1,3})(?![\d년월일]))?"
)
_ATTACHED: Final = pattern(
    r"(?P<what>별표|별지|별첨|부표|서식|붙임|첨부|부록|부속서|양식) ?(?:제 ?)?(?P<number>\d{1,4})(?: ?호)?"
    r"(?: ?의 ?(?P<branch>\d{1,3})(?![\d년월일]))?(?P<form> ?서식)?"
)
_BARE: Final = pattern(r"(?<![\d.,])(?<!제)(?<!제 )(?P<number>\d{1,4})(?P<kind>[조항호])(?:의 ?(?P<branch>\d{1,3}))?")
_MAY_HOLD: Final = pattern("[제第별別부附서붙첨양]")
_ENGLISH_KINDS: Final = {
    "article": "article", "art": "article", "section": "section", "sec": "section", "clause": "clause",
    "paragraph": "paragraph", "para": "paragraph", "chapter": "chapter", "ch": "chapter", "annex": "annex",
    "appendix": "appendix", "schedule": "schedule", "exhibit": "exhibit", "rule": "rule", "regulation": "regulation",
}  # fmt: skip
# Its number: 4.2.1, 12a, III, B-1; then its subdivisions in parentheses.
_ENGLISH: Final = pattern(
    r"(?=[AaSsCcPpRrEe§])(?:(?<![A-Za-z])(?P<kind>(?i:articles?|sections?|clauses?|paragraphs?|chapters?|annex|appendix|"
    r"schedule|exhibit|rules?|regulations?|(?:art|sec|para|ch)(?=[. ])))\.? ?|(?P<sign>§)§? ?)"
    r"(?P<number>\d{1,4}(?:\.\d{1,3}){0,4}[a-z]?|(?-i:[A-Z](?:-?\d{1,3})?|[XVI]{1,6}|x{0,3}(?:ix|iv|vi{0,3}|i{2,3})))"
    r"(?![A-Za-z0-9]|[.-]\d)(?P<inside>(?: ?\([0-9A-Za-z]{1,4}\))*)"
)
_ENGLISH_HINTS: Final = (
    "article", "art.", "art ", "section", "sec.", "sec ", "clause", "para", "chapter", "ch.", "ch ", "annex",
    "appendix", "schedule", "exhibit", "rule", "regulation", "§",
)  # fmt: skip
_INSIDE: Final = pattern(r"\(([0-9A-Za-z]{1,4})\)")
_ROMAN: Final = {"i": 1, "v": 5, "x": 10}


class Reference(NamedTuple):
    """Where it stands, in code points, and the term it is."""

    start: int
    end: int
    term: str
    is_date: bool = False
    aside: str | None = None
    """A term that a query for it asks for too, but less: a day whose year a text does not say."""


def references(text: str) -> Iterator[Reference]:
    """Of a folded text, in order of their kinds; a day is in its month too, and a day of any year."""
    known = list(dates(text))
    for date in known:
        yield Reference(date.start, date.end, PREFIX + date.written, is_date=True)
        if date.day_of_year is not None:
            yield Reference(date.start, date.end, PREFIX + date.month, is_date=True)
            yield Reference(date.start, date.end, _OF_SOME_YEAR + date.day_of_year, is_date=True)
    for day in yearless_days(text, known):
        yield Reference(day.start, day.end, _OF_NO_YEAR + day.written, is_date=True)
    yield from _without_days(text)


def asked_references(text: str) -> Iterator[Reference]:
    """What a query surely refers to: of a day the day alone, and no code; without a year the day of any."""
    known = list(dates(text))
    for date in known:
        if not date.may_be_code:
            aside = date.day_of_year and _OF_NO_YEAR + date.day_of_year
            yield Reference(date.start, date.end, PREFIX + date.written, is_date=True, aside=aside)
    for day in yearless_days(text, known):
        for prefix in (_OF_NO_YEAR, _OF_SOME_YEAR):
            yield Reference(day.start, day.end, prefix + day.written, is_date=True)
    yield from _without_days(text)


def bare_references(text: str) -> Iterator[Reference]:
    """What may be something else in a document: 3조 is three trillion, 2026.3 a number, 20260305 a code."""
    for date in (*dates(text), *maybe_months(text)):
        yield Reference(date.start, date.end, PREFIX + date.written, is_date=True)
    for match in _BARE.finditer(text):
        number = match["number"].lstrip("0") or "0"
        term = PREFIX + _named(f"제{number}{match['kind']}", match["branch"])
        yield Reference(match.start(), match.end(), term)


def _without_days(text: str) -> Iterator[Reference]:
    """What a document has and a query asks for in the same terms."""
    for period in periods(text):
        yield Reference(period.start, period.end, PREFIX + period.written, is_date=True)
    for number in phone_numbers(text):
        yield Reference(number.start, number.end, f"{PREFIX}tel{number.digits}")
    yield from _of_rules(text)


def _of_rules(text: str) -> Iterator[Reference]:
    """English ones, Korean articles, then what is attached."""
    yield from _english(text)
    if not _MAY_HOLD.search(text):
        return
    if "第" in text or "別" in text or "附" in text:
        text = text.translate(_HANJA)
    former: Reference | None = None
    for match in _ARTICLE.finditer(text):
        number = _plain_number(match["number"])
        term = PREFIX + _named(f"제{number}{match['kind']}", match["branch"])
        yield Reference(match.start(), match.end(), term)
        # 제3조제1항 is a place of its own, not just both.
        if former is not None and match.start() - former.end <= 1:
            term = former.term + term[len(PREFIX) :]
            former = Reference(former.start, match.end(), term)
            yield former
        else:
            former = Reference(match.start(), match.end(), term)
    for match in _ATTACHED.finditer(text):
        number = match["number"].lstrip("0") or "0"
        yield Reference(match.start(), match.end(), PREFIX + _named(f"{match['what']}{number}", match["branch"]))


def _english(text: str) -> Iterator[Reference]:
    lower = text.lower()
    if not any(hint in lower for hint in _ENGLISH_HINTS):  # a tenth of the time that the pattern takes
        return
    for match in _ENGLISH.finditer(text):
        kind = "section" if match["sign"] else _ENGLISH_KINDS[match["kind"].lower().removesuffix("s")]
        number = match["number"].lower()
        if set(number) <= _ROMAN.keys():
            number = str(_of_roman(number))
        term = f"{PREFIX}{kind}{number}"
        yield Reference(match.start(), match.end("number"), term)
        for inside in _INSIDE.finditer(text, match.end("number"), match.end()):
            term += f"({inside[1].lower()})"
            yield Reference(match.start(), inside.end(), term)


def _of_roman(number: str) -> int:
    values = [_ROMAN[letter] for letter in number]
    return sum(-one if one < following else one for one, following in zip(values, [*values[1:], 0], strict=True))


def _plain_number(written: str) -> str:
    """Without zeros before it; of 十二 and XII, 12."""
    if written[0] in "IVX":
        return str(_of_roman(written.lower()))
    if written[0] in _HANJA_NUMERALS:
        total, last = 0, 0
        for sign in written:
            value = _HANJA_NUMERALS.index(sign) + 1
            if sign in "十百":
                total, last = total + (last or 1) * (10 if sign == "十" else 100), 0
            else:
                last = value
        return str(total + last)
    return written.lstrip("0") or "0"


def _named(name: str, branch: str | None) -> str:
    return name if branch is None else f"{name}의{branch.lstrip('0') or '0'}"
