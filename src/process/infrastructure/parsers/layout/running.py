"""Running headers and footers: what stands at the same place, above or below the text, on most pages."""

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Final

from process.infrastructure.parsers.layout.segment import Line, Page

_ZONE: Final = 0.14
"""Share of the page's height, at its top and its bottom, in which they are looked for."""
_MOST_LINES: Final = 3
_FEWEST_PAGES: Final = 2
_NUMBER: Final = re.compile(r"\d+|\b[ivxlc]{1,7}\b", re.I)
_ROMAN: Final = re.compile(r"(?=[ivxlc])(c{0,3})(xc|xl|l?x{0,3})(ix|iv|v?i{0,3})\Z", re.I)
_WORD: Final = re.compile(r"[^\W\d_]{2,}")
_TEXT_END: Final = re.compile(r"[가-힣]다\.\Z|(?:\S+\s+){4,}\S*[a-z]\.\Z")
_STEP: Final = 4.0
"""Points within which two lines stand at the same place."""


def take_out(pages: Sequence[Page]) -> tuple[list[Line], list[Line]]:
    """Removes them from the pages' lines; each header and each footer once, as it stands on its first page."""
    return _taken(pages, "top"), _taken(pages, "bottom")


def _taken(pages: Sequence[Page], edge: str) -> list[Line]:
    with_text = sum(bool(page.lines) for page in pages)
    if with_text < _FEWEST_PAGES:
        return []
    stacks = {page.number: _outermost(page, edge) for page in pages}
    counts = dict.fromkeys(stacks, 0)
    for depth in range(_MOST_LINES):
        at_depth = {
            number: stack[depth] for number, stack in stacks.items() if len(stack) > depth and counts[number] == depth
        }
        for number in _running(at_depth, with_text):
            counts[number] = depth + 1
    _leave_text(pages, stacks, counts, edge)
    kept: list[Line] = []
    seen: set[str] = set()
    for page in pages:
        taken = stacks[page.number][: counts[page.number]]
        if taken:
            page.lines = _without(page.lines, taken)
        for line in taken:
            form = _form(line.text)
            if form not in seen and _WORD.search(form):
                seen.add(form)
                kept.append(line)
    return kept


def _outermost(page: Page, edge: str) -> list[Line]:
    """The highest or lowest lines near the edge, from the edge on, as far as each is right beside the one before."""
    if edge == "top":
        end = page.height * (1 - _ZONE)
        near = [line for line in page.lines if line.bottom > end and not line.cells and line.table is None]
        near.sort(key=lambda line: -line.top)
    else:
        end = page.height * _ZONE
        near = [line for line in page.lines if line.top < end and not line.cells and line.table is None]
        near.sort(key=lambda line: line.bottom)
    stack: list[Line] = []
    for line in near[:_MOST_LINES]:
        if stack and max(line.bottom - stack[-1].top, stack[-1].bottom - line.top) >= 0.8 * line.height:
            break
        stack.append(line)
    return stack


def _running(lines: dict[int, Line], with_text: int) -> set[int]:
    """Numbers of the pages whose line is that of other pages too, at the same place."""
    groups: dict[tuple[str, int], list[int]] = defaultdict(list)
    places: Counter[int] = Counter()
    for number, line in lines.items():
        place = round(line.bottom / _STEP)
        places[place] += 1
        groups[_form(line.text), place].append(number)
    running: set[int] = set()
    for (form, place), numbers in groups.items():
        # The neighbouring place too: rounding parts what is half a point apart.
        together = sorted({*numbers, *groups.get((form, place + 1), ()), *groups.get((form, place - 1), ())})
        if not _is_many(len(together), with_text, places[place] / max(1, with_text)):
            continue
        of_them = [lines[number] for number in together]
        is_number = not _WORD.search(form)
        if _counts_pages(together, of_them) if is_number else not any(map(_is_running_text, of_them[:3])):
            running.update(numbers)
    return running


def _leave_text(pages: Sequence[Page], stacks: dict[int, list[Line]], counts: dict[int, int], edge: str) -> None:
    """Lowers counts where the innermost line taken is, on most pages, no farther from the text than lines of it are."""
    for depth in range(_MOST_LINES, 0, -1):
        taken = [page for page in pages if counts[page.number] == depth]
        worded = [page for page in taken if _WORD.search(_form(stacks[page.number][depth - 1].text))]
        apart = sum(_is_apart(page, stacks[page.number], depth, edge) for page in worded)
        if worded and apart * 2 <= len(worded):
            for page in worded:
                counts[page.number] -= 1


def _is_running_text(line: Line) -> bool:
    """Whether it looks like a part of a sentence."""
    text = line.text
    return text[0].islower() or (text.endswith(".") and _TEXT_END.search(text) is not None)


def _is_many(count: int, pages: int, share_at_place: float) -> bool:
    if pages == _FEWEST_PAGES:
        return count == pages
    # Left and right pages may have their own, and so may chapters.
    return count >= 3 and (count >= 0.4 * pages or share_at_place >= 0.6)


def _is_apart(page: Page, stack: Sequence[Line], depth: int, edge: str) -> bool:
    """Whether more room is between the lines taken and the text than between two lines of the text."""
    line = stack[depth - 1]
    rest = _without(page.lines, stack[:depth])
    if not rest:
        return True
    room = (
        line.bottom - max(other.top for other in rest)
        if edge == "top"
        else min(other.bottom for other in rest) - line.top
    )
    return room > 0.45 * line.height


def _without(lines: Sequence[Line], taken: Sequence[Line]) -> list[Line]:
    these = {*map(id, taken)}
    return [line for line in lines if id(line) not in these]


def _counts_pages(numbers: Sequence[int], lines: Sequence[Line]) -> bool:
    """Whether a number in the lines goes up with the page, in most of them."""
    steps: Counter[int] = Counter()
    for number, line in zip(numbers, lines, strict=True):
        steps.update({value - number for value in map(_value, _NUMBER.findall(line.text)) if value is not None})
    return bool(steps) and steps.most_common(1)[0][1] >= max(2, 0.7 * len(numbers))


def _value(text: str) -> int | None:
    if text.isdigit():
        return int(text[:9])
    found = _ROMAN.match(text)
    if found is None:
        return None
    values = {"i": 1, "v": 5, "x": 10, "l": 50, "c": 100}
    digits = [values[sign] for sign in text.lower()]
    return sum(
        -digit if index + 1 < len(digits) and digit < digits[index + 1] else digit for index, digit in enumerate(digits)
    )


def _form(text: str) -> str:
    """The text up to its numbers and spaces."""
    return _NUMBER.sub("#", "".join(text.split()) if len(text) > 8 else text.strip()).casefold()
