"""The Cache on Redis, shared by every process: whatever is wrong with it is a miss, and at most once a slow one."""

import asyncio
import contextlib
import secrets
import ssl
from collections.abc import Awaitable, Callable
from typing import Any, Final, Self, TypeVar
from urllib.parse import urlsplit

import msgpack
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import (
    AuthenticationError,
    AuthorizationError,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
)
from typing_extensions import override

from shared.kernel import Unavailable
from shared.ports.health import ComponentHealth
from shared.ports.storage import Cache
from shared.runtime.resilience import Remotes
from shared.settings import Settings, WrongSettings, without_credentials
from shared.telemetry import get_log

T = TypeVar("T")

_LARGEST_VALUE_BYTES: Final = 4 << 20
_CONNECTIONS: Final = 32
_KNOWN_TAGS: Final = 16
"""Tags that are asked for together with an entry; one more round trip finds the others."""
_log = get_log("redis")


class RedisCache(Cache):
    """Cache, an async context manager; entering it never waits for the server.

    An entry carries its tag and the tag's token. `drop` deletes the token: an entry whose token is not the present
    one is a miss, also when Redis itself evicted the token. A drop that does not get through is owed: until it does,
    this process takes no entry with that tag.

    A call waits `longest_timeout_seconds` at most, and not at all while the breaker is open: then a task of its own
    asks whether the server is back.
    """

    def __init__(
        self,
        settings: Settings,
        remotes: Remotes,
        *,
        longest_timeout_seconds: float = 1.0,
        tag_ttl_seconds: float = 86_400,
    ) -> None:
        """Reads nothing and connects to nothing.

        A tag's token lives for `tag_ttl_seconds`, and at least twice as long as the entries that carry it.
        """
        self._settings = settings
        self._shown = without_credentials(settings.cache_url)
        self._prefix = f"{settings.installation}:c:"
        self._timeout_seconds = min(longest_timeout_seconds, settings.server_timeout_seconds)
        self._tag_ttl_ms = int(tag_ttl_seconds * 1000)
        # A little later than our own limit, whose words say more.
        self._guard = remotes.guard(
            "redis",
            timeout_seconds=self._timeout_seconds + 0.1,
            attempts=1,
            failure_limit=3,
            where=f"Redis ({self._shown}, SEOGA_CACHE_URL)",
        )
        self._redis: Any = None
        self._known_tags: dict[str, None] = {}
        self._owed: set[str] = set()
        self._refusal: str | None = None
        self._asking: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        try:
            self._redis = Redis.from_pool(_pool(self._settings, self._timeout_seconds))
        except (ValueError, TypeError, RedisError) as error:
            raise WrongSettings(
                f"SEOGA_CACHE_URL was {self._shown!r}: {error}. It is written redis://user:password@host:6379/0, "
                "or rediss:// for TLS."
            ) from error
        self._ask()
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._asking is not None:
            self._asking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._asking
        with contextlib.suppress(RedisError, OSError):
            await self._redis.aclose()

    @property
    @override
    def is_shared(self) -> bool:
        return True

    @override
    async def get(self, key: str) -> bytes | None:
        return await self._call(lambda: self._read(key))

    @override
    async def put(self, key: str, value: bytes, *, ttl_seconds: float, tag: str = "") -> None:
        if len(value) <= _LARGEST_VALUE_BYTES:
            await self._call(lambda: self._write(key, value, max(1, int(ttl_seconds * 1000)), tag))

    @override
    async def drop(self, tag: str) -> None:
        """The empty tag is none."""
        if tag:
            self._owed.add(tag)
            await self._call(self._pay)

    async def check(self) -> ComponentHealth:
        """For health: whether it takes a value now."""
        try:
            await self._guard.call(self._try_it, idempotent=True)
        except Unavailable as error:
            return ComponentHealth(ready=False, detail=f"works without a cache: {error.detail}", required=False)
        if self._refusal is not None:
            return ComponentHealth(ready=False, detail=f"works without a cache: {self._refusal}", required=False)
        return ComponentHealth(ready=True, detail=f"answers ({self._shown})", required=False)

    async def _call(self, make_call: Callable[[], Awaitable[T | None]]) -> T | None:
        if self._guard.state != "closed":
            self._ask()
            return None
        with contextlib.suppress(Unavailable):
            return await self._guard.call(lambda: self._translated(make_call), idempotent=False)
        return None

    def _ask(self) -> None:
        """Sees whether the server is there, beside the calls: none of them waits for a probe of the breaker."""
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._ask_once())

    async def _ask_once(self) -> None:
        with contextlib.suppress(Unavailable):
            await self._guard.call(self._try_it, idempotent=False)

    async def _try_it(self) -> None:
        await self._translated(lambda: self._write("health", b"", 1000, ""))

    async def _read(self, key: str) -> bytes | None:
        tags = list(self._known_tags)
        raw, *tokens = await self._answers([("MGET", self._entry(key), *(self._tag(tag) for tag in tags))])
        entry = _unpacked(raw)
        if entry is None:
            return None
        tag, token, value = entry
        if tag:
            if tag in self._owed:
                return None
            if tag not in tags:
                self._know(tag)
                tokens, tags = await self._answers([("GET", self._tag(tag))]), [tag]
            if tokens[tags.index(tag)] != token:
                return None
        return value

    async def _write(self, key: str, value: bytes, ttl_ms: int, tag: str) -> None:
        token = b""
        if tag:
            self._know(tag)
            name, life = self._tag(tag), max(self._tag_ttl_ms, 2 * ttl_ms)
            fresh = secrets.token_bytes(8)
            *_, found = await self._answers(
                [("SET", name, fresh, "PX", life, "NX"), ("PEXPIRE", name, life), ("GET", name)]
            )
            if not isinstance(found, bytes) or tag in self._owed:
                return
            token = found
        # Lists of plain values only: what a stranger wrote there is damaged, and never code.
        packed = msgpack.packb([tag, token, value])
        await self._answers([("SET", self._entry(key), packed, "PX", ttl_ms)])

    async def _pay(self) -> None:
        await self._answers([])

    async def _answers(self, commands: list[tuple[Any, ...]]) -> list[Any]:
        """The answers to the commands, a list spread out, a refused one None; drops that are owed go before."""
        owed = sorted(self._owed)
        if owed:
            commands = [("DEL", *(self._tag(tag) for tag in owed)), *commands]
        async with self._redis.pipeline(transaction=False) as pipeline:
            for command in commands:
                pipeline.execute_command(*command)
            answers = await pipeline.execute(raise_on_error=False)
        refusals = [answer for answer in answers if isinstance(answer, ResponseError)]
        # What only reads says nothing of whether Redis takes values; what it refuses always does.
        if refusals or any(command[0] == "SET" for command in commands):
            self._refused(refusals[0] if refusals else None)
        if owed and not isinstance(answers.pop(0), Exception):
            self._owed.difference_update(owed)
        if len(answers) == 1 and isinstance(answers[0], list):
            return answers[0]
        return [None if isinstance(answer, Exception) else answer for answer in answers]

    async def _translated(self, make_call: Callable[[], Awaitable[T]]) -> T:
        try:
            async with asyncio.timeout(self._timeout_seconds):
                return await make_call()
        except TimeoutError as error:
            tls = " Does it speak TLS, as rediss:// says?" if self._settings.cache_url.startswith("rediss:") else ""
            raise Unavailable(
                f"Redis ({self._shown}, SEOGA_CACHE_URL) did not answer within {self._timeout_seconds:.3g} s.{tls}",
                code="timeout",
            ) from error
        except (AuthenticationError, AuthorizationError) as error:
            raise Unavailable(
                f"Redis ({self._shown}) refused user or password: {error}. SEOGA_CACHE_URL holds both: "
                "redis://user:password@host:6379/0.",
                code="wrong_credentials",
            ) from error
        except (RedisError, OSError, ssl.SSLError) as error:
            raise Unavailable(f"Redis ({self._shown}, SEOGA_CACHE_URL): {_in_words(error)}") from error

    def _refused(self, error: ResponseError | None) -> None:
        """Tells changes once, in the log; health tells the present state."""
        told = None if error is None else f"Redis ({self._shown}, SEOGA_CACHE_URL) refuses: {_remedy(error)}"
        if told != self._refusal:
            self._refusal = told
            if told is None:
                _log.info("the cache takes values again", action="redis.accepts")
            else:
                _log.warning("the cache takes no values", action="redis.refuses", reason=told)

    def _know(self, tag: str) -> None:
        if len(self._known_tags) >= _KNOWN_TAGS and tag not in self._known_tags:
            del self._known_tags[next(iter(self._known_tags))]
        self._known_tags[tag] = None

    def _entry(self, key: str) -> str:
        return f"{self._prefix}e:{key}"

    def _tag(self, tag: str) -> str:
        return f"{self._prefix}t:{tag}"


