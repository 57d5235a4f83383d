"""Conversations through SQLAlchemy Core: the same statements for SQLite and PostgreSQL."""

import asyncio
import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar

from sqlalchemy import Row, delete, func, insert, literal, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert as postgres_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.exc import StatementError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from typing_extensions import override

from search.chat.application.ports.history import ChatHistory
from search.chat.domain.conversation import (
    AnsweredMessage,
    HsCodeAnalysis,
    KeptMessage,
    KeptSession,
    Question,
    Rating,
    title_of,
)
from search.chat.infrastructure.history.errors import translated
from search.chat.infrastructure.history.tables import UtcInstant, messages, sessions
from shared.kernel import NotFound
from shared.runtime.resilience import Resilient
from shared.telemetry import get_log

T = TypeVar("T")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_log = get_log("search")


class SqlHistory(ChatHistory):
    """Over an engine that is open; `guard` is for one on another machine. Every write begins with the row it locks."""

    def __init__(self, engine: AsyncEngine, where: str, guard: Resilient | None = None) -> None:
        self._engine = engine
        self._where = where
        self._guard = guard
        self._insert = postgres_insert if engine.dialect.name == "postgresql" else sqlite_insert
        # A file has one writer at a time: who waits for it here waits in turn and holds no connection, while SQLite has
        # whoever is lucky go first, and the others give up.
        self._turn: AbstractAsyncContextManager[object] = nullcontext() if self.is_shared else asyncio.Lock()

    @property
    @override
    def is_shared(self) -> bool:
        return self._engine.dialect.name == "postgresql"

    @override
    async def begin(self, question: Question) -> None:
        async def write(connection: AsyncConnection) -> None:
            await self._place(connection, question)

        await self._write(write)

    @override
    async def save_message_with_hscode_analysis(self, message: AnsweredMessage, analysis: HsCodeAnalysis) -> bool:
        async def write(connection: AsyncConnection) -> bool:
            await self._place(connection, message.question)
            saved = await connection.execute(
                update(messages)
                .where(messages.c.id == message.question.message_id, messages.c.is_saved.is_(False))
                .values(
                    state=message.state,
                    answer=_text(message.answer),
                    answered_by=message.answered_by,
                    model=message.model,
                    finish_reason=message.finish_reason,
                    citations=_json(message.citations),
                    usage=_json(message.usage),
                    unsupported_sentences=message.unsupported_sentences,
                    degraded=list(message.degraded),
                    milliseconds=message.milliseconds,
                    is_saved=True,
                )
            )
            return not saved.rowcount or await self._add_analysis(connection, message.question.message_id, analysis)

        return await self._write(write)

    async def _add_analysis(self, connection: AsyncConnection, message_id: str, analysis: HsCodeAnalysis) -> bool:
        """Behind a savepoint: whatever is wrong with it, the message of this transaction stays."""
        try:
            async with connection.begin_nested():
                await connection.execute(
                    update(messages)
                    .where(messages.c.id == message_id)
                    .values(
                        context7_analysis=_finite(analysis.context7_analysis),
                        detail_page_processing_time=analysis.detail_page_processing_time,
                        parallel_task_metrics=_finite(analysis.parallel_task_metrics),
                    )
                )
        except (StatementError, ValueError, TypeError, OverflowError) as error:
            if getattr(error, "connection_invalidated", False):
                raise
            _log.warning(
                "an analysis was not stored",
                action="chat.analysis_lost",
                message_id=message_id,
                reason=str(error)[:200],
            )
            return False
        return True

    async def _place(self, connection: AsyncConnection, question: Question) -> None:
        """The session and the question are there afterwards, each once. The first statement locks the session."""
        at = question.asked_at.astimezone(UTC)
        placed = await connection.execute(
            self._insert(sessions)
            .values(
                id=question.session,
                owner=question.owner,
                title=_text(title_of(question.text)),
                messages=0,
                numbered=0,
                created_at=at,
                last_at=at,
            )
            .on_conflict_do_update(index_elements=[sessions.c.id], set_={"numbered": sessions.c.numbered})
            .returning(sessions.c.owner, sessions.c.numbered, sessions.c.last_at)
        )
        kept = placed.one()
        if kept.owner != question.owner:
            raise _no_session()
        known = await connection.execute(select(messages.c.session).where(messages.c.id == question.message_id))
        if (row := known.first()) is not None:
            if row.session != question.session:
                raise _no_message()
            return
        if kept.numbered:
            # Clocks are set back, and two processes have two: what came later is never dated earlier.
            at = max(at, kept.last_at + timedelta(microseconds=1))
        await connection.execute(
            insert(messages).values(
                id=question.message_id,
                session=question.session,
                ordinal=kept.numbered + 1,
                state="answering",
                question=_text(question.text),
                answer="",
                asked_at=at,
                language=question.language,
                collections=list(question.collections),
                citations=[],
                usage={},
                unsupported_sentences=0,
                degraded=[],
                milliseconds=0,
                is_saved=False,
            )
        )
        await connection.execute(
            update(sessions)
            .where(sessions.c.id == question.session)
            .values(numbered=kept.numbered + 1, messages=sessions.c.messages + 1, last_at=at)
        )

    @override
    async def forget_question(self, message_id: str, owner: str) -> None:
        async def write(connection: AsyncConnection) -> None:
            gone = (
                await connection.execute(
                    delete(messages)
                    .where(
                        messages.c.id == message_id,
                        messages.c.is_saved.is_(False),
                        messages.c.session.in_(select(sessions.c.id).where(sessions.c.owner == owner)),
                    )
                    .returning(messages.c.session)
                )
            ).first()
            if gone is None:
                return
            await connection.execute(
                update(sessions).where(sessions.c.id == gone.session).values(messages=sessions.c.messages - 1)
            )
            await connection.execute(delete(sessions).where(sessions.c.id == gone.session, sessions.c.messages == 0))

        await self._write(write)

    @override
    async def session(self, session: str, owner: str) -> KeptSession:
        async def read(connection: AsyncConnection) -> KeptSession:
            return _session(await self._owned(connection, session, owner))

        return await self._read(read)

    @override
    async def sessions(self, owner: str, *, limit: int, before: tuple[int, str] | None = None) -> Sequence[KeptSession]:
        query = select(sessions).where(sessions.c.owner == owner)
        if before is not None:
            # A comparison of rows: the index is read from there on, not from its beginning.
            seen = literal(_EPOCH + timedelta(microseconds=before[0]), UtcInstant), literal(before[1])
            query = query.where(tuple_(sessions.c.last_at, sessions.c.id) < tuple_(*seen))
        query = query.order_by(sessions.c.last_at.desc(), sessions.c.id.desc()).limit(limit)

        async def read(connection: AsyncConnection) -> list[KeptSession]:
            return [_session(row) for row in await connection.execute(query)]

        return await self._read(read)

    @override
    async def count_sessions(self, owner: str) -> int:
        query = select(func.count()).select_from(sessions).where(sessions.c.owner == owner)

        async def read(connection: AsyncConnection) -> int:
            return (await connection.execute(query)).scalar_one()

        return await self._read(read)

    @override
    async def messages(self, session: str, owner: str, *, limit: int, after: int = 0) -> Sequence[KeptMessage]:
        query = select(messages).where(messages.c.session == session, messages.c.ordinal > after)

        async def read(connection: AsyncConnection) -> list[KeptMessage]:
            await self._owned(connection, session, owner)
            return [_message(row) for row in await connection.execute(query.order_by(messages.c.ordinal).limit(limit))]

        return await self._read(read)

    @override
    async def last_messages(self, session: str, owner: str, *, limit: int) -> Sequence[KeptMessage]:
        query = select(messages).where(messages.c.session == session).order_by(messages.c.ordinal.desc()).limit(limit)

        async def read(connection: AsyncConnection) -> list[KeptMessage]:
            await self._owned(connection, session, owner)
            return [_message(row) for row in reversed((await connection.execute(query)).all())]

        return await self._read(read)

    @override
    async def message(self, session: str, message_id: str, owner: str) -> KeptMessage:
        query = select(messages).where(messages.c.id == message_id, messages.c.session == session)

        async def read(connection: AsyncConnection) -> KeptMessage:
            await self._owned(connection, session, owner)
            row = (await connection.execute(query)).first()
            if row is None:
                raise _no_message()
            return _message(row)

        return await self._read(read)

    @override
    async def rate(self, session: str, message_id: str, owner: str, rating: Rating, comment: str | None) -> None:
        async def write(connection: AsyncConnection) -> None:
            changed = await connection.execute(
                update(messages)
                .where(
                    messages.c.id == message_id,
                    messages.c.session == session,
                    messages.c.session.in_(select(sessions.c.id).where(sessions.c.owner == owner)),
                )
                .values(rating=rating, comment=None if comment is None else _text(comment))
            )
            if not changed.rowcount:
                raise _no_message()

        await self._write(write)

    @override
    async def delete(self, session: str, owner: str) -> None:
        async def write(connection: AsyncConnection) -> None:
            gone = await connection.execute(delete(sessions).where(sessions.c.id == session, sessions.c.owner == owner))
            if not gone.rowcount:
                raise _no_session()

        await self._write(write)

    @override
    async def check(self) -> None:
        async def read(connection: AsyncConnection) -> None:
            await connection.execute(select(sessions.c.id).limit(1))

        await self._read(read)

    async def close(self) -> None:
        """Ends every connection."""
        await self._engine.dispose()

    async def _owned(self, connection: AsyncConnection, session: str, owner: str) -> Row[Any]:
        row = (
            await connection.execute(select(sessions).where(sessions.c.id == session, sessions.c.owner == owner))
        ).first()
        if row is None:
            raise _no_session()
        return row

    async def _write(self, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        async def once() -> T:
            with translated(self._where):
                async with self._turn, self._engine.begin() as connection:
                    return await work(connection)

        # Every write may be made twice: what is there already stays.
        return await (once() if self._guard is None else self._guard.call(once, idempotent=True))

    async def _read(self, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        async def once() -> T:
            with translated(self._where):
                async with self._engine.connect() as connection:
                    return await work(connection)

        return await (once() if self._guard is None else self._guard.call(once, idempotent=True))


def _no_session() -> NotFound:
    return NotFound("There is no such conversation.", code="session_not_found")


def _no_message() -> NotFound:
    return NotFound("There is no such message in this conversation.", code="message_not_found")


def _text(text: str) -> str:
    """PostgreSQL has no text with a NUL in it, and no database one with half a surrogate pair."""
    if "\x00" in text:
        text = text.replace("\x00", "\ufffd")
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _json(value: Any) -> Any:
    """The JSON value with every text made storable."""
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, Mapping):
        return {_text(str(key)): _json(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_json(one) for one in value]
    return value


def _finite(value: Any) -> Any:
    """The same; raises ValueError for a number that JSON has no word for, and for what is no JSON value."""
    _must_be_finite(value)
    return _json(value)


def _must_be_finite(value: Any) -> None:
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{value} is no number of JSON")
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list | tuple):
        for one in value:
            _must_be_finite(one)


def _session(row: Row[Any]) -> KeptSession:
    return KeptSession(row.id, row.title, row.messages, row.created_at, row.last_at)


def _message(row: Row[Any]) -> KeptMessage:
    return KeptMessage(
        id=row.id,
        session=row.session,
        ordinal=row.ordinal,
        state=row.state,
        question=row.question,
        answer=row.answer,
        asked_at=row.asked_at,
        language=row.language,
        answered_by=row.answered_by,
        model=row.model,
        finish_reason=row.finish_reason,
        citations=row.citations,
        usage=row.usage,
        unsupported_sentences=row.unsupported_sentences,
        degraded=row.degraded,
        milliseconds=row.milliseconds,
        context7_analysis=row.context7_analysis,
        detail_page_processing_time=row.detail_page_processing_time,
        parallel_task_metrics=row.parallel_task_metrics,
        rating=row.rating,
        comment=row.comment,
    )
