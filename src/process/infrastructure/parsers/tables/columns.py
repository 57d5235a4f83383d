"""Where columns lie when only the words say it: gaps that go through line after line."""

from collections.abc import Sequence
from typing import Final

from process.infrastructure.parsers.tables.page_marks import Word

_MOST_CROSSING: Final = 0.12
"""Of the lines: a heading over several columns may stand across a gap."""
_LEAST_GAP: Final = 0.45
"""Of the letters' height; a space is about half of it."""


def gaps_through(lines: Sequence[Sequence[Word]], left: float, right: float) -> list[tuple[float, float]]:
    """Start and end of every gap between words that goes through (nearly) all lines, from left to right.

    Those at the edges are none: each gap has words on both sides, in at least two lines.
    """
    edges: list[tuple[float, int]] = []
    height = _height(lines)
    for line in lines:
        for start, end in _runs(line, _LEAST_GAP * height):
            edges += [(max(left, start), 1), (min(right, end), -1)]
    allowed = int(_MOST_CROSSING * len(lines))
    gaps: list[tuple[float, float]] = []
    depth, begun = 0, None
    for place, change in sorted(edges, key=_in_order):
        if begun is not None and depth <= allowed and depth + change > allowed:
            if place - begun >= _LEAST_GAP * height:
                gaps.append((begun, place))
            begun = None
        depth += change
        if depth <= allowed and begun is None:
            begun = place
    return _with_words_between(gaps, lines)


def _in_order(edge: tuple[float, int]) -> tuple[float, int]:
    """What begins at a place before what ends there."""
    return edge[0], -edge[1]


def _with_words_between(
    gaps: Sequence[tuple[float, float]], lines: Sequence[Sequence[Word]]
) -> list[tuple[float, float]]:
    """Without gaps that part nothing: what lies between two of them has words in two lines at least."""
    kept: list[tuple[float, float]] = []
    least = 2 if len(lines) > 2 else 1
    start = float("-inf")
    for number, gap in enumerate(gaps):
        before = _lines_with_words(lines, start, gap[0])
        after = _lines_with_words(lines, gap[1], gaps[number + 1][0] if number + 1 < len(gaps) else float("inf"))
        if before >= least and after >= least:
            kept.append(gap)
            start = gap[1]
        elif kept and before < least:
            kept[-1] = (kept[-1][0], gap[1])
            start = gap[1]
    return kept


def _lines_with_words(lines: Sequence[Sequence[Word]], start: float, end: float) -> int:
    count = 0
    start, end = start - 0.5, end + 0.5
    for line in lines:
        for word in line:
            if start <= (word.left + word.right) / 2 <= end:
                count += 1
                break
    return count


def _runs(line: Sequence[Word], gap: float) -> list[tuple[float, float]]:
    """Words of a line that stand no further apart than `gap`, as one."""
    return [
        (segment[0].left, segment[0].right if len(segment) == 1 else max([word.right for word in segment]))
        for segment in segments_of(line, gap)
    ]


def segments_of(line: Sequence[Word], gap: float) -> list[list[Word]]:
    """Words of a line that stand no further apart than `gap`."""
    segments: list[list[Word]] = []
    right = 0.0
    for word in line:
        if segments and word.left - right < gap:
            segments[-1].append(word)
            right = word.right if word.right > right else right
        else:
            segments.append([word])
            right = word.right
    return segments


def _height(lines: Sequence[Sequence[Word]]) -> float:
    heights = sorted([word.height for line in lines for word in line])
    return heights[len(heights) // 2] if heights else 0.0
