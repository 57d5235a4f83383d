"""From a question to an answer: passages found, sentences told as they come, each with the place that bears it out."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from typing import Final

from search.application.ports.analysis import Analyzer
from search.chat.application.citing import Citing
from search.chat.application.follow_ups import FollowUps
from search.chat.application.ports.answer_generator import AnswerGenerator, GeneratedEnd, GeneratedText, Task
from search.chat.application.ports.likeness import Likeness
from search.chat.application.ports.passages import Passages
from search.chat.application.ports.question_rewriter import QuestionRewriter
from search.chat.domain.asking import AnswerBegan, AnswerEnded, AnswerPart, AnswerText, Asking
from search.chat.domain.telling import Telling, Told
from search.chat.domain.wording import NOTHING_FOUND
from search.domain.language import language_of
from shared.kernel import Unavailable
from shared.telemetry import get_log

MOST_PASSAGES: Final = 8
GENERATOR_AWAY: Final = "llm"
"""How an answer is degraded that the language model was to give and did not."""

_log = get_log("search")


class Answering:
    """May answer many at once. Whoever stops listening ends the answer."""

    def __init__(
        self,
        passages: Passages,
        analyzer: Analyzer,
        extractive: AnswerGenerator,
        llm: AnswerGenerator | None = None,
        rewriter: QuestionRewriter | None = None,
        likeness: Likeness | None = None,
    ) -> None:
        """`extractive` answers where there is no language model, and when it is away.

        Without a `rewriter`, rules make questions stand alone; without a `likeness`, words alone bear a sentence out.
        """
        self._passages = passages
        self._analyzer = analyzer
        self._extractive = extractive
        self._llm = llm
        self._likeness = likeness
        self._follow_ups = FollowUps(analyzer, rewriter)

    async def answer(self, asking: Asking) -> AsyncGenerator[AnswerPart, None]:
        """AnswerBegan first, AnswerEnded last; a citation follows the sentence that it is for.

        Where a language model does not begin, the sentences of the passages are told instead; where it breaks off,
        what was told stands; the end says `llm` among what was missing. Raises InvalidInput, NotFound, Unavailable.
        """
        earlier = [turn.question for turn in asking.earlier]
        question, missing = await self._follow_ups.stand_alone(asking.question, earlier)
        found = await self._passages.find(asking, question, limit=MOST_PASSAGES)
        degraded = (*missing, *found.degraded)
        language = asking.language or ("ko" if language_of(asking.question) == "ko" else "en")
        if not found.passages:
            yield AnswerBegan("extractive", None, ())
            yield AnswerText(NOTHING_FOUND[language])
            yield AnswerEnded("nothing_found", degraded=degraded)
            return
        passages = tuple(found.passages)
        task = Task(question, language, passages, asking.earlier, found.scores)
        answer = _Answer(self._analyzer, task, self._likeness)
        generator = self._llm or self._extractive
        # Told at once: a language model may take seconds to begin, and the passages are there.
        yield AnswerBegan(generator.answered_by, generator.model, passages)
        parts = answer.parts(generator)
        try:
            first = await anext(parts)
        except Unavailable as error:
            if generator is self._extractive:
                raise
            _log.warning("answered without the language model", action="chat.degraded", error=error.detail)
            degraded = (*degraded, GENERATOR_AWAY)
            parts = answer.parts(self._extractive)
            first = await anext(parts)
        async with aclosing(parts):
            yield _with(degraded, first)
            async for part in parts:
                yield _with(degraded, part)


def _with(degraded: tuple[str, ...], part: AnswerPart) -> AnswerPart:
    return replace(part, degraded=(*degraded, *part.degraded)) if isinstance(part, AnswerEnded) else part


class _Answer:
    """One answer while it is made."""

    def __init__(self, analyzer: Analyzer, task: Task, likeness: Likeness | None) -> None:
        self._analyzer = analyzer
        self._likeness = likeness
        self._task = task

    async def parts(self, generator: AnswerGenerator) -> AsyncGenerator[AnswerPart, None]:
        """Texts and citations, then AnswerEnded."""
        (asked,) = await self._analyzer.content_words([self._task.question])
        citing, telling = Citing(self._analyzer, self._task.passages, asked, self._likeness), Telling()
        nothing = NOTHING_FOUND[self._task.language]
        unsupported, told = 0, ""
        ended = GeneratedEnd("stop")
        degraded: tuple[str, ...] = ()
        async with aclosing(generator.generate(self._task)) as pieces:
            while True:
                try:
                    piece = await anext(pieces, ended)
                except Unavailable as error:
                    if not told:
                        raise
                    _log.warning("the language model broke off", action="chat.degraded", error=error.detail)
                    # What was told stands, and is checked as far as it came.
                    piece, degraded = GeneratedEnd("length"), (GENERATOR_AWAY,)
                for event in telling.feed(piece.text) if isinstance(piece, GeneratedText) else telling.finish():
                    if isinstance(event, Told):
                        told += event.text
                        yield AnswerText(event.text)
                        continue
                    if event.text == nothing:
                        continue
                    citation = await citing.cite(event.text, event.marks)
                    unsupported += citation is None or not citation.supported
                    if citation is not None:
                        yield citation
                if isinstance(piece, GeneratedEnd):
                    ended = piece
                    break
        if not told.strip():
            yield AnswerText(nothing)
        if told.strip() in ("", nothing):
            ended = GeneratedEnd("nothing_found", ended.usage)
        yield AnswerEnded(ended.finish_reason, ended.usage, unsupported, degraded)
