"""Where sentences end, in Korean, English and scripts without spaces; linear in the length of the text."""

import re
from collections.abc import Iterator
from typing import Final

from shared.patterns import pattern

_WINDOW: Final = 20_000
"""A longer text is cut at white space first, so that no single scan holds the interpreter for long."""

# The look-behind lets a run of dots be met only at its first one, and `++`/`*+` never give back: both keep a
# line of a million dots linear.
_CLOSERS: Final = "\"'”’»)\\]』」》〉）】"
_END: Final = pattern(
    rf"(?<![.!?…])[.!?…]++[{_CLOSERS}]*+(?=\s|\Z)"  # followed by white space
    rf"|(?<![。！？｡])[。！？｡]++[{_CLOSERS}]*+"  # CJK full stops need none
    r"|(?<=[다요죠까음함임됨])[.!?]++(?=[가-힣])"  # Korean written without the space
)
_ABBREVIATIONS_TEXT: Final = (
    "mr mrs ms dr prof st sr jr vs etc e.g i.e cf al no nos art arts fig figs sec secs ch chap vol pp p para ed eds "
    "inc ltd co corp llc dept est approx u.s u.k u.n e.u a.m p.m ph.d jan feb mar apr jun jul aug sep sept oct nov "
    "dec mt gen gov rep sen rev hon capt col lt sgt ave blvd rd tel ext bzw z.b d.h usw nr bd vgl ca"
)
_ABBREVIATIONS: Final = frozenset(_ABBREVIATIONS_TEXT.split())
_LAST_WORD: Final = pattern(r"[^\s(\[{\"'“‘]{1,12}\Z")


def sentences(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Offsets of the sentences of `text[start:end]`, in order, without the white space between them.

    Every non-space character lies in exactly one. A line that ends nowhere is one sentence.
    """
    while end - start > _WINDOW:
        cut = _space_before(text, start, start + _WINDOW)
        yield from _in_window(text, start, cut)
        start = cut
    yield from _in_window(text, start, end)


def _space_before(text: str, start: int, end: int) -> int:
    for sign in ("\n", " "):
        found = text.rfind(sign, start + (end - start) // 2, end)
        if found != -1:
            return found + 1
    return end


def _in_window(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    window = text[start:end]
    begin = 0
    for match in _END.finditer(window):
        stop = match.end()
        if stop < len(window) and not _is_end(window, begin, match):
            continue
        trimmed = _trim(window, begin, stop)
        if trimmed is not None:
            yield start + trimmed[0], start + trimmed[1]
        begin = stop
    trimmed = _trim(window, begin, len(window))
    if trimmed is not None:
        yield start + trimmed[0], start + trimmed[1]


def _is_end(window: str, begin: int, match: re.Match[str]) -> bool:
    if match.group()[0] != "." or len(match.group().rstrip(_CLOSERS)) > 1:
        return True
    follow = match.end()
    while follow < len(window) and window[follow].isspace():
        follow += 1
    if follow == len(window):
        return True
    if window[follow].islower():
        return False
    word = _LAST_WORD.search(window, max(begin, match.start() - 12), match.start())
    if word is None:
        return True
    last = word.group()
    if last.isdigit():
        # "2024. 3. 5." and "1. First item": the number belongs to what follows, unless it ends a sentence.
        return len(last) > 2 and not window[follow].isdigit()
    return not (last.lower() in _ABBREVIATIONS or (len(last) == 1 and last.isascii() and last.isupper()))


def _trim(window: str, begin: int, end: int) -> tuple[int, int] | None:
    while begin < end and window[begin].isspace():
        begin += 1
    while end > begin and window[end - 1].isspace():
        end -= 1
    return (begin, end) if begin < end else None
