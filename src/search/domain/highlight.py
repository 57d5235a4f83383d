"""Where the words of a query stand in a chunk's text: offsets in code points of the text as it is shown."""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from search.domain.british import british_beginnings
from search.domain.codes import GRAM_PREFIX
from search.domain.english import SINGULARS
from search.domain.folding import SPLIT_LETTERS, fold_with_offsets, places_of, plain_signs
from search.domain.hangul import END_OF_WORD
from search.domain.references import PREFIX as REFERENCE_PREFIX
from search.domain.references import references
from search.domain.tokens import JOINTS, TOKEN, WORD_SIGN, Stem, terms_of
from search.domain.writings import read_out
from shared.patterns import pattern

_MOST: Final = 100
_LATIN: Final = frozenset(map(chr, (*b"0123456789", *range(0x61, 0x7B))))
# What a word, a code or a number may have in its middle: behind any other sign a token begins.
_JOINTS: Final = frozenset(f"{JOINTS},")
_JOINT_BYTES: Final = bytes(ord(sign) for sign in JOINTS if sign.isascii() and sign != "\\")
"""Those of plain text."""
# Inside a token whose terms do not all begin as it does.
# The first class alone is looked for at each place: everything else looks back from there.
_JOINED: Final = pattern(
    rf"[{JOINTS}A-Z0-9{SPLIT_LETTERS}](?:(?<=[{JOINTS}])(?={WORD_SIGN})(?<={WORD_SIGN}.)|(?<=[A-Z])(?<=[a-z].)"
    rf"|(?<=[0-9])(?:(?<=[A-Za-z].)|(?=[A-Za-z]))|(?<=[{SPLIT_LETTERS}]))"
)

_BY_FIRST: Final = pattern(r"\d+|\d[\d.]*x[\dx.]+|(?:[a-z]\.)+|[a-z]{1,3}-?\d+|die|lie|tie")
_IRREGULAR: Final = pattern("(?:man|child|foot|tooth|mous|mouse|wife|shelf|knife)$")
_PLURALS_BY_HEAD: Final[dict[str, list[tuple[str, str]]]] = {}
for _plural, _singular in SINGULARS.items():
    _PLURALS_BY_HEAD.setdefault(_singular[:2], []).append((_singular, _plural))

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
        terms = frozenset(words)
        self._references = frozenset(term for term in terms if term.startswith(REFERENCE_PREFIX))
        self._words = _TermFinder(terms - self._references, stem)
        self._morphemes = sorted({form for form in morphemes if form}, key=len, reverse=True)

    def highlights(self, text: str) -> list[Highlight]:
        """In order, not overlapping, touching ones joined; at most a hundred."""
        folded, offsets = fold_with_offsets(text)
        spans = [*self._words.spans(folded), *_surfaces(self._morphemes, folded)]
        if self._references:
            spans += [(one.start, one.end) for one in references(folded) if one.term in self._references]
        if not spans:
            spans = self._read_out(folded)
        if offsets is not None:
            spans = [(offsets[start], offsets[end - 1] + 1) for start, end in spans]
        return _joined(spans)[:_MOST]

    def is_in(self, text: str) -> bool:
        """Whether there is anything to mark: the first that is found says so."""
        folded, _ = fold_with_offsets(text)
        if self._words.may_be_in(folded) and any(True for _ in self._words.spans(folded)):
            return True
        if _surfaces(self._morphemes, folded):
            return True
        if self._references and any(one.term in self._references for one in references(folded)):
            return True
        return bool(self._read_out(folded))

    def _read_out(self, text: str) -> list[Span]:
        """Where words stand with spaces between their letters, or in Hanja: looked for where nothing else is."""
        spans: list[Span] = []
        for word, places in read_out(text):
            found = [*self._words.spans(word), *_surfaces(self._morphemes, word)]
            spans += [(places[start], places[end - 1] + 1) for start, end in found]
        return spans


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
            for beginning in sorted({start for term in wanted for start in _beginnings(term)})
        ]

    def may_be_in(self, text: str) -> bool:
        """Whether it is worth looking: of a folded text, in a sixth of the time that `spans` takes to find nothing.

        In plain signs a term begins as it is written, but that joints may part it: e-mail, email.
        """
        if not text.isascii():
            return True
        lower = text.lower()
        beginnings = self._beginnings
        if any(beginning in lower for beginning, _ in beginnings):
            return True
        # Bytes lose signs three times as fast.
        lower = lower.encode().translate(None, _JOINT_BYTES).decode()
        return any(beginning in lower for beginning, _ in beginnings)

    def spans(self, text: str) -> Iterator[Span]:
        """Of a folded text, in order."""
        done = 0
        known = self._known
        for place, begins_token in self._candidates(text):
            if place < done:
                continue
            token = TOKEN.match(text, place) if begins_token else self._around(text, place, done)
            if token is None or token.start() > place:
                continue
            done = token.end()
            written = token.group(), token.lastgroup
            is_wanted = known.get(written)
            if is_wanted is None:
                is_wanted = known[written] = self._matches(*written)
            if is_wanted:
                yield token.span()

    @staticmethod
    def _around(text: str, place: int, done: int) -> re.Match[str] | None:
        """The token that a place is inside of, behind what was looked at."""
        start = place
        while start > done and not text[start - 1].isspace():
            start -= 1
        while (token := TOKEN.search(text, start)) is not None and token.end() <= place:
            start = token.end()
        return token

    def _candidates(self, text: str) -> list[tuple[int, bool]]:
        """Where a term may begin, in order, and whether a token is known to begin there."""
        lower = plain_signs(text)
        found = [(match.start(), False) for match in _JOINED.finditer(text)] if self._beginnings else []
        for beginning, is_latin in self._beginnings:
            place = lower.find(beginning)
            while place >= 0:
                before = text[place - 1 : place]
                if not is_latin:
                    found.append((place, False))
                elif before not in _LATIN:
                    found.append((place, before not in _JOINTS))
                elif before.isdigit() and beginning.isalpha():
                    found.append((place, False))  # A word may begin behind a number with commas: 1,000dying.
                place = lower.find(beginning, place + 1)
        found.sort()
        return found

    def _matches(self, text: str, kind: str | None) -> bool:
        return kind != "hangul" and not self._wanted.isdisjoint(_all_terms(text, kind or "other", self._stem))


def _all_terms(text: str, kind: str, stem: Stem) -> tuple[str, ...]:
    terms, asides = terms_of(text, kind, stem)
    return (*terms, *asides) if asides else terms


def _beginnings(term: str) -> Iterator[str]:
    """How tokens that stand for the term may begin; those with joints in them are looked at anyhow.

    Of all that a stem stands for, no more than its last letter differs (Snowball: `visibl`, `visibility`).
    """
    if term.startswith(GRAM_PREFIX):
        return
    term = plain_signs(term)
    if _BY_FIRST.fullmatch(term):
        yield term[0]  # 1000 may be written 1,000; 4x4 may be 4 × 4, u.s. is US; dying, lying, tying
        return
    # An irregular plural may change the end of a compound: craftswoman, craftswomen.
    yield term[: max(1, min(4, len(term) - 1) if _IRREGULAR.search(term) else len(term) - 1)]
    for singular, plural in _PLURALS_BY_HEAD.get(term[:2], ()) if len(term) > 2 else ():
        if singular.startswith(term[:-1]):
            yield plural[:4]
    for place, british in british_beginnings(term):
        yield term[:place] + british


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
    return not "가" <= text[place - 1 : place] <= "힣" and END_OF_WORD.match(text, place + 1) is not None


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
