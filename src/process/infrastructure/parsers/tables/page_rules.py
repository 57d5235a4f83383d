"""Ruling lines of a PDF page: what is drawn level or upright on it (PDFium)."""

import ctypes
import math
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any, Final

import pypdfium2
import pypdfium2.raw as pdfium

from process.infrastructure.parsers.tables.page_marks import Rule, Seen

_MOST_OBJECTS: Final = 30_000
_MOST_SEGMENTS: Final = 40_000
"""Of one page: a map is drawn of a million, and has no tables that it would be worth to look for."""
_MOST_NESTED: Final = 8
_THIN: Final = 3.0
"""Points; a filled rectangle no higher or wider than this is a line."""
_TOUCHING: Final = 3.0
_SHORTEST: Final = 4.0
_NEAR_WHITE: Final = 250
_PATH: Final = pdfium.FPDF_PAGEOBJ_PATH
_FORM: Final = pdfium.FPDF_PAGEOBJ_FORM
Matrix = tuple[float, float, float, float, float, float]
"""a to f (ISO 32000-2, 8.3.4)."""
AS_IT_IS: Final[Matrix] = (1, 0, 0, 1, 0, 0)
"""Of what stands on the page itself."""


def rules_of(page: pypdfium2.PdfPage, seen: Seen) -> tuple[list[Rule], list[Rule]]:
    """Level and upright lines that are drawn on the page: strokes, thin rectangles, edges of shaded ones."""
    level: list[Rule] = []
    upright: list[Rule] = []
    drawn = _Drawn()
    drawn.add(pdfium.FPDFPage_CountObjects(page.raw), partial(pdfium.FPDFPage_GetObject, page.raw))
    for x0, y0, x1, y1 in drawn.pieces:
        (left, top), (right, bottom) = seen.point(x0, y0), seen.point(x1, y1)
        if abs(top - bottom) <= 1.0 and abs(left - right) > 0.5:
            level.append(Rule((top + bottom) / 2, min(left, right), max(left, right)))
        elif abs(left - right) <= 1.0 and abs(top - bottom) > 0.5:
            upright.append(Rule((left + right) / 2, min(top, bottom), max(top, bottom)))
    return _joined(level), _joined(upright)


