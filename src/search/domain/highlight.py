"""Where the words of a query stand in a chunk's text: offsets in code points of the text as it is shown."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from search.domain.terms import Stem, fold_with_offsets, tokens

_MOST: Final = 100
# One syllable alone is a word only at the head of an eojeol with nothing but a particle behind it.
_PARTICLES: Final = "은|는|이|가|을|를|의|에|로|으로|와|과|도|만|나|라|에서|에게|부터|까지|보다|처럼|이나|이라|인"


@dataclass(frozen=True, slots=True)
class Highlight:
    """A stretch of the chunk's text; end exclusive."""

    start: int
    end: int


class Highlighter:
    """Made once per query, used on each hit. Korean by the surface of morphemes, English by stem, codes whole."""

    def __init__(self, words: Iterable[str], morphemes: Sequence[str], stem: Stem) -> None:
        self._words = frozenset(words)
        self._stem = stem
        long = sorted({form for form in morphemes if len(form) > 1}, key=len, reverse=True)
        short = sorted({form for form in morphemes if len(form) == 1})
        patterns = [re.escape(form) for form in long]
        if short:
            patterns.append(rf"(?<![가-힣])(?:{'|'.join(map(re.escape, short))})(?=(?:{_PARTICLES})?(?![가-힣]))")
        self._korean = re.compile("|".join(patterns)) if patterns else None

    def highlights(self, text: str) -> list[Highlight]:
        """In order, not overlapping, touching ones joined; at most a hundred."""
        folded, offsets = fold_with_offsets(text)
        spans: list[tuple[int, int]] = []
        if self._words:
            spans.extend(
                (token.start, token.end)
                for token in tokens(folded, self._stem)
                if not self._words.isdisjoint(token.terms)
            )
        if self._korean is not None:
            spans.extend(match.span() for match in self._korean.finditer(folded))
        if offsets is not None:
            spans = [(offsets[start], offsets[end - 1] + 1) for start, end in spans]
        return _joined(spans)[:_MOST]


def _joined(spans: list[tuple[int, int]]) -> list[Highlight]:
    joined: list[Highlight] = []
    for start, end in sorted(spans):
        if joined and start <= joined[-1].end:
            joined[-1] = Highlight(joined[-1].start, max(end, joined[-1].end))
        else:
            joined.append(Highlight(start, end))
    return joined
