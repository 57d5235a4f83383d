"""The HTTP connection to another Seoga server's model: what its answers mean, and what to do about each failure."""

import asyncio
import ipaddress
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

import httpx
from pydantic_core import from_json, to_json

from shared.kernel import DomainError, Refused, Unavailable
from shared.runtime.resilience import AskedToWait, Resilient
from shared.settings import Settings, WrongSettings
from shared.telemetry import Metrics

FindUrl = Callable[[], str | None]
"""Where the server listens now, as far as can be known."""


@dataclass(frozen=True, slots=True)
class RemoteServerTimes:
    """How long the connections to the server take, stay and end."""

    connect_seconds: float = 2.0
    """For one connection to be made."""
    keep_alive_seconds: float = 4.0
    """An idle connection is kept. The server closes what was idle for 5 s: a request must not meet that."""
    close_seconds: float = 2.0
    """`close` waits for the connections of other event loops."""
    misconfigured_retry_seconds: float = 5.0
    """After which callers may ask again when it is another server than was meant, or not for this key."""


_TIMES: Final = RemoteServerTimes()


class _Misconfigured(DomainError):
    """The server is well, but it is another one than was meant, or not for this key: trying again does not help."""

    code = "model_misconfigured"


class RemoteServer:
    """Sends requests, with retries and a breaker. Safe from any thread and event loop.

    Each event loop has connections of its own; `close` closes all of them. The constructor does no I/O.
    """

    def __init__(
        self,
        settings: Settings,
        metrics: Metrics,
        find_url: FindUrl | None,
        *,
        times: RemoteServerTimes = _TIMES,
    ) -> None:
        if settings.model_url is None:
            raise WrongSettings(
                "SEOGA_MODEL_URL was not given: SEOGA_MODEL_ENGINE `remote` needs the URL of the Seoga server whose "
                "model is used, such as http://127.0.0.1:8000."
            )
        self.url = settings.model_url
        """Where it was looked for last."""
        self._key = settings.model_key
        self._find_url = find_url
        self._times = times
        self.resilient = Resilient(
            f"The model server {self.url}",
            timeout_seconds=settings.model_request_timeout_seconds,
            total_seconds=settings.model_request_timeout_seconds,
            metrics=metrics,
        )
        # Guards what follows; held for moments only.
        self._lock = threading.Lock()
        self._clients: WeakKeyDictionary[asyncio.AbstractEventLoop, httpx.AsyncClient] = WeakKeyDictionary()
        self._is_closed = False

    async def close(self) -> None:
        """Every later call raises Unavailable."""
        with self._lock:
            self._is_closed = True
            clients = list(self._clients.items())
            self._clients.clear()
        here = asyncio.get_running_loop()
        others: list[Future[None]] = []
        for loop, client in clients:
            if loop is here:
                await client.aclose()
            elif loop.is_running():
                others.append(asyncio.run_coroutine_threadsafe(client.aclose(), loop))
        if others:
            await asyncio.wait([asyncio.wrap_future(closing) for closing in others], timeout=self._times.close_seconds)

    async def post(self, path: str, body: dict[str, Any]) -> httpx.Response:
        """A question that changes nothing there and may be asked again. Status 200; raises Unavailable, Refused."""
        return await self._send("POST", path, to_json(body), idempotent=True)

    async def get_once(self, path: str) -> httpx.Response:
        """As `post`, without a second attempt."""
        return await self._send("GET", path, None, idempotent=False)

    def get_blocking(self, path: str, *, timeout_seconds: float) -> httpx.Response:
        """As `post`, from a thread that may wait, past retries and breaker; a server that moved is followed."""
        timeout = httpx.Timeout(timeout_seconds, connect=self._times.connect_seconds)
        is_last = False
        while True:
            url = self.url
            try:
                with httpx.Client(timeout=timeout, headers=self._headers(), **_transport_of(url)) as client:
                    return self._checked(client.get(url + path))
            except httpx.TransportError as error:
                self._look_again(error)
                if is_last or self.url == url:
                    raise _unreachable(url, error) from error
                is_last = True
            except _Misconfigured as error:
                raise self._as_unavailable(error) from error

    def json_of(self, response: httpx.Response) -> Any:
        """The answer's JSON. Raises Unavailable."""
        try:
            return from_json(response.content, cache_strings="keys")
        except ValueError as error:
            raise self.not_seoga("its answer is not JSON") from error

    def not_seoga(self, why: str) -> Unavailable:
        """The error for an answer that no Seoga server gives."""
        return self._as_unavailable(self._not_seoga(why))

    async def _send(self, method: str, path: str, content: bytes | None, *, idempotent: bool) -> httpx.Response:
        async def attempt() -> httpx.Response:
            url = self.url
            try:
                response = await client.request(method, url + path, content=content)
            except httpx.TransportError as error:
                await asyncio.to_thread(self._look_again, error)
                raise _unreachable(url, error) from error
            return self._checked(response)

        client = self._client()
        try:
            return await self.resilient.call(attempt, idempotent=idempotent)
        except _Misconfigured as error:
            raise self._as_unavailable(error) from error

    def _checked(self, response: httpx.Response) -> httpx.Response:
        """The answer, if it is one. Raises Unavailable, Refused and _Misconfigured."""
        status = response.status_code
        if status == 200:
            return response
        try:
            problem = response.json()
        except ValueError:
            problem = None
        if not isinstance(problem, dict):
            problem = {}
        said = str(problem.get("detail") or f"HTTP status {status}")
        if status in (401, 403):
            given = "was not given" if self._key is None else "is not a key it knows, or lacks the right `read`"
            raise _Misconfigured(
                f"The model server {self.url} refuses this process ({said}). SEOGA_MODEL_KEY {given}: set it to a "
                "key of that server."
            )
        if status in (413, 422):
            raise Refused(f"The model server {self.url} refuses a text: {said}")
        if status == 429 or status >= 500:
            detail, code = f"The model server {self.url} says: {said}", str(problem.get("code") or "unavailable")
            try:
                seconds = float(response.headers["retry-after"])
            except (KeyError, ValueError):  # there is none, or it is a date
                raise Unavailable(detail, code=code) from None
            raise AskedToWait(detail, code=code, retry_after_seconds=seconds)
        raise self._not_seoga(f"it answers with HTTP status {status}")

    def _not_seoga(self, why: str) -> _Misconfigured:
        return _Misconfigured(
            f"What answers at {self.url} is not a Seoga server of this version: {why}. Set SEOGA_MODEL_URL to one."
        )

    def _as_unavailable(self, error: _Misconfigured) -> Unavailable:
        """To the caller the model is not there: no document is to blame."""
        return Unavailable(error.detail, code=error.code, retry_after_seconds=self._times.misconfigured_retry_seconds)

    def _look_again(self, error: httpx.TransportError) -> None:
        """A server that was restarted may listen elsewhere."""
        if self._find_url is not None and isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
            self.url = self._find_url() or self.url

    def _client(self) -> httpx.AsyncClient:
        loop = asyncio.get_running_loop()
        with self._lock:
            if self._is_closed:
                raise Unavailable("The connection to the model server is closed: this process is shutting down.")
            client = self._clients.get(loop)
            if client is None:
                client = httpx.AsyncClient(
                    # How long an answer may take is for Resilient to say.
                    timeout=httpx.Timeout(None, connect=self._times.connect_seconds),
                    limits=httpx.Limits(
                        max_connections=32,
                        max_keepalive_connections=16,
                        keepalive_expiry=self._times.keep_alive_seconds,
                    ),
                    headers=self._headers(),
                    **_transport_of(self.url),
                )
                self._clients[loop] = client
            return client

    def _headers(self) -> dict[str, str]:
        headers = {"content-type": "application/json"}
        return headers | {"authorization": f"Bearer {self._key.get_secret_value()}"} if self._key else headers


def _unreachable(url: str, error: httpx.TransportError) -> Unavailable:
    reason = str(error) or type(error).__name__
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
        detail = f"No model server answers at {url} ({reason}). Start it there, or set SEOGA_MODEL_URL to where it is."
    else:
        detail = f"The connection to the model server {url} broke ({reason})."
    return Unavailable(detail, code="model_unreachable")


def _transport_of(url: str) -> dict[str, Any]:
    """Certificates cost 30 ms to load, which plain HTTP need not pay; proxies are for other machines."""
    parts = urlsplit(url)
    try:
        is_here = parts.hostname == "localhost" or ipaddress.ip_address(parts.hostname or "").is_loopback
    except ValueError:
        is_here = False
    return {"verify": parts.scheme == "https", "trust_env": not is_here}
