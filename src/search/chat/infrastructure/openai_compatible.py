"""Answers by a language model of any server that speaks OpenAI's chat completions, with streaming.

Imported only where a setting names such a server: the client takes a second to load.
"""

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlsplit

import httpx2
from openai import APIStatusError, AsyncOpenAI, AsyncStream, OpenAIError
from typing_extensions import override

from search.chat.application.ports.answer_generator import (
    AnswerGenerator,
    Generated,
    GeneratedEnd,
    GeneratedText,
    Task,
)
from search.chat.application.ports.question_rewriter import QuestionRewriter
from search.chat.application.prompt import messages, rewriting
from search.chat.domain.asking import AnsweredBy
from search.chat.domain.links import WithoutLinks
from shared.kernel import Unavailable
from shared.runtime.answered_status import WillNotAnswer, failure_of
from shared.runtime.resilience import Resilient

_CHARACTERS_PER_TOKEN: Final = 8
"""A server that forgets the limit it was given is stopped here: no tokenizer makes so few tokens of a text."""
_CLOSE_SECONDS: Final = 1.0
_QUESTION_TOKENS: Final = 160
"""Of a question that is made to stand alone."""
_TIMES_SHORTENED: Final = 2
"""How often a prompt that a server finds too long is halved: the worst tokenizers make three tokens of a letter."""
_TOO_LONG: Final = re.compile(
    # llama.cpp; OpenAI; vLLM and others.
    r"exceed_context_size|context_length_exceeded|(?:context|input|prompt).{0,40}(?:length|size|window|too long)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class LlmLimits:
    """How long a model may take and how much it reads and writes."""

    between_tokens_seconds: float = 10.0
    answer_seconds: float = 120.0
    context_tokens: int = 4096
    """What the model's window holds: question, passages and answer."""
    answer_tokens: int = 600
    passage_tokens: int | None = None
    """Of the window, for passages; None: what the question and the answer leave."""


class _TooMuchToRead(WillNotAnswer):
    """The server counts more tokens in the prompt than its window holds."""


class OpenAICompatible(AnswerGenerator, QuestionRewriter):
    """An async context manager. The time to the first word and the tries for it are the guard's."""

    answered_by: AnsweredBy = "llm"

    def __init__(
        self,
        url: str,
        model: str,
        *,
        key: str | None,
        guard: Resilient,
        rewriting_guard: Resilient | None = None,
        limits: LlmLimits | None = None,
    ) -> None:
        """`url` is the API's base, as `http://127.0.0.1:8080/v1`; `/v1` is added to one without a path.

        `rewriting_guard` has the whole time for a question; one that is too slow for that may answer all the same.
        """
        self._model = model
        self._guard = guard
        self._rewriting_guard = rewriting_guard or guard
        self._limits = limits or LlmLimits()
        # The passages need the rest.
        self._answer_tokens = min(self._limits.answer_tokens, self._limits.context_tokens // 2)
        self._client = AsyncOpenAI(
            base_url=url if urlsplit(url).path.strip("/") else f"{url.rstrip('/')}/v1",
            # Servers of one's own mostly want none, and the client insists on one.
            api_key=key or "none",
            max_retries=0,
            timeout=httpx2.Timeout(None, connect=5.0),
        )

    async def __aenter__(self) -> "OpenAICompatible":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.close()

    @property
    @override
    def model(self) -> str | None:
        return self._model

    @override
    async def generate(self, task: Task) -> AsyncGenerator[Generated, None]:
        opened = await self._opened(task)
        clean, room = WithoutLinks(), self._answer_tokens * _CHARACTERS_PER_TOKEN
        try:
            text: str | None = opened.first
            while text is not None:
                told = clean.feed(text[:room])
                if told:
                    yield GeneratedText(told)
                room -= len(text)
                if room <= 0:
                    opened.finish_reason = "length"
                    break
                text = await self._next(opened)
            rest = clean.finish()
            if rest:
                yield GeneratedText(rest)
            yield GeneratedEnd("length" if opened.finish_reason == "length" else "stop", opened.usage)
        finally:
            await opened.close()

    async def _opened(self, task: Task) -> "_Opened":
        """Its tokens are estimated, and a model's own tokenizer may make more of them. Raises Unavailable."""
        limits = self._limits
        tokens = limits.context_tokens - self._answer_tokens
        for times in range(_TIMES_SHORTENED + 1):
            asked = messages(task, tokens=tokens >> times, passage_tokens=limits.passage_tokens)
            try:
                return await self._guard.call(partial(self._begin, asked, self._answer_tokens), idempotent=True)
            except _TooMuchToRead as error:
                refused = error
            except WillNotAnswer as error:
                raise Unavailable(error.detail) from error
        raise Unavailable(refused.detail) from refused

    @override
    async def rewrite(self, question: str, earlier: Sequence[str]) -> str:
        asked, most = rewriting(question, earlier), _QUESTION_TOKENS * _CHARACTERS_PER_TOKEN

        async def whole() -> str:
            opened = await self._begin(asked, _QUESTION_TOKENS)
            try:
                text = opened.first
                while len(text) <= most and (more := await self._next(opened)) is not None:
                    text += more
                return text
            finally:
                await opened.close()

        try:
            text = await self._rewriting_guard.call(whole, idempotent=True)
        except WillNotAnswer as error:
            raise Unavailable(error.detail) from error
        return text.strip().strip("\"'“”").strip()

    async def _begin(self, asked: list[tuple[str, str]], most_tokens: int) -> "_Opened":
        """Up to the first word. Raises Unavailable, WillNotAnswer."""
        stream: Any = None
        said: Any = [{"role": role, "content": content} for role, content in asked]
        try:
            stream = await self._client.chat.completions.create(
                model=self._model,
                messages=said,
                stream=True,
                stream_options={"include_usage": True},
                max_tokens=most_tokens,
                temperature=0,
            )
            opened = _Opened(stream, self._limits.answer_seconds)
            first = await opened.next_text()
            if first is None:
                raise Unavailable("The language model answered nothing.")
            opened.first = first
        except BaseException as error:
            if stream is not None:
                await _close(stream)
            if isinstance(error, APIStatusError):
                if error.status_code in _REFUSED_AS_IT_IS and _TOO_LONG.search(str(error.body)):
                    raise _TooMuchToRead(f"The language model's server answered {error.status_code}.") from error
                waits = error.response.headers.get("retry-after")
                raise failure_of("The language model's server", error.status_code, waits) from error
            if isinstance(error, _BROKEN):
                raise Unavailable(f"The language model cannot be asked: {_words(error)}") from error
            raise
        return opened

    async def _next(self, opened: "_Opened") -> str | None:
        try:
            async with asyncio.timeout(self._limits.between_tokens_seconds):
                return await opened.next_text()
        except TimeoutError as error:
            raise Unavailable("The language model stopped in the middle of its answer.", code="timeout") from error
        except _BROKEN as error:
            raise Unavailable(f"The language model's answer broke off: {_words(error)}") from error


class _Opened:
    """An answer that is under way."""

    def __init__(self, stream: AsyncStream[Any], seconds: float) -> None:
        self._stream = stream
        self._chunks: AsyncIterator[Any] = aiter(stream)
        self._ends_at = asyncio.get_running_loop().time() + seconds
        self.first = ""
        self.finish_reason = "stop"
        self.usage: dict[str, int] = {}

    async def next_text(self) -> str | None:
        """None: it is over. What a chunk lacks does not matter: servers differ in what they send between words."""
        async for chunk in self._chunks:
            if asyncio.get_running_loop().time() > self._ends_at:
                self.finish_reason = "length"
                return None
            usage = getattr(chunk, "usage", None)
            for name in ("prompt_tokens", "completion_tokens", "total_tokens"):
                count = getattr(usage, name, None)
                if isinstance(count, int):
                    self.usage[name] = count
            choices = getattr(chunk, "choices", None)
            choice = choices[0] if isinstance(choices, list) and choices else None
            reason = getattr(choice, "finish_reason", None)
            if isinstance(reason, str):
                self.finish_reason = reason
            text = getattr(getattr(choice, "delta", None), "content", None)
            if isinstance(text, str) and text:
                return text
        return None

    async def close(self) -> None:
        """The server sees that nobody listens any more."""
        await _close(self._stream)


_REFUSED_AS_IT_IS: Final = frozenset((HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE))
_BROKEN: Final = (OpenAIError, httpx2.HTTPError, httpx2.StreamError, ValueError, OSError)
"""What the client lets through when a server speaks no HTTP, no UTF-8, no JSON, or goes away."""


async def _close(stream: AsyncStream[Any]) -> None:
    with suppress(*_BROKEN, TimeoutError):
        async with asyncio.timeout(_CLOSE_SECONDS):
            await stream.close()


def _words(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"[:200]
