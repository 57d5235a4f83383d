"""Answers without a language model: the sentences of the passages that answer, word by word."""

import re
from collections.abc import AsyncGenerator, Sequence
from typing import Final

from typing_extensions import override

from search.application.ports.analysis import Analyzer, ContentWord
from search.chat.application.ports.answer_generator import (
    AnswerGenerator,
    Generated,
    GeneratedEnd,
    GeneratedText,
    Task,
)
from search.chat.application.ports.likeness import Likeness
from search.chat.domain.asking import AnsweredBy, Passage
from search.chat.domain.choosing import Candidate, chosen, most_alike, to_compare
from search.chat.domain.passages import sentences_of

_PIECE: Final = re.compile(r"\s*\S+")
_LONGEST: Final = 600
"""Characters of a "sentence": what is longer is no sentence but a table or a list without ends."""


class ExtractiveGenerator(AnswerGenerator):
    """Copies, so that nothing is said that does not stand there."""

    answered_by: AnsweredBy = "extractive"
    model = None

    def __init__(self, analyzer: Analyzer, likeness: Likeness | None = None) -> None:
        """Where no sentence has the question's words, one that means the same answers, if `likeness` can tell."""
        self._analyzer = analyzer
        self._likeness = likeness

    @override
    async def generate(self, task: Task) -> AsyncGenerator[Generated, None]:
        picked = await self._picked(task)
        for place, one in enumerate(picked):
            text = re.sub(r"\s+", " ", one.text.replace("\t", " | "))
            for piece in _PIECE.findall(text if place == 0 else f" {text}"):
                yield GeneratedText(piece)
            yield GeneratedText(f" [{one.passage + 1}]")
        yield GeneratedEnd("stop" if picked else "nothing_found")

    async def candidates(self, task: Task) -> tuple[Sequence[ContentWord], list[Candidate]]:
        """What is asked for, and every sentence of the passages."""
        stretches = [
            (number, start, end)
            for number, passage in enumerate(task.passages)
            for start, end in sentences_of(passage.text)
            if end - start <= _LONGEST
        ]
        texts = [task.passages[number].text[start:end] for number, start, end in stretches]
        contexts = [_context(passage) for passage in task.passages]
        analysed = await self._analyzer.content_words([task.question, *contexts, *texts])
        asked, around, words = analysed[0], analysed[1 : len(contexts) + 1], analysed[len(contexts) + 1 :]
        candidates = []
        before: tuple[int, Sequence[ContentWord]] = (-1, ())
        for (number, start, end), text, own in zip(stretches, texts, words, strict=True):
            leading = before[1] if before[0] == number else ()
            candidates.append(Candidate(number, start, end, text, own, (*around[number], *leading)))
            before = number, own
        return asked, candidates

    async def _picked(self, task: Task) -> list[Candidate]:
        asked, candidates = await self.candidates(task)
        scale = await self._likeness.scale(task.question) if self._likeness is not None else None
        picked = chosen(task.question, asked, candidates, task.scores, scale)
        if picked or self._likeness is None:
            return picked
        compared = to_compare(task.question, asked, candidates)
        texts = [one.text for one in compared]
        shares = await self._likeness.shares(task.question, texts) if texts else None
        return [] if shares is None else most_alike(compared, shares)


def _context(passage: Passage) -> str:
    name = passage.document_name.rpartition(".")[0] or passage.document_name
    return "\n".join((name, *passage.headings, passage.table_header))
