"""The pieces of text on a page as PDFium gives them: its lines, cut where a gap parts columns or cells."""

import re
from typing import Final

from process.domain.raised import LONGEST
from process.infrastructure.parsers.layout.raised_numbers import raised_behind, raised_rects, with_raised
from process.infrastructure.parsers.layout.rows import MUCH_TALLER
from process.infrastructure.parsers.layout.segment import ITEM_MARK, WIDEST_INDENT, Segment
from process.infrastructure.parsers.pdfium.page_text import PageText, Rect

_GAP: Final = 0.8
"""Times the height of the line: a wider one may part columns. Spaces of justified lines are below it."""
_LAM_ALEF: Final = re.compile("[\u0622\u0623\u0625\u0627\u0671]\u0644")
_LINE: Final = re.compile("[^\r\n\ufffe\x02]*[\ufffe\x02]?")
"""PDFium breaks no line behind a hyphen that it takes for one of the line's end, and writes another sign for it."""
_HYPHENS: Final = ("\ufffe", "\x02")
_IDEOGRAPHS: Final = re.compile("[\u1100-\U0010ffff]+")
_LOOSE: Final = 1.2
"""How much taller a font's box is than its letters, about."""
_ON_BASE: Final = 0.1
"""Times the height of the line: pieces whose bases are as near as that stand on one."""
_MOST_WORDS: Final = 400
_LEVEL: Final = 4.0
"""Times the mean width of a letter: the letters of a level line are hardly ever taller together."""
_LOWEST: Final = 0.4
"""Of the height of a line, that of its small letters."""
_TALLEST_INITIAL: Final = 8.0
"""Times the height of the letters beside it."""
_ASLANT: Final = 0.25
"""Of the longer way of a line, the shorter one: what a scan is turned by is less."""
_NOWHERE: Final = (0.0, 0.0, 0.0, 0.0)
_SPACES: Final = re.compile(r"(?<=\S)\s+(?=\S)")
_Part = tuple[int, int, float, float]
"""Of a line: begin and end in its text, left and right edge."""


def segments_of(text: PageText) -> list[list[Segment]]:
    """The pieces in the file's own order, a list for each direction of writing, the commonest first.

    Those of text that runs upwards, downwards or upside down are turned so that they read from left to right.
    """
    found = [group for group in _Reader(text).read() if group]
    if len(found) > 1:
        found.sort(key=lambda group: -sum(len(segment.text) for segment in group))
    return found


