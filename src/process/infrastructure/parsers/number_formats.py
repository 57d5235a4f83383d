"""Numbers as a spreadsheet shows them: ECMA-376-1, 18.8.30 (number formats), as far as offices use them."""

import re
from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from functools import lru_cache
from typing import Final, NamedTuple

from process.infrastructure.parsers.numbers_in_words import in_words

Show = Callable[[float], str]

_GENERAL: Final = "General"
BUILT_IN: Final[dict[int, str]] = {
    1: "0", 2: "0.00", 3: "#,##0", 4: "#,##0.00", 9: "0%", 10: "0.00%", 11: "0.00E+00", 12: "# ?/?", 13: "# ??/??",
    14: "yyyy-mm-dd", 15: "d-mmm-yy", 16: "d-mmm", 17: "mmm-yy", 18: "h:mm AM/PM", 19: "h:mm:ss AM/PM",
    20: "h:mm", 21: "h:mm:ss", 22: "yyyy-mm-dd h:mm",
    27: 'yyyy"年" mm"月" dd"日"', 28: "mm-dd", 29: "mm-dd", 30: "mm-dd-yy", 31: 'yyyy"년" mm"월" dd"일"',
    32: 'h"시" mm"분"', 33: 'h"시" mm"분" ss"초"', 34: "yyyy-mm-dd", 35: "yyyy-mm-dd", 36: 'yyyy"年" mm"月" dd"日"',
    37: "#,##0;(#,##0)", 38: "#,##0;(#,##0)", 39: "#,##0.00;(#,##0.00)", 40: "#,##0.00;(#,##0.00)",
    41: "#,##0;-#,##0;-", 42: "#,##0;-#,##0;-", 43: "#,##0.00;-#,##0.00;-", 44: "#,##0.00;-#,##0.00;-",
    45: "mm:ss", 46: "[h]:mm:ss", 47: "mm:ss.0", 48: "##0.0E+0", 49: "@",
    50: 'yyyy"年" mm"月" dd"日"', 51: "mm-dd", 52: "yyyy-mm-dd", 53: "yyyy-mm-dd", 54: "mm-dd", 55: "yyyy-mm-dd",
    56: "yyyy-mm-dd", 57: 'yyyy"年" mm"月" dd"日"', 58: "mm-dd",
}  # fmt: skip
"""Formats that files only number; dates as Korean offices show them."""
_TOKEN: Final = re.compile(
    r'"[^"]*"?|\\.|_.|\*.|\[[^\]]*\]?|AM/PM|A/P|오전/오후|General|G/표준|y+|m+|d+|h+|s+|a{3,4}|0+|#+|\?+|E[+-]|.',
    re.I | re.S,
)
_CONDITION: Final = re.compile(r"\[(<=|>=|<>|<|>|=)\s*(-?[\d.]+)\]")
_CURRENCY: Final = re.compile(r"\[\$([^-\]]*)(?:-[^\]]*)?\]")
_IN_WORDS: Final = re.compile(r"\[DBNum[124]\]", re.I)
_IN_KOREAN: Final = re.compile(r"\[\$-(?:[0-9A-F]{0,6}412|ko-KR)\b[^\]]*\]", re.I)
_ELAPSED: Final = re.compile(r"\[(h+|m+|s+)\]", re.I)
_SIMPLE: Final = re.compile(r'((?:"[^"]*")?)(#,##)?0(\.0+)?(%)?((?:\\ )?(?:"[^"]*")?)')
"""Prefix, commas, decimals, percent, suffix."""
_DATE_PARTS: Final = frozenset("ymdhsa")
_MONTHS: Final = (
    *("January", "February", "March", "April", "May", "June", "July", "August", "September", "October"),
    *("November", "December"),
)
_DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_KOREAN_DAYS: Final = "월화수목금토일"
_LATEST: Final = 2_958_466.0
"""The day after 9999-12-31: larger numbers are no dates."""
_OPERATORS: Final[dict[str, Callable[[float, float], bool]]] = {
    "<": lambda a, b: a < b,
    ">": lambda a, b: a > b,
    "<=": lambda a, b: a <= b,
    ">=": lambda a, b: a >= b,
    "=": lambda a, b: a == b,
    "<>": lambda a, b: a != b,
}


