"""Tables of a PDF page: those with ruling lines, and those that are only set in columns."""

from bisect import bisect
from collections.abc import Sequence
from typing import Final

from process.infrastructure.parsers.pdfium.loaded_page import LoadedPage
from process.infrastructure.parsers.tables.aligned import aligned_tables, may_be_aligned
from process.infrastructure.parsers.tables.found import FoundTable
from process.infrastructure.parsers.tables.page_marks import Piece, Word
from process.infrastructure.parsers.tables.page_rules import rules_of
from process.infrastructure.parsers.tables.page_words import words_on
from process.infrastructure.parsers.tables.ruled import grids_of, ruled_tables

_MOST_CHARACTERS: Final = 30_000
_FEWEST_LINES: Final = 2


def tables_on(
    page: LoadedPage, *, needs_lines: bool = False, pieces: Sequence[Piece] | None = None
) -> list[FoundTable]:
    """Every table on the page, from top to bottom; with `needs_lines` only if lines are drawn on the page.

    None on one with so much on it that it is no page of tables. `pieces` are its lines, cut where wide gaps are: with
    them, words are only looked at where there may be tables.
    """
    if page.text.count > _MOST_CHARACTERS:
        return []
    level, upright = rules_of(page)
    if needs_lines and len(level) < _FEWEST_LINES:
        return []
    grids = grids_of(level, upright)
    if pieces is None:
        words = words_on(page)
        ruled = ruled_tables(words, grids)
        return _sorted([*ruled, *aligned_tables(words, level, ruled)])
    edges = _edges(may_be_aligned(pieces))
    if not edges and not grids:
        return []
    places = [(grid.xs[0] - 1, grid.xs[-1] + 1, grid.ys[0] - 1, grid.ys[-1] + 1) for grid in grids]
    wanted = [piece for piece in pieces if (edges and _is_between(piece, edges)) or _is_in(piece, places)]
    if not wanted:
        return []
    words = words_on(page, wanted)
    ruled = ruled_tables(words, grids)
    if edges:
        free = [word for word in words if _is_between(word, edges)]
        return _sorted([*ruled, *aligned_tables(free, level, ruled)])
    return _sorted(ruled)


def _sorted(tables: Sequence[FoundTable]) -> list[FoundTable]:
    return sorted(tables, key=lambda table: (table.top, table.left))


def _edges(heights: Sequence[tuple[float, float]]) -> list[float]:
    """Where these parts of the page begin and end, down the page; those that meet are one."""
    edges: list[float] = []
    for top, bottom in sorted(heights):
        if edges and top <= edges[-1]:
            edges[-1] = max(edges[-1], bottom)
        else:
            edges += (top, bottom)
    return edges


def _is_between(word: Word, edges: Sequence[float]) -> bool:
    """Whether it stands where one part has begun and not ended."""
    return bisect(edges, word.middle) % 2 == 1


def _is_in(piece: Piece, places: Sequence[tuple[float, float, float, float]]) -> bool:
    """Whether it is in one of them, at least in part; left, right, top and bottom of each."""
    for left, right, top, bottom in places:
        if piece.left < right and piece.right > left and piece.top < bottom and piece.bottom > top:
            return True
    return False
