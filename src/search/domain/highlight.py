"""Where the words of a query stand in a chunk's text: offsets in code points of the text as it is shown."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from search.domain.terms import TOKEN, Stem, fold_with_offsets, terms_of

_MOST: Final = 100
_LATIN: Final = re.compile(r"[A-Za-z0-9\u00c0-\u024f]")
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
        self._finder = _TermFinder(self._words, stem)
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
            spans.extend(self._finder.spans(folded))
        if self._korean is not None:
            spans.extend(match.span() for match in self._korean.finditer(folded))
        if offsets is not None:
            spans = [(offsets[start], offsets[end - 1] + 1) for start, end in spans]
        return _joined(spans)[:_MOST]


class _TermFinder:
    """Finds the tokens that have one of the terms, without looking at every token.

    A word begins as its stem does but for the stem's end, so a search for the beginnings leaves few tokens to
    analyse: 10 hits of 900 characters take 0.3 ms instead of 1.5.
    """

    def __init__(self, wanted: frozenset[str], stem: Stem) -> None:
        self._wanted = wanted
        self._stem = stem
        self._known: dict[tuple[str, str], bool] = {}
        beginnings = sorted({_beginning(term) for term in wanted})
        # Plain Latin words and numbers begin where no such sign is before them. Other scripts have no gaps to go by,
        # and an accented letter may follow a code at once (codes are plain): id + éclair.
        latin = [re.escape(one) for one in beginnings if one.isascii() and _LATIN.match(one)]
        others = [re.escape(one) for one in beginnings if not (one.isascii() and _LATIN.match(one))]
        patterns = [rf"(?<!{_LATIN.pattern})(?:{'|'.join(latin)})"] if latin else []
        self._candidates = re.compile("|".join(patterns + others), re.IGNORECASE)

    def spans(self, text: str) -> Iterator[tuple[int, int]]:
        """Of a folded text, in order."""
        done = 0
        for candidate in self._candidates.finditer(text):
            place = candidate.start()
            if place < done:
                continue
            start = place
            while start > done and not text[start - 1].isspace():
                start -= 1
            for token in TOKEN.finditer(text, start):
                done = token.end()
                if done > place:
                    if token.start() <= place and self._matches(token.group(), token.lastgroup or "other"):
                        yield token.span()
                    break

    def _matches(self, text: str, kind: str) -> bool:
        known = self._known.get((text, kind))
        if known is None:
            known = kind != "hangul" and not self._wanted.isdisjoint(terms_of(text, kind, self._stem))
            self._known[text, kind] = known
        return known


def _beginning(term: str) -> str:
    if term.isdigit():
        return term[0]  # 1000 may be written 1,000
    if term in ("die", "lie", "tie"):
        return term[0]  # dying, lying, tying
    return term[: max(1, min(4, len(term) - 1))]


def _joined(spans: list[tuple[int, int]]) -> list[Highlight]:
    joined: list[Highlight] = []
    for start, end in sorted(spans):
        if joined and start <= joined[-1].end:
            joined[-1] = Highlight(joined[-1].start, max(end, joined[-1].end))
        else:
            joined.append(Highlight(start, end))
    return joined
