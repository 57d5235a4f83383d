"""The connection to a Qdrant server, and its errors in the words of this house."""

import ssl
from collections.abc import Awaitable, Callable, Iterator
from typing import Final, Self, TypeVar
from urllib.parse import urlsplit

import httpx
from pydantic import ValidationError
from qdrant_client import AsyncQdrantClient
from qdrant_client.common.client_exceptions import ResourceExhaustedResponse
from qdrant_client.http.exceptions import ResponseHandlingException, UnexpectedResponse

from shared.kernel import DomainError, StorageFull, Unavailable
from shared.runtime.resilience import AskedToWait, Remotes
from shared.settings import Settings, WrongSettings, without_credentials

T = TypeVar("T")
_LOWEST_VERSION: Final = (1, 16)
"""Older ones have known weaknesses, and neither conditional upserts nor metadata of collections."""
_COUNTS_WHAT_IS_THERE: Final = (1, 19)
_CONNECTIONS: Final = 64
_LONGEST_MESSAGE: Final = 300


class Rejected(DomainError):
    """The server is well and answered that it cannot do this."""

    code = "index_rejected"

    def __init__(self, detail: str, status: int) -> None:
        super().__init__(detail)
        self.status = status

    @property
    def is_missing(self) -> bool:
        """No such collection or alias."""
        return self.status == 404