def plain_number(value: float) -> str:
    """As the format General: no more digits than the number has, no exponent below 10^15."""
    if value == int(value) and abs(value) < 1e15:
        return str(int(value))
    text = format(value, ".15g")
    return format(Decimal(text), "f") if "e-" in text and value and abs(value) > 1e-9 else text


@lru_cache(maxsize=4096)
def shower(code: str, *, from_1904: bool = False) -> Show:
    """What shows a number in this format; never raises."""
    if code.strip().casefold() in ("general", "", "@", "g/표준"):
        return plain_number
    simple = _SIMPLE.fullmatch(code)
    if simple is not None:
        return _simple_shower(*simple.groups(default=""))
    sections = [_Section(tokens, _is_date(tokens)) for tokens in map(_tokens, _split(code))]

    @lru_cache(maxsize=10_000)
    def show(value: float) -> str:
        try:
            return _shown(value, sections, from_1904=from_1904)
        except (ValueError, OverflowError, ArithmeticError):
            return plain_number(value)

    return show


class _Section(NamedTuple):
    tokens: list[str]
    is_date: bool


def _simple_shower(before: str, grouped: str, decimals: str, percent: str, after: str) -> Show:
    """For what most formats are: digits with or without commas, some decimals, a unit."""
    before, after = (text.replace('"', "").replace("\\", "") for text in (before, after))
    pattern = f"{',' if grouped else ''}.{max(0, len(decimals) - 1)}f"

    def show(value: float) -> str:
        # What is written in decimal and ends in 5 is rounded up, also where its binary form is a little less.
        text = format(abs(value) * (100 if percent else 1) * (1 + 1e-14), pattern)
        sign = "-" if value < 0 and text.strip("0.,") else ""
        return f"{sign}{before}{text}{percent}{after}"

    return show


def is_date(code: str) -> bool:
    """Whether it shows a day or a time."""
    return any(_is_date(_tokens(section)) for section in _split(code)[:1])


def as_date(value: float, *, from_1904: bool = False) -> datetime:
    """The instant of a serial number, to the millisecond. Raises ValueError beyond the years 1900–9999."""
    if not 0 <= value < _LATEST:
        raise ValueError(f"{value} is no date")
    # Excel counts a 29 February 1900 that never was.
    since_1900 = datetime(1899, 12, 31) if value < 60 else datetime(1899, 12, 30)
    return (datetime(1904, 1, 1) if from_1904 else since_1900) + timedelta(milliseconds=round(value * 86_400_000))


def _split(code: str) -> list[str]:
    """The sections: for positive numbers, negative ones, zero and text."""
    sections, start, quoted, at = [], 0, False, 0
    while at < len(code):
        sign = code[at]
        if sign == '"':
            quoted = not quoted
        elif sign == "\\" and not quoted:
            at += 1
        elif sign == ";" and not quoted:
            sections.append(code[start:at])
            start = at + 1
        at += 1
    return [*sections, code[start:]]


def _tokens(section: str) -> list[str]:
    return _TOKEN.findall(section)


def _is_date(tokens: list[str]) -> bool:
    if any(token.casefold() in ("general", "g/표준") for token in tokens):
        return False
    return any(token[0].lower() in _DATE_PARTS or _ELAPSED.fullmatch(token) for token in tokens if token[0] != '"')


def _shown(value: float, sections: list[_Section], *, from_1904: bool) -> str:
    (tokens, has_date), is_plain_negative = _section_for(value, sections)
    if any(token.casefold() in ("general", "g/표준") for token in tokens):
        form = next((token[6] for token in tokens if _IN_WORDS.fullmatch(token)), "")
        said = in_words(int(abs(value)), form) if form and float(value).is_integer() else ""
        sign = "-" if value < 0 else ""
        return "".join(
            (sign + said if said else plain_number(value))
            if token.casefold() in ("general", "g/표준")
            else _literal(token)
            for token in tokens
        ).strip()
    if has_date:
        return _show_date(value, tokens, from_1904=from_1904)
    words = next((token for token in tokens if _IN_WORDS.fullmatch(token)), None)
    if words is not None and float(value).is_integer() and (said := in_words(int(abs(value)), words[6])):
        before, _, after = "".join("\0" if one[0] in "0#?" else _literal(one) for one in tokens).partition("\0")
        return f"{'-' if value < 0 else ''}{before}{said}{after.replace(chr(0), '').lstrip(',')}".strip()
    # A section of its own says itself how a negative number looks.
    number = value if is_plain_negative else abs(value)
    return _show_number(number, tokens).strip()


