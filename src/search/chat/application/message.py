"""One question on its way: three tasks that share nothing but what they leave here."""

import asyncio
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass
from typing import Any, Final

from search.chat.application.message_stream import MessageStream
from search.chat.application.parallel_tasks import Emitted, ParallelTask, ParallelTaskManager, TaskClock
from search.chat.application.ports.answers import Answers, DetailPagePreparer
from search.chat.application.ports.history import HistorySource
from search.chat.application.recent import RecentTurns
from search.chat.application.rendering import button_data, citation_data, milliseconds, tasks_data
from search.chat.domain.asking import AnswerBegan, AnsweredBy, AnswerEnded, AnswerText, Asking, Citation, Passage
from search.chat.domain.conversation import AnsweredMessage, HsCodeAnalysis, MessageState, Question
from search.chat.domain.detail_page import MOST_BUTTONS
from search.chat.domain.tasks import TaskName, TaskReport, parallel_efficiency
from shared.events.chat import MessageAnswered
from shared.kernel import InvalidInput, NotFound

ANSWER: Final[TaskName] = "answer"
DETAIL_PAGES: Final[TaskName] = "detail_pages"
HISTORY: Final[TaskName] = "history"
_MESSAGE_START: Final = "message_start"


@dataclass(frozen=True, slots=True)
class MessageTimes:
    """How long the parts of an answer may take."""

    answer_seconds: float = 180
    detail_pages_seconds: float = 35
    """Context7's own limit, and a little."""
    history_seconds: float = 60
    """The first question opens the store. Of fifty that a busy server is asked at once when it has just begun, the last
    come to their turn after half a minute; a store that hangs has limits of its own, of seconds."""
    first_event_seconds: float = 0.25
    """After so long the stream begins, though nothing is known of the answer yet."""
    passages_seconds: float = 0.5
    """So long the buttons wait for passages; then those of the question alone go out."""


@dataclass(frozen=True, slots=True)
class Answerer:
    """Who is to answer, as far as it is known before anything was asked of them."""

    answered_by: AnsweredBy = "extractive"
    model: str | None = None


