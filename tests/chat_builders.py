"""What the tests of asking share: histories of their own, questions, an answering that says what it is told to."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from search.chat.application.ports.history import ChatHistory
from search.chat.domain.conversation import AnsweredMessage, HsCodeAnalysis, Question
from search.chat.infrastructure.history.source import SqlHistorySource
from shared.infrastructure.prometheus_metrics import PrometheusMetrics
from shared.kernel import new_id
from shared.runtime.resilience import Remotes
from shared.settings import Settings

OpenHistory = Callable[[], AbstractAsyncContextManager[ChatHistory]]
AT = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)


def a_source(folder: Path, **given: Any) -> SqlHistorySource:
    """Not opened yet."""
    return SqlHistorySource(Settings(data_dir=folder, **given), Remotes(PrometheusMetrics()))


def _opener(folder: Path, **given: Any) -> OpenHistory:
    @asynccontextmanager
    async def open_it() -> AsyncIterator[ChatHistory]:
        async with a_source(folder, **given) as source:
            yield await source.get()

    return open_it


@asynccontextmanager
async def sqlite_history(folder: Path) -> AsyncIterator[OpenHistory]:
    """Opened again, it is the same history after a restart."""
    yield _opener(folder)


@asynccontextmanager
async def postgres_database() -> AsyncIterator[str]:
    """The URL of a database of its own, which is dropped afterwards."""
    import asyncpg
    from servers import postgres_url

    url, name = postgres_url(), f"chat_{new_id()[:8]}"
    connection = await asyncpg.connect(url)
    await connection.execute(f"CREATE DATABASE {name}")
    try:
        yield f"{url.rpartition('/')[0]}/{name}"
    finally:
        await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
        await connection.close()


@asynccontextmanager
async def postgres_history(folder: Path) -> AsyncIterator[OpenHistory]:
    """In a database of its own."""
    async with postgres_database() as url:
        yield _opener(folder, chat_url=url, server_timeout_seconds=10)


def a_question(text: str = "노트북의 관세율은 얼마인가요?", **given: Any) -> Question:
    """In a session of its own, unless one is given."""
    usual: dict[str, Any] = {"message_id": new_id(), "session": new_id(), "owner": "me", "asked_at": AT}
    return Question(**{**usual, "text": text, **given})


def an_answer(question: Question, text: str = "기본세율은 0 %이다.", **given: Any) -> AnsweredMessage:
    """One that ended well."""
    message = AnsweredMessage(
        question,
        "done",
        text,
        answered_by="extractive",
        finish_reason="stop",
        citations=({"number": 1, "quote": "0 %"},),
        usage={"passages": 3},
        unsupported_sentences=1,
        degraded=("context7",),
        milliseconds=42,
    )
    return replace(message, **given)


def an_analysis(buttons: Any = ({"code": "847130"},), **given: Any) -> HsCodeAnalysis:
    """With one button."""
    metrics: Mapping[str, Any] = {"answer": {"status": "done", "milliseconds": 40}, "speedup": 1.5}
    return replace(HsCodeAnalysis({"buttons": list(buttons), "degraded": []}, 12, metrics), **given)