class QdrantServer:
    """An async context manager; entering it connects to nothing."""

    def __init__(self, settings: Settings, remotes: Remotes, *, idle_seconds: float = 4.0) -> None:
        """Raises WrongSettings when the URL cannot be one.

        A connection may be idle a second less than the server keeps it; the client's own default for this machine is
        none at all.
        """
        self.name = without_credentials(settings.index_url)
        self._url = self._http_url(settings.index_url)
        self._key = None if settings.index_key is None else settings.index_key.get_secret_value()
        self._ca_file = settings.tls_ca_file
        self._timeout_seconds = settings.server_timeout_seconds
        self._idle_seconds = idle_seconds
        self._guard = remotes.guard("qdrant", where=f"Qdrant at {self.name} (SEOGA_INDEX_URL)")
        self._client: AsyncQdrantClient | None = None
        self.version: str | None = None
        """As the server says; None until it was asked."""
        self.counts_what_is_there = False
        """Whether it can count how rare a term is over the points that are there (`params.idf`, since 1.19).

        Older ones count deleted points too until they have tidied the segment.
        """

    def _http_url(self, url: str) -> str:
        parts = urlsplit(url)
        try:
            port = parts.port or 6333
        except ValueError:
            port = 0
        if not parts.hostname or not port:
            raise WrongSettings(f"SEOGA_INDEX_URL was {self.name!r}: it must be like qdrant://host:6333.")
        if parts.username or parts.password:
            raise WrongSettings(
                f"SEOGA_INDEX_URL was {self.name!r} with a user or password in it: give the key as SEOGA_INDEX_KEY."
            )
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        return f"{'https' if parts.scheme == 'qdrants' else 'http'}://{host}:{port}{parts.path.rstrip('/')}"

    async def __aenter__(self) -> Self:
        is_secure = self._url.startswith("https:")
        try:
            verify = ssl.create_default_context(cafile=self._ca_file) if is_secure else False
        except (OSError, ssl.SSLError) as error:
            raise WrongSettings(f"SEOGA_TLS_CA_FILE was {str(self._ca_file)!r}: {error}.") from error
        self._client = AsyncQdrantClient(
            url=self._url,
            # As a header, because the client warns of a key without TLS, and warnings are no log lines.
            headers=None if self._key is None else {"api-key": self._key},
            # The guard is the one who counts; this only ends what the guard has left.
            timeout=int(self._timeout_seconds) + 2,
            check_compatibility=False,
            verify=verify,
            trust_env=False,
            limits=httpx.Limits(
                max_connections=_CONNECTIONS,
                max_keepalive_connections=_CONNECTIONS,
                keepalive_expiry=self._idle_seconds,
            ),
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._client is not None:
            client, self._client = self._client, None
            await client.close()

    async def call(self, ask: Callable[[AsyncQdrantClient], Awaitable[T]]) -> T:
        """What `ask` gets; it may be asked anew, so everything asked for must bear repetition.

        Raises Unavailable, Rejected, and WrongSettings where waiting will not help.
        """

        async def attempt() -> T:
            if self._client is None:
                raise Unavailable("The index is closed.", code="index_unavailable")
            try:
                return await ask(self._client)
            except (
                UnexpectedResponse,
                ResponseHandlingException,
                ResourceExhaustedResponse,
                ValidationError,
                # An answer that is no JSON.
                ValueError,
            ) as error:
                raise self._translated(error) from error

        return await self._guard.call(attempt, idempotent=True)

    async def check_version(self) -> None:
        """Asks once. Raises WrongSettings when it is no Qdrant or one that is too old, and Unavailable."""
        if self.version is not None:
            return
        try:
            about = await self.call(lambda client: client.info())
        except Rejected as error:
            raise self._no_qdrant(f"its first answer was {error.status}") from error
        if "qdrant" not in about.title.lower():
            raise self._no_qdrant(f"it calls itself {about.title[:60]!r}")
        numbers = about.version.split("-")[0].split(".")
        version = tuple(int(number) for number in numbers[:2] if number.isdigit())
        if version < _LOWEST_VERSION:
            lowest = ".".join(str(number) for number in _LOWEST_VERSION)
            raise WrongSettings(
                f"SEOGA_INDEX_URL names {self.name}, which is Qdrant {about.version}: it must be {lowest} or newer. "
                "Upgrade it, or use another server."
            )
        self.version = about.version
        self.counts_what_is_there = version >= _COUNTS_WHAT_IS_THERE

    def _no_qdrant(self, reason: str) -> WrongSettings:
        return WrongSettings(
            f"SEOGA_INDEX_URL names {self.name}, and what answers there is no Qdrant ({reason}). "
            "Give the host and port of its REST interface, 6333 unless configured otherwise."
        )

    def _translated(self, error: Exception) -> DomainError:
        if isinstance(error, UnexpectedResponse):
            return self._of_status(error.status_code or 0, _message(error))
        if isinstance(error, ResourceExhaustedResponse):
            wait = float(error.retry_after_s)
            return AskedToWait(f"Qdrant at {self.name} is busy: {error}.", retry_after_seconds=wait)
        source = error.source if isinstance(error, ResponseHandlingException) else error
        if isinstance(source, httpx.TransportError):
            if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in _causes(source)):
                return WrongSettings(
                    f"The certificate of Qdrant at {self.name} cannot be verified ({source}): SEOGA_TLS_CA_FILE must "
                    "name the certificate of the authority that signed it, and SEOGA_INDEX_URL the host it is for."
                )
            reason = str(source) or type(source).__name__
            return Unavailable(
                f"Qdrant at {self.name} (SEOGA_INDEX_URL) cannot be reached: {reason}.", code="index_unavailable"
            )
        return self._no_qdrant("an answer cannot be read")

    def _of_status(self, status: int, message: str) -> DomainError:
        if status in (401, 403):
            return WrongSettings(
                f"Qdrant at {self.name} does not accept SEOGA_INDEX_KEY ({status}: {message}): it must be a key that "
                "may create and delete collections."
                if self._key is not None
                else f"Qdrant at {self.name} wants a key ({status}: {message}): set SEOGA_INDEX_KEY."
            )
        if "No space left" in message:
            return StorageFull(f"The disk of Qdrant at {self.name} is full: {message}.")
        detail = f"Qdrant at {self.name} answered {status}: {message}"
        if status in (408, 429) or status >= 500:
            return Unavailable(detail, code="index_unavailable")
        return Rejected(detail, status)


def _message(error: UnexpectedResponse) -> str:
    try:
        message = str(error.structured()["status"]["error"])
    except (ValueError, KeyError, TypeError):
        message = error.content.decode(errors="replace").strip() or error.reason_phrase
    return message[:_LONGEST_MESSAGE]


def _causes(error: BaseException) -> Iterator[BaseException]:
    following: BaseException | None = error
    while following is not None:
        yield following
        following = following.__cause__ or following.__context__
