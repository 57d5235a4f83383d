"""Ruling lines of a PDF page: what is drawn level or upright on it (PDFium)."""

from array import array
from collections.abc import Sequence
from itertools import pairwise
from math import inf
from operator import itemgetter
from typing import Final

import pypdfium2.raw as pdfium

from process.infrastructure.parsers.pdfium import calls
from process.infrastructure.parsers.pdfium.calls import Pointer, pointer
from process.infrastructure.parsers.pdfium.loaded_page import LoadedPage
from process.infrastructure.parsers.pdfium.objects import AS_IT_IS, Matrix, all_placed, times
from process.infrastructure.parsers.tables.page_marks import Rule

_MOST_SEGMENTS: Final = 40_000
"""Of one page: a map is drawn of a million, and has no tables that it would be worth to look for."""
_THIN: Final = 3.0
"""Points; a filled rectangle no higher or wider than this is a line."""
_TOUCHING: Final = 3.0
_SHORTEST: Final = 4.0
_NEAR_WHITE: Final = 250
_FOUR_SIDES: Final = (4, 5)
"""Segments of a rectangle; with curves in it, the fourth is of one."""
_BEZIER: Final = pdfium.FPDF_SEGMENT_BEZIERTO
_LINE: Final = pdfium.FPDF_SEGMENT_LINETO
_MOVE: Final = pdfium.FPDF_SEGMENT_MOVETO
Point = tuple[float, float]
_Stretch = tuple[float, float, float]
"""As a Rule is: place, start and end."""
_place: Final = itemgetter(0)
_start: Final = itemgetter(1)


def rules_of(page: LoadedPage) -> tuple[list[Rule], list[Rule]]:
    """Level and upright lines that are drawn on the page: strokes, thin rectangles, edges of shaded ones."""
    level: list[_Stretch] = []
    upright: list[_Stretch] = []
    drawn = _Drawn()
    drawn.add(page.objects.paths)
    box_of = page.seen.box
    for rectangle in drawn.rectangles:
        left, top, right, bottom = box_of(*rectangle)
        level += ((top, left, right), (bottom, left, right))
        upright += ((left, top, bottom), (right, top, bottom))
    for x0, y0, x1, y1 in drawn.pieces:
        if not (-1.0 <= x1 - x0 <= 1.0 or -1.0 <= y1 - y0 <= 1.0):
            continue
        left, top, right, bottom = box_of(*_ordered(x0, y0, x1, y1))
        wide, high = right - left, bottom - top
        if high <= 1.0 and wide > 0.5:
            level.append(((top + bottom) / 2, left, right))
        elif wide <= 1.0 and high > 0.5:
            upright.append(((left + right) / 2, top, bottom))
    return _joined(level), _joined(upright)