def _section_for(value: float, sections: list[_Section]) -> tuple[_Section, bool]:
    """The section, and whether a minus is still to be shown."""
    if any(_CONDITION.fullmatch(token) for section in sections for token in section.tokens):
        for section in sections:
            found = next((match for token in section.tokens if (match := _CONDITION.fullmatch(token))), None)
            if found is None or _OPERATORS[found[1]](value, float(found[2])):
                return section, True
        return sections[-1], True
    if value < 0 and len(sections) > 1:
        return sections[1], False
    if value == 0 and len(sections) > 2:
        return sections[2], False
    return sections[0], True


def _literal(token: str) -> str:
    """What a token shows that is neither digit nor date."""
    if token[0] == '"':
        return token.strip('"')
    if token[0] == "\\":
        return token[1:]
    if token[0] == "_":
        return " "
    if token[0] == "*":
        return ""
    if token[0] == "[":
        currency = _CURRENCY.fullmatch(token)
        return currency[1] if currency else ""
    return "" if token == "@" else token


def _show_number(value: float, tokens: list[str]) -> str:
    kinds = ["digits" if token[0] in "0#?" else "literal" for token in tokens]
    if "digits" not in kinds:
        return "".join(_literal(token) for token in tokens)
    if "/" in tokens and any(token[0] == "?" for token in tokens):
        return _show_fraction(value, tokens)
    first, last = kinds.index("digits"), len(kinds) - 1 - kinds[::-1].index("digits")
    body = tokens[first : last + 1]
    while last + 1 < len(tokens) and tokens[last + 1] == ",":
        last += 1  # each comma behind the digits is a thousand less
        value /= 1000
    before = "".join(_literal(token) for token in tokens[:first])
    after = "".join(_literal(token) for token in tokens[last + 1 :])
    value *= 100 ** (before.count("%") + after.count("%") + body.count("%"))
    exponent = next((at for at, token in enumerate(body) if token[:1] in "Ee" and len(token) == 2), None)
    if exponent is not None:
        decimals = sum(len(token) for token in body[:exponent][body.index(".") + 1 :]) if "." in body else 0
        return before + format(value, f".{decimals}E") + after
    point = body.index(".") if "." in body else len(body)
    whole = [token for token in body[:point] if token[0] in "0#?"]
    least_whole = sum(token.count("0") for token in whole)
    fraction = "".join(token for token in body[point + 1 :] if token[0] in "0#?")
    step = Decimal(1).scaleb(-len(fraction))
    rounded = Decimal(repr(abs(value))).quantize(step, rounding=ROUND_HALF_UP)
    digits = format(rounded, "f")
    left, _, right = digits.partition(".")
    while right and len(right) > fraction.rfind("0") + 1 and right[-1] == "0":
        right = right[:-1]  # a # shows no zero at the end
    left = left.lstrip("0").zfill(least_whole) if least_whole or left.strip("0") else ""
    literals = [token for token in body[:point] if token[0] not in "0#?" and token != ","]
    if literals and "," not in body[:point]:
        left = _into_places(left, body[:point])
    elif "," in body[:point]:
        left = re.sub(r"(?<=\d)(?=(\d{3})+\Z)", ",", left)
    sign = "-" if value < 0 and rounded else ""
    return sign + before + left + ("." + right if right else "") + after


def _into_places(digits: str, pattern: list[str]) -> str:
    """Digits around the signs between them, as in 000-0000 or 0000"."00."""
    places = [sign for token in pattern for sign in (token if token[0] in "0#?" else [token])]
    count = sum(place in "0#?" for place in places)
    digits = digits.rjust(count, " ")
    extra, rest = digits[: len(digits) - count], iter(digits[len(digits) - count :])
    shown = "".join(next(rest).strip() if place in "0#?" else _literal(place) for place in places)
    return extra + shown


