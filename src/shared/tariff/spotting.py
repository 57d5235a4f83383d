"""Finds tariff codes in text, Korean and English, and tells them from dates, amounts, telephones and laws."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

from shared.tariff import cues
from shared.tariff.codes import Standing, ancestors, is_code, plain_signs
from shared.tariff.shapes import NATIONAL, Shape, parts_of_range, shape_of, without_odd_end, written_across

StandingOf = Callable[[str], Standing]
"""What the nomenclature says of a code."""

_NUMBER: Final = re.compile(r"(?<!\d)(?<!\d[.,\-/:])\d{1,12}(?:[.\-]\d{1,6})*(?![\d])")
_ORDINAL: Final = re.compile(r"제\s?$")
_NUMBER_SIGN: Final = re.compile(r"\s?호")
_MODEL: Final = re.compile(
    r"(?:^|[^A-Za-z])(?!(?:hsk?|hts|ex|nos?|codes?|(?:sub)?headings?|through|to|and|or)$)[A-Za-z_]{1,12}$", re.I
)
_MOST_PIECES: Final = 4
_AROUND: Final = 300

CERTAIN: Final = 0.99
"""Said to be a code, and in the nomenclature."""
OUTDATED: Final = 0.97
"""Said to be a code, and in an older edition."""
UNLISTED: Final = 0.9
"""Said to be a code below a heading that there is; not in the nomenclature."""
NUMBERED: Final = 0.93
"""제8471호 and nothing else that speaks of tariffs."""
NOTATION: Final = 0.97
"""Written as only codes are (8471.30-0000), and in the nomenclature."""
LISTED: Final = 0.95
"""In a list with one that is said to be a code."""
ALONE: Final = 0.8
"""Digits that are in the nomenclature, and nothing that speaks against them."""


@dataclass(frozen=True, slots=True)
class Mention:
    """A code in a text: `start` and `end` are code points, `surface` what stands between them."""

    start: int
    end: int
    surface: str
    code: str
    """Its digits, as many as were written."""
    standing: Standing
    confidence: float
    """How often such a mention is one of a code."""


@dataclass(frozen=True, slots=True)
class _Number:
    start: int
    end: int
    written: str


@dataclass(frozen=True, slots=True)
class _Candidate:
    mention: Mention
    is_said: bool
    """Words say that it is a code."""


def spot(text: str, standing_of: StandingOf) -> Sequence[Mention]:
    """The codes in it, in their order. Takes time in proportion to the text."""
    plain = plain_signs(text)
    numbers = [_Number(one.start(), one.end(), one.group()) for one in _NUMBER.finditer(plain)]
    found: list[_Candidate | None] = []
    waiting: list[_Number] = []
    """One for each of `found`."""
    place = 0
    while place < len(numbers):
        goes_on = bool(found) and _goes_on(plain, found[-1], waiting[-1], numbers[place])
        pieces = _longest(plain, numbers[place : place + _MOST_PIECES], standing_of, goes_on)
        whole = numbers[place]
        odd = without_odd_end(whole.written) if pieces == 1 else None
        if odd is not None and (goes_on or cues.has_cue(_beside(plain, whole)[0])):
            whole = _Number(whole.start, whole.start + len(odd), odd)
        if pieces > 1:
            together = numbers[place : place + pieces]
            whole = _Number(together[0].start, together[-1].end, _joined(plain, together))
        for part in parts_of_range(whole.written):
            number = _Number(
                whole.start + part.start, whole.start + part.end if part.is_part else whole.end, part.written
            )
            one = _judged(plain, number, standing_of)
            if goes_on and not (one and one.is_said):
                # Known before the next number is looked at, which may be torn apart.
                one = _listed(plain, number, standing_of) or one
            found.append(one)
            waiting.append(number)
        place += pieces
    _pass_on(plain, found, waiting, standing_of)
    _say_again(plain, found, waiting, standing_of)
    return [_as_written(text, one.mention) for one in found if one is not None]


def _goes_on(plain: str, former: _Candidate | None, before: _Number, number: _Number) -> bool:
    return former is not None and former.is_said and cues.links(plain[before.end : number.start])


def _longest(plain: str, numbers: Sequence[_Number], standing_of: StandingOf, goes_on: bool) -> int:
    """Of how many numbers the code that begins with the first is made: more than one where it was torn apart.

    `goes_on`: it is the next one of a list that is said to be one of codes.
    """
    first = numbers[0]
    is_said = goes_on or _is_said(plain, first)
    for count in range(len(numbers), 1, -1):
        pieces = numbers[:count]
        joined = _joined(plain, pieces)
        shape = shape_of(joined)
        if shape is None or _nearest(shape.digits, standing_of) < min(6, len(shape.digits)):
            continue
        if len(shape.digits) <= 4 and not _is_torn_heading(plain, pieces, shape, is_said):
            continue
        if not is_said and standing_of(shape.digits) != "current":
            continue
        gaps = [plain[one.end : other.start] for one, other in pairwise(pieces)]
        if all(written_across(gap) for gap in gaps):
            # A line that ends within a code, or a hyphen with spaces; two codes on two lines are two.
            is_torn = all(gap.strip() for gap in gaps) or _is_unfinished(first)
            if is_torn and (shape.is_notation or is_said):
                return count
        elif all(gap == " " for gap in gaps) and is_said:
            return count
    return 1


def _is_torn_heading(plain: str, pieces: Sequence[_Number], shape: Shape, is_said: bool) -> bool:
    """Whether it is a heading such as 63. 06, and no beginning of a date or of numbers of paragraphs."""
    after = _beside(plain, pieces[-1])[1]
    return is_said and shape.marks == "." and not cues.goes_on(after) and not cues.is_another("", after)


def _is_unfinished(first: _Number) -> bool:
    """Whether a code does not end with it as a rule: no shape of one, or a national line short of two digits."""
    shape = shape_of(first.written)
    return shape is None or len(shape.digits) == 8


def _joined(plain: str, pieces: Sequence[_Number]) -> str:
    parts = [pieces[0].written]
    for one, other in pairwise(pieces):
        parts += [plain[one.end : other.start].strip() or _space(plain[one.end : other.start]), other.written]
    return "".join(parts)


def _space(gap: str) -> str:
    """8471 30 00 has spaces for marks; the end of a line is none."""
    return " " if gap == " " else ""


def _is_said(plain: str, number: _Number) -> bool:
    before, after = _beside(plain, number)
    return cues.has_cue(before) or (cues.is_numbered(before, after) and not cues.is_law(before))


def _beside(plain: str, number: _Number) -> tuple[str, str]:
    return plain[max(0, number.start - cues.REACH) : number.start], plain[number.end : number.end + 24]


def _nearest(digits: str, standing_of: StandingOf) -> int:
    """How many of its digits are a code of this edition or an older one."""
    known = (one for one in (digits, *reversed(ancestors(digits))) if standing_of(one) != "unknown")
    return len(next(known, ""))


def _judged(plain: str, number: _Number, standing_of: StandingOf) -> _Candidate | None:
    shape = shape_of(number.written)
    if shape is None or not is_code(shape.digits):
        return None
    before, after = _beside(plain, number)
    if _MODEL.search(before) or cues.is_year(shape.digits, before, after):
        return None
    known = _nearest(shape.digits, standing_of)
    if known < 4:
        return None
    standing = standing_of(shape.digits)
    is_numbered = cues.is_numbered(before, after)
    if cues.is_law(before) or (is_numbered and shape.first_mark == "-" and not cues.has_cue(before)):
        return None
    is_said = cues.has_cue(before) or (shape.marks != "" and cues.has_cue_after(after))
    if is_said or is_numbered:
        confidence = _said(shape, standing, known, is_numbered and not is_said, plain, number)
    else:
        confidence = _unsaid(shape, standing, known, plain, number)
    if not confidence:
        return None
    surface = plain[number.start : number.end]
    mention = Mention(number.start, number.end, surface, shape.digits, standing, confidence)
    return _Candidate(mention, is_said or is_numbered)


def _said(shape: Shape, standing: Standing, known: int, only_numbered: bool, plain: str, number: _Number) -> float:
    if only_numbered and len(shape.digits) == 4 and not _is_about_tariffs(plain, number):
        return NUMBERED
    if standing == "current":
        return CERTAIN
    return OUTDATED if standing == "superseded" or known >= 6 else UNLISTED


def _unsaid(shape: Shape, standing: Standing, known: int, plain: str, number: _Number) -> float:
    """Zero: a number like any other."""
    before, after = _beside(plain, number)
    if cues.is_another(before, after) or shape.may_be_a_date:
        return NOTATION if shape.is_notation and standing == "current" else 0.0
    if shape.is_notation:
        if standing == "current":
            return NOTATION
        return UNLISTED if known >= 6 or _is_about_tariffs(plain, number) else 0.0
    if plain.strip() == shape.written:
        return ALONE if standing != "unknown" and not shape.may_be_a_date else 0.0
    if shape.needs_words or known < 6:
        return 0.0
    if shape.looks_like_a_number and not _is_about_tariffs(plain, number):
        return 0.0
    if len(shape.digits) in NATIONAL and not shape.marks:
        return LISTED if standing == "current" else 0.0
    return ALONE if not _is_about_tariffs(plain, number) else LISTED


def _is_about_tariffs(plain: str, number: _Number) -> bool:
    return cues.is_about_tariffs(plain[max(0, number.start - _AROUND) : number.end + _AROUND])


def _pass_on(plain: str, found: list[_Candidate | None], numbers: Sequence[_Number], standing_of: StandingOf) -> None:
    """What is said of one number of a list is said of all: forwards first, then backwards."""
    pairs = list(zip(range(len(numbers)), range(1, len(numbers)), strict=False))
    for here, there in (*pairs, *((two, one) for one, two in reversed(pairs))):
        source, target = found[here], found[there]
        if source is None or not source.is_said or (target is not None and target.is_said):
            continue
        first, second = sorted((numbers[here], numbers[there]), key=lambda one: one.start)
        if not cues.links(plain[first.end : second.start]):
            continue
        found[there] = _listed(plain, numbers[there], standing_of)


def _say_again(plain: str, found: list[_Candidate | None], numbers: Sequence[_Number], standing_of: StandingOf) -> None:
    """0507호, where the text has said elsewhere that 0507 is a heading, or named a code below it."""
    said = {one.mention.code for one in found if one is not None and one.mention.confidence >= LISTED}
    said.update([above for code in said for above in ancestors(code) if len(above) >= 4])
    for place, number in enumerate(numbers):
        if found[place] is not None or number.written not in said:
            continue
        if cues.is_named_by_sign(_beside(plain, number)[1]):
            found[place] = _listed(plain, number, standing_of)


def _listed(plain: str, number: _Number, standing_of: StandingOf) -> _Candidate | None:
    shape = shape_of(number.written)
    if shape is None or not is_code(shape.digits):
        return None
    before, after = _beside(plain, number)
    if _MODEL.search(before) or cues.is_another(before, after):
        return None
    known = _nearest(shape.digits, standing_of)
    if known < min(6, len(shape.digits)) and not (known == 4 and shape.marks):
        return None
    standing = standing_of(shape.digits)
    surface = plain[number.start : number.end]
    confidence = LISTED if standing != "unknown" else UNLISTED
    return _Candidate(Mention(number.start, number.end, surface, shape.digits, standing, confidence), True)


def _as_written(text: str, mention: Mention) -> Mention:
    """With the 제 and 호 around it, where both are there."""
    before = _ORDINAL.search(text, max(0, mention.start - 2), mention.start)
    after = _NUMBER_SIGN.match(text, mention.end)
    start, end = (before.start(), after.end()) if before and after else (mention.start, mention.end)
    return replace(mention, start=start, end=end, surface=text[start:end])


def codes_in(text: str, standing_of: StandingOf) -> Iterator[str]:
    """The digits of all mentions, in their order."""
    return (mention.code for mention in spot(text, standing_of))