class _Drawn:
    """What is straight of paths, in the page's coordinates."""

    def __init__(self) -> None:
        self.pieces: list[tuple[float, float, float, float]] = []
        """Start and end of each."""
        self.rectangles: list[tuple[float, float, float, float]] = []
        """Left, bottom, right and top of shapes that are seen."""
        # What PDFium writes into: made once, a page may have thousands of paths.
        self._modes = array("i", (0, 0))
        self._to_modes = calls.addresses_of(self._modes)
        self._point = array("f", (0.0, 0.0))
        self._to_point = calls.addresses_of(self._point)
        self._bounds = array("f", (0.0,) * 4)
        self._to_bounds = calls.addresses_of(self._bounds)
        self._colour = array("I", (0,) * 4)
        self._to_colour = calls.addresses_of(self._colour)
        self._matrix = array("f", AS_IT_IS)
        self._to_matrix = calls.address_of(self._matrix)

    def add(self, paths: Sequence[tuple[Pointer, Matrix]]) -> None:
        """As far as there are not too many."""
        segments = _MOST_SEGMENTS
        draw_mode, count_segments, modes = calls.draw_mode, calls.count_segments, self._modes
        to_filled, to_stroked = self._to_modes
        for path, outer in paths:
            draw_mode(path, to_filled, to_stroked)
            is_filled, is_stroked = modes
            if not is_filled and not is_stroked:
                continue
            count = count_segments(path)
            segments -= count
            if segments < 0:
                return
            if count >= 2:
                self._add_path(path, count, outer, is_shape=not is_stroked)

    def _add_path(self, path: Pointer, count: int, outer: Matrix, *, is_shape: bool) -> None:
        """A shape is filled and has no line around it."""
        if is_shape and count in _FOUR_SIDES and self._is_straight(path) and calls.bounds(path, *self._to_bounds):
            x0, y0, x1, y1 = self._bounds
            if outer is not AS_IT_IS or not (-inf < x0 <= x1 < inf and -inf < y0 <= y1 < inf):
                (x0, y0), (x1, y1) = all_placed([(x0, y0), (x1, y1)], outer)
                x0, y0, x1, y1 = _ordered(x0, y0, x1, y1)
            self._add_shape(path, x0, y0, x1, y1, is_rectangle=True)
            return
        drawn = self._points_of(path, count)
        if not drawn:
            return
        a, b, c, d, e, f = self._matrix if calls.matrix(path, self._to_matrix) else AS_IT_IS
        matrix = times((a, b, c, d, e, f), outer)
        for each in drawn:
            points = all_placed(each, matrix)
            if is_shape:
                xs, ys = [x for x, _ in points], [y for _, y in points]
                is_rectangle = 4 <= len(points) <= 6
                self._add_shape(path, min(xs), min(ys), max(xs), max(ys), is_rectangle=is_rectangle)
            else:
                self.pieces += [(*start, *end) for start, end in pairwise(points)]

    def _is_straight(self, path: Pointer) -> bool:
        """Whether one of four sides is of a single part, without curves."""
        kind, segment = calls.segment_kind, calls.segment_of
        return bool(kind(pointer(segment(path, 2))) == _LINE == kind(pointer(segment(path, 3))))

    def _add_shape(
        self, path: Pointer, left: float, bottom: float, right: float, top: float, *, is_rectangle: bool
    ) -> None:
        """The line that it is when it is thin; else the rectangle, if it is one that is seen."""
        if right - left <= _THIN or top - bottom <= _THIN:
            if right - left >= top - bottom:
                middle = (bottom + top) / 2
                self.pieces.append((left, middle, right, middle))
            else:
                middle = (left + right) / 2
                self.pieces.append((middle, bottom, middle, top))
        elif is_rectangle and not self._is_white(path):
            self.rectangles.append((left, bottom, right, top))

    def _points_of(self, path: Pointer, count: int) -> list[list[Point]]:
        """Of each part of the path that is drawn without a break; none of one with curves, which are of drawings."""
        segment_of, kind_of, point_of, point = calls.segment_of, calls.segment_kind, calls.point, self._point
        to_x, to_y = self._to_point
        parts: list[list[Point]] = []
        part: list[Point] = []
        last: Pointer | None = None
        for number in range(count):
            segment = pointer(segment_of(path, number))
            kind = kind_of(segment)
            if kind == _BEZIER:
                return []
            point_of(segment, to_x, to_y)
            if kind == _MOVE or not part:
                _close(part, last)
                part = []
                parts.append(part)
            x, y = point
            part.append((x, y))
            last = segment
        _close(part, last)
        return parts

    def _is_white(self, path: Pointer) -> bool:
        if not calls.fill_colour(path, *self._to_colour):
            return False
        *colours, alpha = self._colour
        return min(colours) >= _NEAR_WHITE or alpha == 0


def _ordered(x0: float, y0: float, x1: float, y1: float) -> tuple[float, float, float, float]:
    """Left, bottom, right and top of what is between two points."""
    if x0 > x1:
        x0, x1 = x1, x0
    return (x0, y0, x1, y1) if y0 <= y1 else (x0, y1, x1, y0)


def _close(part: list[Point], last: Pointer | None) -> None:
    """Ends a part where it began, if its last segment says so."""
    if part and last is not None and calls.segment_closes(last):
        part.append(part[0])


def _joined(lines: list[_Stretch]) -> list[Rule]:
    """Lines on the same place that touch become one; what is too short is left out."""
    groups: list[list[_Stretch]] = []
    first = -inf
    for line in sorted(lines, key=_place):
        if line[0] - first <= 2.0:
            groups[-1].append(line)
        else:
            groups.append([line])
            first = line[0]
    joined: list[Rule] = []
    for group in groups:
        if len(group) == 1:
            joined.append(Rule(*group[0]))
            continue
        place = sum([line[0] for line in group]) / len(group)
        begun: Rule | None = None
        for _, start, end in sorted(group, key=_start):
            if begun is not None and start <= begun.end + _TOUCHING:
                if end > begun.end:
                    begun.end = end
            else:
                begun = Rule(place, start, end)
                joined.append(begun)
    return [rule for rule in joined if rule.end - rule.start >= _SHORTEST]