def _show_fraction(value: float, tokens: list[str]) -> str:
    below = next((len(token) for token in reversed(tokens) if token[0] in "?#0"), 1)
    near = Fraction(abs(value)).limit_denominator(10**below - 1)
    whole, rest = divmod(near.numerator, near.denominator)
    parts = [str(whole)] if whole or not rest else []
    if rest:
        parts.append(f"{rest}/{near.denominator}")
    return ("-" if value < 0 else "") + " ".join(parts)


def _show_date(value: float, tokens: list[str], *, from_1904: bool) -> str:
    elapsed = any(_ELAPSED.fullmatch(token) for token in tokens)
    seconds_shown = any(token[0] in "sS" for token in tokens)
    # What is not shown is not rounded up to: 23:59:59.9 stays 23:59.
    moment = as_date(value if not elapsed else value % 1, from_1904=from_1904)
    if seconds_shown and not any(token[0] == "0" for token in tokens):
        moment += timedelta(milliseconds=500)
    in_korean = any(map(_IN_KOREAN.fullmatch, tokens))
    is_half_day = any(token.casefold() in ("am/pm", "a/p", "오전/오후") for token in tokens)
    shown, last = [], ""
    for place, token in enumerate(tokens):
        first = token[0].lower()
        if found := _ELAPSED.fullmatch(token):
            unit = found[1][0].lower()
            total = int(round(value * 86_400, 3) // {"h": 3600, "m": 60, "s": 1}[unit])
            shown.append(str(total).zfill(len(found[1])))
            last = unit
        elif token == "오전/오후" or (in_korean and token.casefold() == "am/pm"):
            shown.append("오전" if moment.hour < 12 else "오후")
        elif token.casefold() in ("am/pm", "a/p"):
            shown.append(("AM" if moment.hour < 12 else "PM")[: len(token) // 2])
        elif in_korean and first in "md" and len(token) > 2 and token[0] not in '"\\':
            shown.append(_in_korean(moment, first, len(token)))
            last = first
        elif first in _DATE_PARTS and token[0] not in '"\\':
            if first == "m" and (last == "h" or _next_unit(tokens, place) == "s"):
                shown.append(str(moment.minute).zfill(min(2, len(token))))
            else:
                shown.append(_date_part(moment, first, len(token), is_half_day=is_half_day))
            last = first
        elif first == "0":
            shown.append(f"{moment.microsecond // 1000:03d}"[: len(token)])
        else:
            shown.append(_literal(token))
    return "".join(shown).strip()


def _in_korean(moment: datetime, unit: str, length: int) -> str:
    """The name of a month or of a day of the week."""
    return f"{moment.month}월" if unit == "m" else _date_part(moment, "a", length, is_half_day=False)


def _next_unit(tokens: list[str], place: int) -> str:
    for token in tokens[place + 1 :]:
        if token[0].lower() in _DATE_PARTS:
            return token[0].lower()
        if found := _ELAPSED.fullmatch(token):
            return found[1][0].lower()
    return ""


def _date_part(moment: datetime, unit: str, length: int, *, is_half_day: bool) -> str:
    day: date = moment.date()
    match unit:
        case "y":
            return f"{day.year:04d}" if length > 2 else f"{day.year % 100:02d}"
        case "m":
            if length > 2:
                name = _MONTHS[day.month - 1]
                return name[:3] if length == 3 else name[0] if length == 5 else name
            return str(day.month).zfill(length)
        case "d":
            if length > 2:
                return _DAYS[day.weekday()][: 3 if length == 3 else 9]
            return str(day.day).zfill(length)
        case "a":
            return _KOREAN_DAYS[day.weekday()] + ("요일" if length > 3 else "")
        case "h":
            hour = (moment.hour % 12 or 12) if is_half_day else moment.hour
            return str(hour).zfill(min(2, length))
        case _:
            return str(moment.second).zfill(min(2, length))