class _Drawn:
    """The straight pieces of paths: start and end of each, in the page's coordinates."""

    def __init__(self) -> None:
        self.pieces: list[tuple[float, float, float, float]] = []
        self._objects, self._segments = _MOST_OBJECTS, _MOST_SEGMENTS
        # What PDFium writes into: made once, a page may have thousands of paths.
        self._fill, self._stroke = ctypes.c_int(), ctypes.c_int()
        self._modes = ctypes.byref(self._fill), ctypes.byref(self._stroke)
        self._x, self._y = ctypes.c_float(), ctypes.c_float()
        self._point = ctypes.byref(self._x), ctypes.byref(self._y)

    def add(self, count: int, object_of: Callable[[int], Any], outer: Matrix = AS_IT_IS, depth: int = 0) -> None:
        """The paths among so many objects, as far as there are not too many."""
        kind_of = pdfium.FPDFPageObj_GetType
        for index in range(min(count, _MOST_OBJECTS)):
            item = object_of(index)
            kind = kind_of(item)
            if kind not in (_PATH, _FORM):
                continue
            self._objects -= 1
            if self._objects < 0 or self._segments < 0:
                return
            if kind == _PATH:
                self._add_path(item, outer)
            elif depth < _MOST_NESTED:
                inside = partial(pdfium.FPDFFormObj_GetObject, item)
                self.add(pdfium.FPDFFormObj_CountObjects(item), inside, times(matrix_of(item), outer), depth + 1)

    def _add_path(self, path: Any, outer: Matrix) -> None:
        pdfium.FPDFPath_GetDrawMode(path, *self._modes)
        is_filled, is_stroked = self._fill.value, self._stroke.value
        count = pdfium.FPDFPath_CountSegments(path) if is_filled or is_stroked else 0
        self._segments -= count
        if count < 2 or self._segments < 0:
            return
        drawn = self._points_of(path, count)
        if not drawn:
            return
        matrix = times(matrix_of(path), outer)
        for points in [[placed(x, y, matrix) for x, y in each] for each in drawn]:
            if is_filled and not is_stroked:
                xs, ys = [point[0] for point in points], [point[1] for point in points]
                left, right, bottom, top = min(xs), max(xs), min(ys), max(ys)
                if right - left <= _THIN or top - bottom <= _THIN:
                    if right - left >= top - bottom:
                        self.pieces.append((left, (bottom + top) / 2, right, (bottom + top) / 2))
                    else:
                        self.pieces.append(((left + right) / 2, bottom, (left + right) / 2, top))
                    continue
                if not 4 <= len(points) <= 6 or _is_white(path):
                    continue
                points = [(left, bottom), (right, bottom), (right, top), (left, top), (left, bottom)]
            self.pieces += [(*start, *end) for start, end in pairwise(points)]

    def _points_of(self, path: Any, count: int) -> list[list[tuple[float, float]]]:
        """Of each part of the path that is drawn without a break; none of one with curves, which are of drawings."""
        subpaths: list[list[tuple[float, float]]] = []
        for index in range(count):
            segment = pdfium.FPDFPath_GetPathSegment(path, index)
            kind = pdfium.FPDFPathSegment_GetType(segment)
            if kind == pdfium.FPDF_SEGMENT_BEZIERTO:
                return []
            pdfium.FPDFPathSegment_GetPoint(segment, *self._point)
            if kind == pdfium.FPDF_SEGMENT_MOVETO or not subpaths:
                subpaths.append([])
            subpaths[-1].append((self._x.value, self._y.value))
            if pdfium.FPDFPathSegment_GetClose(segment):
                subpaths[-1].append(subpaths[-1][0])
        return subpaths


def _is_white(path: Any) -> bool:
    colours = [ctypes.c_uint() for _ in range(4)]
    if not pdfium.FPDFPageObj_GetFillColor(path, *map(ctypes.byref, colours)):
        return False
    return all(colour.value >= _NEAR_WHITE for colour in colours[:3]) or colours[3].value == 0


def matrix_of(item: Any) -> Matrix:
    """From an object's own coordinates to those around it."""
    found = pdfium.FS_MATRIX()
    if not pdfium.FPDFPageObj_GetMatrix(item, ctypes.byref(found)):
        return (1, 0, 0, 1, 0, 0)
    return (found.a, found.b, found.c, found.d, found.e, found.f)


def times(inner: Matrix, outer: Matrix) -> Matrix:
    """Through one and then through the other."""
    a, b, c, d, e, f = inner
    k, m, n, p, q, r = outer
    return (a * k + b * n, a * m + b * p, c * k + d * n, c * m + d * p, e * k + f * n + q, e * m + f * p + r)


def placed(x: float, y: float, matrix: Matrix) -> tuple[float, float]:
    """Where a point is, seen from outside."""
    a, b, c, d, e, f = matrix
    across, up = a * x + c * y + e, b * x + d * y + f
    return (across, up) if math.isfinite(across) and math.isfinite(up) else (0.0, 0.0)


def _joined(rules: list[Rule]) -> list[Rule]:
    """Lines on the same place that touch become one; what is too short is left out."""
    groups: list[list[Rule]] = []
    for rule in sorted(rules, key=lambda one: one.place):
        if groups and rule.place - groups[-1][0].place <= 2.0:
            groups[-1].append(rule)
        else:
            groups.append([rule])
    joined: list[Rule] = []
    for group in groups:
        place = sum(rule.place for rule in group) / len(group)
        begun: Rule | None = None
        for rule in sorted(group, key=lambda one: one.start):
            if begun is not None and rule.start <= begun.end + _TOUCHING:
                begun.end = max(begun.end, rule.end)
            else:
                begun = Rule(place, rule.start, rule.end)
                joined.append(begun)
    return [rule for rule in joined if rule.end - rule.start >= _SHORTEST]