class _Reader:
    def __init__(self, text: PageText) -> None:
        self._page = text
        self._groups: tuple[list[Segment], ...] = ([], [], [], [])
        self._turns = [0, 0, 0, 0]
        """How many lines are turned by so many quarters."""
        self._is_level = True
        """No line so far is turned."""

    def read(self) -> tuple[list[Segment], ...]:
        """By the quarters of a turn, counter-clockwise, that the lines are turned by."""
        begin = 0
        content = _with_ligatures_in_order(self._page)
        lines = content.split("\r\n")
        is_plain = content.count("\r") == content.count("\n") == len(lines) - 1 and not any(
            map(content.__contains__, _HYPHENS)
        )
        for line in lines:
            if is_plain:
                self._add_raw(line, begin)
            else:
                for match in _LINE.finditer(line):
                    self._add_raw(match[0], begin + match.start())
            begin += len(line) + 2
        return self._groups

    def _add_raw(self, raw: str, begin: int) -> None:
        """A line, with the white space around it."""
        text = raw.strip()
        if not text:
            return
        indent = 0 if raw[0] == text[0] else len(raw) - len(raw.lstrip())
        length = len(text)
        begin += indent
        spaced = len(raw) > indent + length
        page = self._page
        if page.is_whole:
            first, last = begin, begin + length - 1
        else:
            first, last = page.number(begin), page.number(begin + length - 1)
        font_box, rects = page.line(first, last)
        if len(rects) == 1 and font_box is not None and self._is_level and self._turns[0]:
            # As most lines are: level, of one object of text, without a wide gap.
            left, low, right, high = rects[0]
            _, bottom, _, top = font_box
            wide = right - left
            if (
                top > bottom
                and (wide > high - low or length == 1)
                and wide >= 0
                and (high - low) * length <= _LEVEL * wide
                and not _may_have_gap(text, wide, top - bottom)
            ):
                self._turns[0] += 1
                whole = page.whole(text) if page.has_pairs else text
                self._append(Segment(whole, left, right, bottom, top, spaced, None, begin))
                return
        self._add(text, begin, (first, last), font_box or _NOWHERE, rects, spaced=spaced)

    def _add(
        self, text: str, begin: int, signs: tuple[int, int], font_box: Rect, rects: list[Rect], *, spaced: bool
    ) -> None:
        """The pieces of a line, of the first to the last of its signs."""
        page = self._page
        first, last = signs
        rects = rects or [font_box]
        left, bottom, right, top = rects[0] if len(rects) == 1 else _union(rects)
        turn = self._turn(first, last, right - left, top - bottom)
        self._turns[turn] += 1
        aslant = (top - bottom) * len(text) > _LEVEL * (right - left) and self._is_aslant(first, last)
        if turn or aslant:
            self._is_level = False
        if turn:
            left, bottom, right, top = _turned((left, bottom, right, top), turn)
            middle, half = (top + bottom) / 2, self._height(first, top - bottom) / 2
            lies = left, right, middle - half, middle + half
            self._groups[turn].append(Segment(page.whole(text), *lies, spaced, aslant=aslant))
            return
        if aslant or font_box[3] <= font_box[1]:
            if not aslant:
                _, bottom, _, top = font_box
            self._groups[0].append(Segment(page.whole(text), left, right, bottom, top, spaced, None, begin, aslant))
            return
        if found := raised_rects(text, font_box[3] - font_box[1], rects):
            places = [page.where_rect_begins(first, len(text), index) for index in found]
            text = with_raised(page, text, begin, places)
        _, bottom, _, top = font_box
        base, is_aslant = None, False
        for start, end, piece_left, piece_right in self._cut(text, first, rects, top - bottom):
            cut = text[start:end]
            piece = cut.strip()
            if piece:
                if piece_right < piece_left:
                    piece_right = piece_left
                ends = spaced and end == len(text)
                its_begin = begin + end - len(cut.lstrip())
                if start:
                    base = page.origin(first)[1] if base is None else base
                    bottom, top, is_aslant = self._edges_of(its_begin, len(piece), base, bottom, top)
                whole = page.whole(piece) if page.has_pairs else piece
                place = piece_left, piece_right, bottom, top
                self._append(Segment(whole, *place, ends, None, its_begin, is_aslant))

    def _append(self, piece: Segment) -> None:
        """To those of text that stands upright."""
        pieces = self._groups[0]
        if pieces and len(piece.text) <= LONGEST and piece.text[-1].isdigit():
            piece.text = raised_behind(pieces[-1], piece)
        pieces.append(piece)

    def _edges_of(self, begin: int, length: int, base: float, bottom: float, top: float) -> tuple[float, float, bool]:
        """Of a piece that begins there: those of its line, unless it has a base of its own; whether it is aslant.

        PDFium takes for one line what overlaps in height, and so columns whose lines are not quite beside each other.
        """
        number = self._page.number(begin)
        if abs(self._page.origin(number)[1] - base) < _ON_BASE * (top - bottom):
            return bottom, top, False
        _, bottom, _, top = self._page.box(number) or (0.0, bottom, 0.0, top)
        return bottom, top, self._is_aslant(number, self._page.number(begin + length - 1))

    def _height(self, index: int, of_letters: float) -> float:
        """That of the font's box, for text whose own boxes lie on their side."""
        size = self._page.font_size(index) * _LOOSE
        # The size is that before the text was scaled: it counts where the letters are about as tall.
        return size if 0.5 * of_letters < size < 2.5 * of_letters else of_letters * _LOOSE

    def _is_aslant(self, first: int, last: int) -> bool:
        x, y = self._page.origin(first)
        end_x, end_y = self._page.origin(last)
        across, up = abs(end_x - x), abs(end_y - y)
        return min(across, up) > _ASLANT * max(across, up)

    def _turn(self, first: int, last: int, width: float, height: float) -> int:
        """Quarters of a turn, counter-clockwise, that the line is turned by."""
        # Lines that lie flat as usual are not asked where they run to, once the first one was.
        if self._is_level and self._turns[0] and (width > height or last == first):
            return 0
        if last == first:
            return self._turns.index(max(self._turns))
        x, y = self._page.origin(first)
        end_x, end_y = self._page.origin(last)
        if abs(end_x - x) >= abs(end_y - y):
            # Letters of right-to-left scripts come in the order they are read.
            upside_down = end_x < x and abs(self._page.angle(first) - 3.1416) < 0.5
            return 2 if upside_down else 0
        return 1 if end_y > y else 3

    def _cut(self, text: str, first: int, rects: list[Rect], height: float) -> list[_Part]:
        """What no wide gap parts."""
        start, (left, _, right, _) = 0, rects[0]
        if len(rects) == 1:
            return self._cut_inside(text, first, (start, len(text), left, right), height)
        gap = _GAP * height
        parts: list[_Part] = []
        for index in range(1, len(rects)):
            next_left, _, next_right, _ = rects[index]
            if (
                next_left - right > gap
                or left - next_right > gap
                or _is_no_neighbour(rects[index - 1], rects[index], height)
            ):
                cut = self._page.where_rect_begins(first, len(text), index, behind=start)
                is_mark = (
                    start == 0 and ITEM_MARK.match(text[:cut].strip()) and next_left - right < WIDEST_INDENT * height
                )
                if start < cut < len(text) and not is_mark:
                    parts += self._cut_inside(text, first, (start, cut, left, right), height)
                    start, left, right = cut, next_left, next_right
                    continue
            left, right = min(left, next_left), max(right, next_right)
        return parts + self._cut_inside(text, first, (start, len(text), left, right), height)

    def _cut_inside(self, text: str, first: int, part: _Part, height: float) -> list[_Part]:
        """The same inside one text object, which hardly has such a gap: only where it is wider than its letters."""
        start, end, left, right = part
        piece = text[start:end]
        if not _may_have_gap(piece, right - left, height):
            return [part]
        parts: list[_Part] = []
        behind = first + start
        for match in _SPACES.finditer(piece):
            before, after = self._page.box(behind + match.start() - 1), self._page.box(behind + match.end())
            if before and after and after[0] - before[2] > _GAP * height:
                cut = part[0] + match.end()
                parts.append((start, cut, left, before[2]))
                start, left = cut, after[0]
        parts.append((start, end, left, right))
        return parts


