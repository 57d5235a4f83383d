"""Context7, a server of documentation that speaks MCP over HTTP (@upstash/context7-mcp 4), as a source of knowledge."""

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from importlib import import_module
from types import ModuleType
from typing import Any, Final, Self

import httpx2
from typing_extensions import override

from search.chat.application.ports.knowledge_source import KnowledgeSource
from shared.kernel import DomainError, Unavailable
from shared.ports.storage import Cache
from shared.runtime.resilience import AskedToWait, Remotes, Resilient

_RESOLVE: Final = "resolve-library-id"
_DOCS: Final = "query-docs"
_TAG: Final = "context7"
_MOST_BYTES: Final = 1 << 20
"""Of an answer: docs are some 5,000 tokens."""
_LONGEST_QUERY: Final = 500
_FOUND: Final = re.compile(r"Context7-compatible library ID:\s*(/\S+)")
_NONE_FOUND: Final = re.compile(r"No (?:documentation )?libraries found")
# Errors of the service behind it come as text, with `isError` false; these may pass.
_ASKS_TO_WAIT: Final = re.compile(r"rate limited|quota exceeded|too many requests", re.IGNORECASE)
_WAIT_SECONDS: Final = 60.0
_PASSING: Final = re.compile(
    r"status 5\d\d|try again|error (?:searching|fetching)|fetch failed|timeout|timed out",
    re.IGNORECASE,
)


class Context7ApiError(DomainError):
    """It answered something else than what was asked for: an error as text, or nothing that looks like an answer."""

    code = "context7_error"
    title = "Context7 answered with an error"


class Context7Unavailable(Context7ApiError, Unavailable):
    """It cannot be reached, or says that it cannot answer now."""

    code = "context7_unavailable"
    title = "Context7 is not available at the moment"


class Context7Busy(Context7Unavailable, AskedToWait):
    """It has been asked too much; it is not asked again at once."""

    code = "context7_busy"
    title = "Context7 asks to wait"


class Context7TimeoutError(Context7Unavailable):
    """It did not answer in time."""

    code = "context7_timeout"
    title = "Context7 did not answer in time"


