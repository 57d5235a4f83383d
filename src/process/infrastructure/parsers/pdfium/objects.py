"""What is drawn on a page beside its text: paths and pictures, those in forms too."""

from array import array
from collections.abc import Callable, Sequence
from itertools import repeat
from math import isfinite
from typing import Final

import pypdfium2.raw as pdfium

from process.infrastructure.parsers.pdfium import calls
from process.infrastructure.parsers.pdfium.calls import Pointer, pointer

_MOST_OBJECTS: Final = 30_000
"""Of one page that are looked at."""
_MOST_NESTED: Final = 8
_TEXT: Final = pdfium.FPDF_PAGEOBJ_TEXT
_PATH: Final = pdfium.FPDF_PAGEOBJ_PATH
_IMAGE: Final = pdfium.FPDF_PAGEOBJ_IMAGE
_FORM: Final = pdfium.FPDF_PAGEOBJ_FORM
Matrix = tuple[float, float, float, float, float, float]
"""a to f (ISO 32000-2, 8.3.4)."""
AS_IT_IS: Final[Matrix] = (1, 0, 0, 1, 0, 0)
"""Of what stands on the page itself."""


class PageObjects:
    """Each by its handle, with what its place is to be multiplied by."""

    def __init__(self, page: Pointer) -> None:
        self.paths: list[tuple[Pointer, Matrix]] = []
        self.images: list[tuple[Pointer, Matrix]] = []
        self._left = _MOST_OBJECTS
        self._add(calls.count_objects(page), calls.object_on_page, page, AS_IT_IS, 0)

    def _add(
        self, count: int, object_in: Callable[[Pointer, int], int], whole: Pointer, outer: Matrix, depth: int
    ) -> None:
        count = min(count, self._left)
        self._left -= count
        items = [*map(object_in, repeat(whole, count), range(count))]
        kinds = [*map(calls.kind_of, items)]
        if kinds.count(_TEXT) == count:
            return
        for item, kind in zip(items, kinds, strict=True):
            if kind == _TEXT:
                continue
            if kind == _PATH:
                self.paths.append((pointer(item), outer))
            elif kind == _IMAGE:
                self.images.append((pointer(item), outer))
            elif kind == _FORM and depth < _MOST_NESTED:
                form = pointer(item)
                moved = times(matrix_of(form), outer)
                self._add(calls.count_in_form(form), calls.object_in_form, form, moved, depth + 1)


def matrix_of(item: Pointer) -> Matrix:
    """From an object's own coordinates to those around it."""
    found = array("f", AS_IT_IS)
    calls.matrix(item, calls.address_of(found))
    a, b, c, d, e, f = found
    return a, b, c, d, e, f


def times(inner: Matrix, outer: Matrix) -> Matrix:
    """Through one and then through the other."""
    if outer is AS_IT_IS:
        return inner
    a, b, c, d, e, f = inner
    k, m, n, p, q, r = outer
    return (a * k + b * n, a * m + b * p, c * k + d * n, c * m + d * p, e * k + f * n + q, e * m + f * p + r)


def all_placed(points: Sequence[tuple[float, float]], matrix: Matrix) -> Sequence[tuple[float, float]]:
    """Where each of some points is, seen from outside."""
    if matrix is AS_IT_IS:
        found = points
    else:
        a, b, c, d, e, f = matrix
        found = [(a * x + c * y + e, b * x + d * y + f) for x, y in points]
    for across, up in found:
        if not isfinite(across + up):
            return [placed(x, y, matrix) for x, y in points]
    return found


def placed(x: float, y: float, matrix: Matrix) -> tuple[float, float]:
    """Where a point is, seen from outside."""
    a, b, c, d, e, f = matrix
    across, up = a * x + c * y + e, b * x + d * y + f
    return (across, up) if isfinite(across) and isfinite(up) else (0.0, 0.0)