class Message:
    """Runs once: fills a stream with events from `message_start` to `message_complete`."""

    def __init__(
        self,
        question: Question,
        asking: Asking,
        stream: MessageStream,
        *,
        answers: Answers,
        detail_pages: DetailPagePreparer | None,
        history: HistorySource | None,
        recent: RecentTurns,
        expected: Answerer,
        times: MessageTimes,
        degraded: Sequence[str] = (),
    ) -> None:
        """Without `history` nothing is stored. `degraded` is what was missing before it began."""
        self._question = question
        self._asking = asking
        self._stream = stream
        self._answers = answers
        self._detail_pages = detail_pages
        self._history = history
        self._recent = recent
        self._expected = expected
        self._times = times
        self._degraded = list(degraded)
        self._began: AnswerBegan | None = None
        self._has_begun = asyncio.Event()
        self._is_worth = asyncio.Event()
        """Whether the passages answer is known: one was cited, or a language model tells what it makes of them."""
        self._ended: AnswerEnded | None = None
        self._texts: list[str] = []
        self._first_words_at: float | None = None
        self._citations: list[dict[str, Any]] = []
        self._buttons: list[dict[str, Any]] = []
        self._buttons_milliseconds = 0
        self._started_at = time.monotonic()
        self._stopped: MessageState | None = None
        tasks = [ParallelTask(ANSWER, self._answer, times.answer_seconds)]
        if detail_pages is not None:
            tasks.append(ParallelTask(DETAIL_PAGES, self._prepare_pages, times.detail_pages_seconds))
        if history is not None:
            tasks.append(ParallelTask(HISTORY, self._keep, times.history_seconds))
        self._manager = ParallelTaskManager(tasks)

    def stop(self, state: MessageState) -> None:
        """Ends the answer and the buttons; what there is of them is stored in this state."""
        if self._stopped is None and self._ended is None:
            self._stopped = state
            self._manager.cancel(ANSWER, DETAIL_PAGES)

    async def run(self) -> MessageAnswered | None:
        """To the end; None where the question was refused, and so there is no message."""
        held: list[Emitted] = []
        has_started = False
        starting = asyncio.create_task(self._until_it_starts())
        results = self._manager.results()
        async with aclosing(results):
            upcoming: asyncio.Future[Emitted] | None = None
            while True:
                if upcoming is None:
                    upcoming = asyncio.ensure_future(anext(results))
                waits: set[asyncio.Future[Any]] = {upcoming} if has_started else {upcoming, starting}
                await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
                if not has_started and starting.done():
                    if await self._is_refused():
                        upcoming.cancel()
                        with suppress(asyncio.CancelledError, StopAsyncIteration):
                            await upcoming
                        return None
                    has_started = True
                    self._stream.add(_MESSAGE_START, self._start_data())
                    for event in held:
                        self._stream.add(event.name, event.data)
                if upcoming.done():
                    try:
                        event = upcoming.result()
                    except StopAsyncIteration:
                        if has_started:
                            break
                        await starting
                        continue
                    upcoming = None
                    if has_started:
                        self._stream.add(event.name, event.data)
                    else:
                        held.append(event)
        return self._complete()

    async def _until_it_starts(self) -> None:
        """Something is known of the answer, it is over, or there is no more time to wait."""
        await self._until(self._has_begun, self._times.first_event_seconds)

    async def _until(self, happened: asyncio.Event, seconds: float | None) -> None:
        """That has happened, the answer is over, or there is no more time; without a time, as long as it is made."""
        over = asyncio.create_task(self._manager.ended(ANSWER))
        begun = asyncio.create_task(happened.wait())
        try:
            await asyncio.wait((over, begun), timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            over.cancel()
            begun.cancel()

    async def _is_refused(self) -> bool:
        """Whether the question cannot be answered by anybody: then it is a problem and no message."""
        error = self._manager.error_of(ANSWER)
        if self._began is not None or not isinstance(error, NotFound | InvalidInput):
            return False
        self._manager.cancel(DETAIL_PAGES)
        self._stream.refuse(error)
        return True

    def _start_data(self) -> dict[str, Any]:
        began = self._began
        return {
            "session": self._question.session,
            "message_id": self._question.message_id,
            "question": self._question.text,
            "answered_by": began.answered_by if began else self._expected.answered_by,
            "model": began.model if began else self._expected.model,
        }

    async def _answer(self, clock: TaskClock) -> AsyncGenerator[Emitted, None]:
        parts = self._answers.answer(self._asking)
        try:
            async for part in parts:
                match part:
                    case AnswerBegan():
                        self._began = part
                        self._has_begun.set()
                        if part.answered_by != "extractive":
                            self._is_worth.set()  # a language model may take seconds to say anything
                    case AnswerText(text):
                        if self._first_words_at is None:
                            self._first_words_at = time.monotonic()
                        self._texts.append(text)
                        yield Emitted("answer_delta", {"text": text})
                    case Citation():
                        data = citation_data(part)
                        self._citations.append(data)
                        self._is_worth.set()
                        yield Emitted("citation", data)
                    case AnswerEnded():
                        self._ended = part
        finally:
            close = getattr(parts, "aclose", None)
            if close is not None:
                await close()

    async def _prepare_pages(self, clock: TaskClock) -> AsyncGenerator[Emitted, None]:
        """What the question alone says goes out when passages are late; what they say more follows."""
        assert self._detail_pages is not None
        yield Emitted("detail_page_buttons_start", {"expected": MOST_BUTTONS})
        passages = await self._passages(clock, self._times.passages_seconds)
        missing: list[str] = []
        async for event in self._buttons_of(passages or (), missing):
            yield event
        if passages is None and len(self._buttons) < MOST_BUTTONS and (late := await self._passages(clock, None)):
            async for event in self._buttons_of(late, missing):
                yield event
        self._degraded += missing
        self._buttons_milliseconds = milliseconds(clock.worked_seconds)
        data = {
            "count": len(self._buttons),
            "milliseconds": self._buttons_milliseconds,
            "degraded": list(dict.fromkeys(missing)),
        }
        yield Emitted("detail_page_buttons_complete", data)

    async def _buttons_of(self, passages: Sequence[Passage], missing: list[str]) -> AsyncGenerator[Emitted, None]:
        assert self._detail_pages is not None
        prepared = self._detail_pages.prepare(self._question.text, [passage.text for passage in passages])
        try:
            async for button in prepared:
                data = button_data(button)
                if len(self._buttons) < MOST_BUTTONS and all(data["code"] != one["code"] for one in self._buttons):
                    self._buttons.append(data)
                    yield Emitted("detail_page_button_ready", data)
            missing += prepared.degraded
        finally:
            close = getattr(prepared, "aclose", None)
            if close is not None:
                await close()

    async def _passages(self, clock: TaskClock, seconds: float | None) -> Sequence[Passage] | None:
        """None: it was not known in time what they are worth. Where they do not answer, their codes mean nothing."""
        with clock.waiting():
            await self._until(self._is_worth, seconds)
        is_over = self._manager.has_ended(ANSWER)
        if self._ended is not None and self._ended.finish_reason == "nothing_found":
            return ()
        if self._began is not None and (self._is_worth.is_set() or is_over):
            return self._began.passages
        return () if is_over else None

    async def _keep(self, clock: TaskClock) -> AsyncGenerator[Emitted, None]:
        assert self._history is not None
        history = await self._history.get()
        # What turns out to be no question is not stored.
        with clock.waiting():
            await self._until_it_starts()
        if isinstance(self._manager.error_of(ANSWER), NotFound | InvalidInput):
            return
        if self._is_deleted():
            return
        await history.begin(self._question)
        with clock.waiting():
            await self._manager.ended(ANSWER, DETAIL_PAGES)
        if not self._is_deleted():
            answered, analysis = self._answered(), self._analysis()
            if not await history.save_message_with_hscode_analysis(answered, analysis):
                self._degraded.append("hs_analysis")
        if self._is_deleted():
            # Before it was stored, maybe: whoever deleted it found nothing then.
            with suppress(NotFound):
                await history.delete(self._question.session, self._question.owner)
            return
        await self._recent.forget(self._question.session, self._question.owner)
        yield Emitted("history_saved", {"message_id": self._question.message_id})

    def _is_deleted(self) -> bool:
        """Asked again and again: it may have happened meanwhile."""
        return self._stream.is_deleted

    @property
    def _state(self) -> MessageState:
        if self._stopped is not None:
            return self._stopped
        return "done" if self._ended is not None else "failed"

    @property
    def _finish_reason(self) -> str:
        if self._stopped is not None:
            return self._stopped
        return self._ended.finish_reason if self._ended is not None else "error"

    def _degraded_parts(self) -> tuple[str, ...]:
        """What the answer had to do without: named by its parts, and tasks that did not end well."""
        found = [*self._degraded, *(self._ended.degraded if self._ended is not None else ())]
        found += [name for name, report in self._manager.reports.items() if report.status in ("failed", "timed_out")]
        return tuple(dict.fromkeys(found))

    def _answered(self) -> AnsweredMessage:
        return AnsweredMessage(
            self._question,
            self._state,
            "".join(self._texts),
            answered_by=self._began.answered_by if self._began else None,
            model=self._began.model if self._began else None,
            finish_reason=self._finish_reason,
            citations=tuple(self._citations),
            usage=dict(self._ended.usage) if self._ended else {},
            unsupported_sentences=self._ended.unsupported_sentences if self._ended else 0,
            degraded=self._degraded_parts(),
            milliseconds=milliseconds(time.monotonic() - self._started_at),
        )

    def _analysis(self) -> HsCodeAnalysis:
        wall_seconds = time.monotonic() - self._started_at
        found = {"buttons": list(self._buttons), "degraded": list(dict.fromkeys(self._degraded))}
        # The task that stores this is not over yet, and so not among them.
        return HsCodeAnalysis(found, self._buttons_milliseconds, tasks_data(self._manager.reports, wall_seconds))

    def _complete(self) -> MessageAnswered:
        wall_seconds = time.monotonic() - self._started_at
        reports = {name: TaskReport("skipped") for name in (ANSWER, DETAIL_PAGES, HISTORY)} | dict(
            self._manager.reports
        )
        usage = dict(self._ended.usage) if self._ended else {}
        unsupported = self._ended.unsupported_sentences if self._ended else 0
        degraded = self._degraded_parts()
        self._stream.add(
            "message_complete",
            {
                "finish_reason": self._finish_reason,
                "usage": usage,
                "citations": len(self._citations),
                "unsupported_sentences": unsupported,
                "milliseconds": milliseconds(wall_seconds),
                **tasks_data(reports, wall_seconds),
                "degraded": list(degraded),
            },
        )
        began = self._began
        return MessageAnswered(
            message_id=self._question.message_id,
            answered_by=began.answered_by if began else self._expected.answered_by,
            model=began.model if began else self._expected.model,
            state=self._state,
            finish_reason=self._finish_reason,
            remembered=self._history is not None,
            question_characters=len(self._question.text),
            answer_characters=sum(map(len, self._texts)),
            passages=len(began.passages) if began else 0,
            citations=len(self._citations),
            unsupported_sentences=unsupported,
            buttons=len(self._buttons),
            first_words_seconds=self._first_words_at - self._started_at if self._first_words_at is not None else None,
            seconds=wall_seconds,
            task_seconds={name: report.seconds for name, report in reports.items()},
            task_statuses={name: report.status for name, report in reports.items()},
            parallel_efficiency=parallel_efficiency(list(reports.values()), wall_seconds),
            degraded=degraded,
        )