def _may_have_gap(text: str, width: float, height: float) -> bool:
    """Whether it is wider than its letters, and has spaces, but not too many to look at."""
    if width <= _usual_width(len(text), 0, height) or not 1 <= text.count(" ") < _MOST_WORDS:
        return False
    # An ideograph or a syllable is about as wide as two letters.
    return text.isascii() or width > _usual_width(len(text), sum(map(len, _IDEOGRAPHS.findall(text))), height)


def _usual_width(letters: int, wide: int, height: float) -> float:
    """The most of so many letters without a wide gap, of which some are wide."""
    return 1.35 * (0.86 * height * (0.52 * letters + 0.48 * wide))


def _is_no_neighbour(before: Rect, behind: Rect, height: float) -> bool:
    """Whether a piece of a line of that height is much taller than the other, and lies on it or elsewhere: a stamp."""
    low, high = before[3] - before[1], behind[3] - behind[1]
    small, large = before, behind
    if low > high:
        low, high, small, large = high, low, behind, before
    low = max(low, _LOWEST * height)  # hyphens and points are lower
    if high <= MUCH_TALLER * low:
        return False
    across = min(small[2], large[2]) - max(small[0], large[0])
    is_beside = large[1] < (small[1] + small[3]) / 2 < large[3]
    return across > 0 or not is_beside or high > _TALLEST_INITIAL * low


def _union(rects: list[Rect]) -> Rect:
    lefts, bottoms, rights, tops = zip(*rects, strict=True)
    return min(lefts), min(bottoms), max(rights), max(tops)


def _turned(rect: Rect, turn: int) -> Rect:
    left, bottom, right, top = rect
    if turn == 1:  # runs upwards
        return bottom, -right, top, -left
    if turn == 3:  # runs downwards
        return -top, left, -bottom, right
    return -right, -top, -left, -bottom


def _with_ligatures_in_order(page: PageText) -> str:
    """PDFium turns right-to-left lines round letter by letter, and with them the two letters of the lam-alef sign.

    Both then stand at the same place; an alef and a lam that are signs of their own do not.
    """
    content = page.text
    found = (
        [] if content.isascii() or "\u0644" not in content else [match.start() for match in _LAM_ALEF.finditer(content)]
    )
    if not found:
        return content
    signs = list(content)
    for place in found:
        if page.origin(page.number(place)) == page.origin(page.number(place + 1)):
            signs[place], signs[place + 1] = signs[place + 1], signs[place]
    return "".join(signs)