def _pool(settings: Settings, timeout_seconds: float) -> Any:
    database = urlsplit(settings.cache_url).path.strip("/")
    if database and not database.isdecimal():
        # The driver would take the first one.
        raise ValueError(f"{database!r} is no number of a database")
    tls: dict[str, Any] = {}
    if settings.cache_url.startswith("rediss:") and settings.tls_ca_file is not None:
        tls["ssl_ca_certs"] = str(settings.tls_ca_file)
    return BlockingConnectionPool.from_url(
        settings.cache_url,
        max_connections=_CONNECTIONS,
        timeout=timeout_seconds,
        socket_timeout=timeout_seconds,
        socket_connect_timeout=timeout_seconds,
        # Its default tries ten times with pauses: a black-holed server hung one call for 59 s.
        retry=Retry(NoBackoff(), 0),
        # Every Redis speaks it; nothing of version 3 is used.
        protocol=2,
        **tls,
    )


def _unpacked(raw: object) -> tuple[str, bytes, bytes] | None:
    """What `_write` packed; None for anything else."""
    if not isinstance(raw, bytes):
        return None
    try:
        tag, token, value = msgpack.unpackb(raw)
    except (ValueError, TypeError, msgpack.UnpackException):
        return None
    if isinstance(tag, str) and isinstance(token, bytes) and isinstance(value, bytes):
        return tag, token, value
    return None


def _in_words(error: Exception) -> str:
    said = str(error) or type(error).__name__
    if "CERTIFICATE" in said.upper() or "SSL" in said.upper():
        return f"{said} Its certificate must be known to SEOGA_TLS_CA_FILE, or to the system; redis:// is without TLS."
    return said


def _remedy(error: ResponseError) -> str:
    if isinstance(error, OutOfMemoryError):
        return f"{error} Set its maxmemory-policy to allkeys-lru, or raise maxmemory."
    if isinstance(error, ReadOnlyError):
        return f"{error} It is a replica: name the primary."
    if isinstance(error, NoPermissionError):
        return f"{error} The user needs get, mget, set, pexpire and del on its keys."
    return str(error)
