"""Asking: a question becomes a stream; and what is done with conversations afterwards."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from search.application.search_log import SearchLog
from search.chat.application.message import Answerer, Message, MessageTimes
from search.chat.application.message_stream import MessageStream, RunningMessages, no_stream
from search.chat.application.ports.answers import Answers, DetailPagePreparer
from search.chat.application.ports.history import HistorySource
from search.chat.application.recent import RecentTurns
from search.chat.domain.asking import Asking, Language, Turn
from search.chat.domain.conversation import KeptMessage, KeptSession, Question, Rating
from shared.events.chat import MessageAnswered
from shared.kernel import NotFound, Unavailable, new_id, utc_now
from shared.telemetry import Metrics, get_log

_log = get_log("search")


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody wants to know."""

    question: str
    owner: str
    session: str | None = None
    collections: tuple[str, ...] = ()
    filters: dict[str, Any] = field(default_factory=dict)
    language: Language | None = None
    remember: bool = True
    visible: frozenset[str] | None = None


class Conversations:
    """The owner of a session is a digest of the API key that made it; to others there is none."""

    def __init__(
        self,
        answers: Answers,
        detail_pages: DetailPagePreparer | None,
        history: HistorySource,
        recent: RecentTurns,
        running: RunningMessages,
        log: SearchLog,
        metrics: Metrics,
        expected: Answerer,
        times: MessageTimes,
    ) -> None:
        self._answers = answers
        self._detail_pages = detail_pages
        self._history = history
        self._recent = recent
        self._running = running
        self._log = log
        self._metrics = metrics
        self._expected = expected
        self._times = times

    async def ask(self, asked: Asked) -> MessageStream:
        """Its first event is there. Raises NotFound (session, collection), InvalidInput, Unavailable.

        A history that is away costs the earlier questions and that this one is kept; the answer says so.
        """
        turns: tuple[Turn, ...] = ()
        degraded: list[str] = []
        if asked.session is not None:
            try:
                turns = await self._recent.of(asked.session, asked.owner, await self._history.get())
            except Unavailable as error:
                degraded.append("history")
                _log.warning("answered without the conversation", action="chat.degraded", error=error.detail)
        question = Question(
            message_id=new_id(),
            session=asked.session or new_id(),
            owner=asked.owner,
            text=asked.question,
            asked_at=utc_now(),
            language=asked.language,
            collections=asked.collections,
        )
        asking = Asking(
            question=asked.question,
            collections=asked.collections,
            filters=asked.filters,
            language=asked.language,
            earlier=turns,
            visible=asked.visible,
        )
        stream = MessageStream(question.message_id, question.session, question.owner)
        message = Message(
            question,
            asking,
            stream,
            answers=self._answers,
            detail_pages=self._detail_pages,
            history=self._history if asked.remember else None,
            recent=self._recent,
            expected=self._expected,
            times=self._times,
            degraded=degraded,
        )
        stream.cancel = lambda: message.stop("cancelled")
        stream.leave = lambda: message.stop("broken_off")
        self._running.add(stream)
        stream.work = asyncio.create_task(self._run(message, stream), name="chat-message")
        await stream.begun()
        return stream

    async def _run(self, message: Message, stream: MessageStream) -> None:
        self._metrics.gauge("chat_messages_running", self._running.running)
        try:
            answered = await message.run()
        finally:
            stream.end()
            self._metrics.gauge("chat_messages_running", self._running.running)
        if answered is not None:
            self._count(answered)
            self._log.tell(answered)

    def _count(self, answered: MessageAnswered) -> None:
        self._metrics.count("chat_messages", answered_by=answered.answered_by, state=answered.state)
        self._metrics.observe("chat_message_seconds", answered.seconds, answered_by=answered.answered_by)
        if answered.first_words_seconds is not None:
            seconds = answered.first_words_seconds
            self._metrics.observe("chat_first_words_seconds", seconds, answered_by=answered.answered_by)
        self._metrics.observe("chat_parallel_efficiency", answered.parallel_efficiency)
        for task, seconds in answered.task_seconds.items():
            self._metrics.observe("chat_task_seconds", seconds, task=task, status=answered.task_statuses[task])
        for part in answered.degraded:
            self._metrics.count("chat_degraded", part=part)
        self._metrics.count("chat_citations", answered.citations)
        self._metrics.count("chat_unsupported_sentences", answered.unsupported_sentences)

    async def stream_of(self, session: str, message_id: str, owner: str) -> MessageStream:
        """While it runs and for some minutes after. Raises Gone when it is over for longer, NotFound, Unavailable."""
        stream = self._running.find(session, message_id, owner)
        if stream is None:
            await (await self._history.get()).message(session, message_id, owner)
            raise no_stream(is_known=True)
        return stream

    async def cancel(self, session: str, message_id: str, owner: str) -> bool:
        """Ends an answer; False: it was over already. Raises NotFound, Unavailable."""
        stream = self._running.find(session, message_id, owner)
        if stream is None:
            await (await self._history.get()).message(session, message_id, owner)
            return False
        was_running = not stream.has_ended
        stream.cancel()
        if stream.work is not None:
            await asyncio.wait((stream.work,), timeout=self._times.history_seconds)
        return was_running

    async def sessions(
        self, owner: str, *, limit: int, before: tuple[int, str] | None
    ) -> tuple[Sequence[KeptSession], int]:
        """A page, last used first, and how many there are. Raises Unavailable."""
        history = await self._history.get()
        return await history.sessions(owner, limit=limit, before=before), await history.count_sessions(owner)

    async def session(self, session: str, owner: str) -> KeptSession:
        """Raises NotFound, Unavailable."""
        return await (await self._history.get()).session(session, owner)

    async def messages(self, session: str, owner: str, *, limit: int, after: int) -> tuple[Sequence[KeptMessage], int]:
        """A page in order, and how many there are. Raises NotFound, Unavailable."""
        history = await self._history.get()
        kept = await history.session(session, owner)
        return await history.messages(session, owner, limit=limit, after=after), kept.messages

    async def delete(self, session: str, owner: str) -> None:
        """For good; what is being answered in it ends and is not kept. Raises NotFound, Unavailable."""
        was_asked = await self._running.delete_session(session, owner, seconds=self._times.history_seconds)
        await self._recent.forget(session, owner)
        try:
            await (await self._history.get()).delete(session, owner)
        except NotFound:
            # Its only question was not stored yet, and will not be.
            if not was_asked:
                raise

    async def rate(self, session: str, message_id: str, owner: str, rating: Rating, comment: str | None) -> None:
        """Raises NotFound, Unavailable."""
        await (await self._history.get()).rate(session, message_id, owner, rating, comment)
        self._metrics.count("chat_ratings", rating=rating)
