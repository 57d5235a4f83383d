"""Where the words of a query stand in a chunk's text: offsets in code points of the text as it is shown."""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from search.domain.terms import TOKEN, Stem, fold_with_offsets, places_of, terms_of

_MOST: Final = 100
_LATIN: Final = frozenset(map(chr, (*b"0123456789", *range(0x41, 0x5B), *range(0x61, 0x7B), *range(0xC0, 0x250))))
# What a word, a code or a number may have in its middle: behind any other sign a token begins.
_JOINTS: Final = frozenset("._-/,'’")
# One syllable alone is a word only at the head of an eojeol with nothing but a particle behind it.
_END_OF_WORD: Final = re.compile(
    r"(?:은|는|이|가|을|를|의|에|로|으로|와|과|도|만|나|라|에서|에게|부터|까지|보다|처럼|이나|이라|인)?(?![가-힣])"
)

Span = tuple[int, int]


class Highlight(NamedTuple):
    """A stretch of the chunk's text; end exclusive."""

    start: int
    end: int


class Highlighter:
    """Made once per query, used on each hit. Korean by the surface of morphemes, English by stem, codes whole.

    It looks for plain strings: making patterns of the words costs as much as looking through ten hits.
    """

    def __init__(self, words: Iterable[str], morphemes: Sequence[str], stem: Stem) -> None:
        self._words = _TermFinder(frozenset(words), stem)
        self._morphemes = sorted({form for form in morphemes if form}, key=len, reverse=True)

    def highlights(self, text: str) -> list[Highlight]:
        """In order, not overlapping, touching ones joined; at most a hundred."""
        folded, offsets = fold_with_offsets(text)
        spans = [*self._words.spans(folded), *_surfaces(self._morphemes, folded)]
        if offsets is not None:
            spans = [(offsets[start], offsets[end - 1] + 1) for start, end in spans]
        return _joined(spans)[:_MOST]


class _TermFinder:
    """Finds the tokens that have one of the terms, without looking at every token.

    A word begins as its stem does but for the stem's end, so a search for the beginnings leaves few tokens to
    analyse.
    """

    def __init__(self, wanted: frozenset[str], stem: Stem) -> None:
        self._wanted = wanted
        self._stem = stem
        self._known: dict[tuple[str, str | None], bool] = {}
        # Plain Latin words and numbers begin where no such sign is before them. Other scripts have no gaps to go by,
        # and an accented letter may follow a code at once (codes are plain): id + éclair.
        self._beginnings = [
            (beginning, beginning.isascii() and beginning[:1] in _LATIN)
            for beginning in sorted({_beginning(term) for term in wanted})
        ]

    def spans(self, text: str) -> Iterator[Span]:
        """Of a folded text, in order."""
        done = 0
        for place, begins_token in self._candidates(text):
            if place < done:
                continue
            if begins_token:
                token = TOKEN.match(text, place)
            else:
                start = place
                while start > done and not text[start - 1].isspace():
                    start -= 1
                token = next((one for one in TOKEN.finditer(text, start) if one.end() > place), None)
            if token is None:
                continue
            done = token.end()
            if token.start() <= place and self._matches(token.group(), token.lastgroup):
                yield token.span()

    def _candidates(self, text: str) -> list[tuple[int, bool]]:
        """Where a term may begin, in order, and whether a token is known to begin there."""
        lower = _lower(text)
        found = []
        for beginning, is_latin in self._beginnings:
            for place in places_of(beginning, lower):
                before = text[place - 1 : place]
                if not is_latin:
                    found.append((place, False))
                elif before not in _LATIN:
                    found.append((place, before not in _JOINTS))
        found.sort()
        return found

    def _matches(self, text: str, kind: str | None) -> bool:
        known = self._known.get((text, kind))
        if known is None:
            known = kind != "hangul" and not self._wanted.isdisjoint(terms_of(text, kind or "other", self._stem))
            self._known[text, kind] = known
        return known


def _lower(text: str) -> str:
    """Sign by sign: one of them becomes two in lower case."""
    lower = text.lower()
    return lower if len(lower) == len(text) else "".join(sign.lower()[0] for sign in text)


def _beginning(term: str) -> str:
    if term.isdigit():
        return term[0]  # 1000 may be written 1,000
    if term in ("die", "lie", "tie"):
        return term[0]  # dying, lying, tying
    return term[: max(1, min(4, len(term) - 1))]


def _surfaces(forms: Sequence[str], text: str) -> list[Span]:
    """Where the forms stand, of those that overlap the first; `forms` from long to short."""
    found = []
    for form in forms:
        length = len(form)
        found += [(place, -length) for place in places_of(form, text) if length > 1 or _is_word(text, place)]
    found.sort()
    spans: list[Span] = []
    end = 0
    for place, length in found:
        if place >= end:
            end = place - length
            spans.append((place, end))
    return spans


def _is_word(text: str, place: int) -> bool:
    """Whether the syllable there is a word of its own."""
    return not "가" <= text[place - 1 : place] <= "힣" and _END_OF_WORD.match(text, place + 1) is not None


def _joined(spans: list[Span]) -> list[Highlight]:
    joined: list[Highlight] = []
    last_start, last_end = -1, -1
    for start, end in sorted(spans):
        if start > last_end:
            if last_end >= 0:
                joined.append(Highlight(last_start, last_end))
            last_start, last_end = start, end
        elif end > last_end:
            last_end = end
    if last_end >= 0:
        joined.append(Highlight(last_start, last_end))
    return joined
