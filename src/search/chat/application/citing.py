"""Where a sentence of an answer stands in the documents, and whether it is borne out there."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from search.application.ports.analysis import Analyzer, ContentWord
from search.chat.application.ports.likeness import Likeness
from search.chat.domain.asking import Citation, Passage
from search.chat.domain.passages import sentences_of
from search.chat.domain.verification import ALIKE, ALMOST_ALL, ENOUGH_ALIKE, bears_out, overlap

_MOST_COMPARED: Final = 4
"""Stretches whose meaning is compared with a sentence's."""
_LOOKED_AT: Final = 0.3
"""Beneath this share of its words a stretch is not worth naming, not even as what fails to bear a sentence out."""

_Stretch = tuple[int, int, Sequence[ContentWord]]
"""From where to where in its passage, and its words."""


class Citing:
    """For one answer: numbers its citations, one number for one place."""

    def __init__(
        self,
        analyzer: Analyzer,
        passages: Sequence[Passage],
        question: Sequence[ContentWord],
        likeness: Likeness | None = None,
    ) -> None:
        self._analyzer = analyzer
        self._passages = passages
        self._question = question
        self._likeness = likeness
        self._analysed: dict[int, list[_Stretch]] = {}
        self._numbers: dict[tuple[str, int, int], int] = {}

    async def cite(self, sentence: str, marks: Sequence[int]) -> Citation | None:
        """The stretch that says most of it, of the passages it names if they do; None: it stands nowhere."""
        (words,) = await self._analyzer.content_words([sentence])
        named = [mark - 1 for mark in marks if 0 < mark <= len(self._passages)]
        others = [place for place in range(len(self._passages)) if place not in named]
        best: tuple[bool, float, int, int, int] | None = None
        for places in (named, others):
            for place in places:
                for start, end, quoted in await self._stretches(place, words):
                    share = overlap(words, quoted)
                    if share < _LOOKED_AT or (best is not None and share < best[1] and best[0]):
                        continue
                    quote = self._passages[place].text[start:end]
                    supported = bears_out(sentence, words, quote, quoted, known=self._question)
                    # Of two that say as much the shorter one: a quote is to be read.
                    rank = (supported, share, start - end)
                    if best is None or rank > (best[0], best[1], best[3] - best[4]):
                        best = supported, share, place, start, end
            if best is not None and best[0]:
                break
        if (best is None or not best[0]) and (alike := await self._alike(sentence, words, (*named, *others))):
            return self._citation(sentence, *alike, supported=True)
        return None if best is None else self._citation(sentence, best[2], best[3], best[4], supported=best[0])

    async def _alike(
        self, sentence: str, words: Sequence[ContentWord], places: Sequence[int]
    ) -> tuple[int, int, int] | None:
        """The stretch that means the same in other words, and agrees in all that must agree word by word."""
        if self._likeness is None:
            return None
        near = []
        for place in places:
            for start, end, quoted in await self._stretches(place, words):
                quote = self._passages[place].text[start:end]
                if bears_out(sentence, words, quote, quoted, known=self._question, enough=ENOUGH_ALIKE):
                    near.append((overlap(words, quoted), (place, start, end), quote))
        near = sorted(near, key=lambda one: -one[0])[:_MOST_COMPARED]
        likenesses = await self._likeness.of(sentence, [quote for _, _, quote in near]) if near else None
        if likenesses is None:
            return None
        cosine, best = max(zip(likenesses, (at for _, at, _ in near), strict=True))
        return best if cosine >= ALIKE else None

    def _citation(self, sentence: str, place: int, start: int, end: int, *, supported: bool) -> Citation:
        passage = self._passages[place]
        at = (passage.document, passage.start + start, passage.start + end)
        number = self._numbers.setdefault(at, len(self._numbers) + 1)
        return Citation(number, passage, at[1], at[2], passage.text[start:end], supported, sentence)

    async def _stretches(self, place: int, words: Sequence[ContentWord]) -> list[_Stretch]:
        """Each sentence of the passage, and each two that follow one another where neither says nearly all of it.

        What one sentence says nearly word by word must be borne out by that one: with its neighbour beside it
        a changed word would not be missed.
        """
        if place not in self._analysed:
            text = self._passages[place].text
            spans = list(sentences_of(text))
            analysed = await self._analyzer.content_words([text[start:end] for start, end in spans])
            self._analysed[place] = [(start, end, own) for (start, end), own in zip(spans, analysed, strict=True)]
        singles = self._analysed[place]
        says_all = [overlap(words, own) >= ALMOST_ALL for _, _, own in singles]
        pairs = [
            (one[0], two[1], (*one[2], *_moved(two[2], two[0] - one[0])))
            for number, (one, two) in enumerate(pairwise(singles))
            if not (says_all[number] or says_all[number + 1])
        ]
        return [*singles, *pairs]


def _moved(words: Sequence[ContentWord], by: int) -> list[ContentWord]:
    return [word._replace(start=word.start + by, end=word.end + by) for word in words]