class Context7(KnowledgeSource):
    """An async context manager; each call makes an MCP connection of its own over one HTTP client.

    A connection that stays open ends the task that opened it when the server goes away (mcp 2.3). The library of MCP
    takes a second to load: a thread begins with it at once, and the first call waits for it.
    """

    def __init__(
        self,
        url: str,
        cache: Cache,
        remotes: Remotes,
        *,
        key: str | None = None,
        quick_seconds: float = 1.8,
        call_seconds: float = 10.0,
        total_seconds: float = 30.0,
        ttl_seconds: float = 3600.0,
    ) -> None:
        """`url` is the endpoint (`http://127.0.0.1:3000/mcp`); a `key` is sent as its bearer token.

        The times: of a quick call with its retry, of one attempt, of all attempts of a call, and how long an answer is
        remembered.
        """
        self._url = url
        self._cache = cache
        self._key = key
        self._ttl_seconds = ttl_seconds
        # A server that is too slow for buttons may do for others: each has a breaker of its own.
        self._quick = remotes.guard(
            "Context7 (buttons)", timeout_seconds=quick_seconds, attempts=2, where=f"Context7 at {url}"
        )
        self._patient = remotes.guard(
            "Context7",
            timeout_seconds=call_seconds,
            total_seconds=total_seconds,
            attempts=3,
            where=f"Context7 at {url}",
        )
        self._client: httpx2.AsyncClient | None = None
        self._library: asyncio.Future[ModuleType] | None = None

    async def __aenter__(self) -> Self:
        headers = {"Authorization": f"Bearer {self._key}"} if self._key else {}
        self._client = httpx2.AsyncClient(
            headers=headers,
            timeout=httpx2.Timeout(60.0, connect=2.0),
            transport=_Bounded(httpx2.AsyncHTTPTransport(retries=0), _MOST_BYTES),
            # Where it is, is said by the setting; a proxy for the world is none for it.
            trust_env=False,
        )
        self._library = asyncio.ensure_future(asyncio.to_thread(import_module, "mcp.client.streamable_http"))
        return self

    async def __aexit__(self, *_: object) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    @override
    async def resolve_library_id_async(self, name: str, query: str, *, quick: bool = False) -> str | None:
        return await self._remembered(
            (_RESOLVE, name, query),
            lambda: self._call(_RESOLVE, {"libraryName": name, "query": query[:_LONGEST_QUERY]}, _library_id),
            quick=quick,
        )

    @override
    async def get_library_docs_async(self, library_id: str, query: str, *, quick: bool = False) -> str:
        docs = await self._remembered(
            (_DOCS, library_id, query),
            lambda: self._call(_DOCS, {"libraryId": library_id, "query": query[:_LONGEST_QUERY]}, _docs),
            quick=quick,
        )
        return docs or ""

    async def _remembered(
        self, what: tuple[str, str, str], ask: Callable[[], Awaitable[str | None]], *, quick: bool
    ) -> str | None:
        # Under a hash: what people ask is not to be read from the names of what is kept.
        named = hashlib.sha256("\0".join(what).encode("utf-8", "replace")).hexdigest()
        key = f"{_TAG}:{named}"
        kept = await self._cache.get(key)
        if kept is not None:
            return kept.decode()
        guard = self._quick if quick else self._patient
        answer = await self._guarded(guard, ask)
        if answer is not None:
            await self._cache.put(key, answer.encode(), ttl_seconds=self._ttl_seconds, tag=_TAG)
        return answer

    async def _guarded(self, guard: Resilient, ask: Callable[[], Awaitable[str | None]]) -> str | None:
        try:
            return await guard.call(ask, idempotent=True)
        except Context7ApiError:
            raise
        except Unavailable as error:
            # The guard's own words: too late, or left alone for a moment.
            kind = Context7TimeoutError if error.specific_code == "timeout" else Context7Unavailable
            raise kind(error.detail, retry_after_seconds=error.retry_after_seconds) from error

    async def _call(self, tool: str, arguments: dict[str, str], read: Callable[[str], str | None]) -> str | None:
        mcp, http = await self._loaded()
        try:
            async with mcp.Client(
                http.streamable_http_client(self._url, http_client=self._client, max_sse_event_size=_MOST_BYTES)
            ) as client:
                result = await client.call_tool(tool, arguments)
        except (TimeoutError, DomainError):
            raise
        except Exception as error:
            # A connection that breaks comes as any of a dozen types, alone or in groups.
            cause = _innermost(error)
            if isinstance(cause, _TooLong):
                raise Context7ApiError(f"Context7 answered with more than {_MOST_BYTES:,} bytes.") from error
            said = f"{type(cause).__name__}: {str(cause)[:200]}"
            raise Context7Unavailable(f"Context7 at {self._url} broke off: {said}") from error
        return read("\n".join(str(getattr(block, "text", "")) for block in result.content))

    async def _loaded(self) -> tuple[Any, Any]:
        if self._client is None:
            raise Context7Unavailable("Context7 is not open.")
        assert self._library is not None
        # Whoever leaves must not end it for the others.
        http = await asyncio.shield(self._library)
        return import_module("mcp"), http


def _library_id(text: str) -> str | None:
    """The first library is the best one. Raises Context7ApiError for what is no list of them."""
    if _NONE_FOUND.match(text):
        return None
    found = _FOUND.search(text) if "Available Libraries:" in text else None
    if found is None:
        raise _error(text)
    return found[1]


def _docs(text: str) -> str:
    """Raises Context7ApiError for what does not look like documentation."""
    if "Source:" not in text and "###" not in text:
        raise _error(text)
    return text


def _error(text: str) -> Context7ApiError:
    said = " ".join(text.split())[:200] or "nothing"
    if _ASKS_TO_WAIT.search(said):
        return Context7Busy(f"Context7 answered: {said}", retry_after_seconds=_WAIT_SECONDS)
    kind = Context7Unavailable if _PASSING.search(said) else Context7ApiError
    return kind(f"Context7 answered: {said}")


def _innermost(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


class _TooLong(httpx2.ReadError):
    """More than is read of an answer."""


class _Bounded(httpx2.AsyncBaseTransport):
    """Reads no more of an answer than so many bytes."""

    def __init__(self, inner: httpx2.AsyncBaseTransport, most_bytes: int) -> None:
        self._inner = inner
        self._most_bytes = most_bytes

    @override
    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        response = await self._inner.handle_async_request(request)
        if isinstance(response.stream, httpx2.AsyncByteStream):
            response.stream = _BoundedStream(response.stream, self._most_bytes)
        return response

    @override
    async def aclose(self) -> None:
        await self._inner.aclose()


class _BoundedStream(httpx2.AsyncByteStream):
    def __init__(self, inner: httpx2.AsyncByteStream, most_bytes: int) -> None:
        self._inner = inner
        self._left = most_bytes

    @override
    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for part in self._inner:
            self._left -= len(part)
            if self._left < 0:
                raise _TooLong("the answer is longer than any documentation")
            yield part

    @override
    async def aclose(self) -> None:
        await self._inner.aclose()
