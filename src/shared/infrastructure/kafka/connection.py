"""The one Kafka that the settings name: address, TLS, password, and what its driver's errors mean for us.

aiokafka has no types; every other kafka_*.py file meets it through what is made here.
"""

import asyncio
import contextlib
import logging
import re
import ssl
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

from aiokafka import errors
from aiokafka.conn import create_conn
from aiokafka.protocol.metadata import MetadataRequest

from shared.kernel import DomainError, TooLarge, Unavailable
from shared.runtime.resilience import Resilient
from shared.settings import Settings, WrongSettings, without_credentials
from shared.telemetry import get_log

T = TypeVar("T")

WAITING_CANNOT_MEND: Final = frozenset(("wrong_credentials", "not_allowed", "wrong_server"))
"""Codes of Unavailable that are a wrong setting when they are met at the start."""
LARGEST_MESSAGE_BYTES: Final = 4 << 20
_DEFAULT_PORT: Final = 9092
_NOT_AUTHENTICATED: Final = (
    errors.SaslAuthenticationFailed,
    errors.AuthenticationFailedError,
    errors.AuthenticationMethodNotSupported,
    errors.UnsupportedSaslMechanismError,
)
_NOT_ALLOWED: Final = (
    errors.TopicAuthorizationFailedError,
    errors.GroupAuthorizationFailedError,
    errors.ClusterAuthorizationFailedError,
    errors.TransactionalIdAuthorizationFailed,
)
_TOO_OLD: Final = (errors.IncompatibleBrokerVersion, errors.UnsupportedVersionError)
_log = get_log("kafka")


class KafkaConnection:
    """How to reach the server; guards calls and says errors in words that name setting, server and remedy."""

    def __init__(self, settings: Settings, guard: Resilient, *, closing_seconds: float = 3.0) -> None:
        """Reads nothing and connects to nothing. Each step of closing a client gets `closing_seconds`."""
        self.shown = without_credentials(settings.events_url)
        self.prefix = "" if settings.installation == "seoga" else f"{settings.installation}."
        """Of every topic and group."""
        self.timeout_seconds = settings.server_timeout_seconds
        self.options: dict[str, Any] = {}
        """Of every client; filled by `open`."""
        self._settings = settings
        self._guard = guard
        self._closing_seconds = closing_seconds
        self._closing: set[asyncio.Task[None]] = set()
        self._starting: dict[Any, asyncio.Task[None]] = {}

    def open(self) -> None:
        """Raises WrongSettings for an address, a password or a certificate that cannot be meant."""
        # Each of its many lines would come again with every try; ours are told once (see Resilient).
        logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
        settings, parts = self._settings, urlsplit(self._settings.events_url)
        self.options = {
            "bootstrap_servers": self._servers(),
            "client_id": f"{self.prefix}seoga",
            # Sooner than our own timeout: only when its own ends does the driver give up a dead connection.
            "request_timeout_ms": int(0.75 * self.timeout_seconds * 1000),
            "security_protocol": "SSL" if parts.scheme == "kafkas" else "PLAINTEXT",
            "ssl_context": self._tls() if parts.scheme == "kafkas" else None,
        }
        if (settings.kafka_user is None) != (settings.kafka_password is None):
            raise WrongSettings("SEOGA_KAFKA_USER and SEOGA_KAFKA_PASSWORD belong together: set both, or neither.")
        if settings.kafka_user is not None and settings.kafka_password is not None:
            self.options["security_protocol"] = "SASL_SSL" if parts.scheme == "kafkas" else "SASL_PLAINTEXT"
            self.options["sasl_mechanism"] = settings.kafka_sasl
            self.options["sasl_plain_username"] = settings.kafka_user
            self.options["sasl_plain_password"] = settings.kafka_password.get_secret_value()

    async def close(self) -> None:
        """Waits for the clients that are being closed; bounded."""
        if self._closing:
            await asyncio.wait(self._closing, timeout=4 * self._closing_seconds + 1)

    async def call(self, make_call: Callable[[], Awaitable[T]], doing: str) -> T:
        """What `make_call` gives, guarded. Raises Unavailable (and TooLarge) in words; `doing` ends the sentence."""

        async def attempt() -> T:
            try:
                # A little earlier than the guard, whose words would name neither server nor setting.
                async with asyncio.timeout(0.95 * self.timeout_seconds):
                    return await make_call()
            except DomainError:
                raise
            except (errors.KafkaError, OSError) as error:
                raise self.translated(error, doing) from error

        try:
            return await self._guard.call(attempt, idempotent=True)
        except Unavailable as error:
            if error.specific_code == "timeout" and isinstance(error.__cause__, TimeoutError):
                # The guard's own words, when a second attempt had less time than the first.
                raise self.translated(error.__cause__, doing) from error
            raise

    async def probe(self) -> None:
        """Connects and asks for something that needs a valid user. Raises what the driver raises."""
        reason: Exception = errors.NoBrokersAvailable()
        names = {"client_id", "request_timeout_ms", "ssl_context", "security_protocol"}
        options = {name: self.options[name] for name in self.options if name in names or name.startswith("sasl_")}
        for server in self.options["bootstrap_servers"]:
            host, _, port = server.rpartition(":")
            try:
                connection = await create_conn(host.strip("[]"), int(port), **options)
                try:
                    await connection.send(MetadataRequest([]))
                finally:
                    connection.close()
                return
            except (errors.KafkaError, OSError) as error:
                reason = error
        raise reason

    async def start(self, client: Any) -> None:
        """Raises what the driver raises; `discard` the client then, also when cancelled.

        A start that is broken off leaves the connection open by which the driver asks for the brokers. So it goes on
        behind whoever is cancelled: for who tries again, or for who discards the client.
        """
        starting = self._starting.get(client)
        if starting is None or starting.done():
            starting = self._starting[client] = asyncio.create_task(client.start(), name="kafka.start")
        await asyncio.shield(starting)
        self._starting.pop(client, None)

    def discard(self, client: Any) -> asyncio.Task[None]:
        """Closes a client in the background, whatever state it is in; it ends within some seconds."""
        starting = self._starting.pop(client, None)
        task = asyncio.create_task(_close(client, starting, self._closing_seconds), name="kafka.close")
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)
        return task

    def translated(self, error: BaseException, doing: str) -> DomainError:
        """The driver's error in our words."""
        settings = self._settings
        where = f"the Kafka at {self.shown}"
        if isinstance(error, _NOT_AUTHENTICATED):
            return Unavailable(
                f"SEOGA_KAFKA_PASSWORD: {where} refuses the user {settings.kafka_user!r} ({settings.kafka_sasl}; "
                f"{_words(error)}). Check SEOGA_KAFKA_USER, SEOGA_KAFKA_PASSWORD and SEOGA_KAFKA_SASL.",
                code="wrong_credentials",
            )
        if isinstance(error, _NOT_ALLOWED):
            return Unavailable(
                f"SEOGA_KAFKA_USER: {where} does not let {settings.kafka_user or 'anonymous users'!r} {doing} "
                f"({_words(error)}). Grant it read, write, create and describe on topics and groups that begin with "
                f"{self.prefix or 'the names of Seoga'!r}.",
                code="not_allowed",
            )
        if isinstance(error, ssl.SSLCertVerificationError):
            return Unavailable(
                f"SEOGA_TLS_CA_FILE: the certificate of {where} is not trusted ({error.verify_message}). "
                "Set SEOGA_TLS_CA_FILE to the certificate that signed it.",
                code="wrong_server",
            )
        if isinstance(error, ssl.SSLError):
            return Unavailable(
                f"SEOGA_EVENTS_URL: {where} does not speak TLS there ({error.reason}). Name its TLS port, "
                "or write kafka:// instead of kafkas://.",
                code="wrong_server",
            )
        if isinstance(error, _TOO_OLD):
            return Unavailable(
                f"SEOGA_EVENTS_URL: {where} is too old for Seoga ({_words(error)}). Use Kafka 2.1 or newer.",
                code="wrong_server",
            )
        if isinstance(error, errors.MessageSizeTooLargeError):
            return TooLarge(f"{where} takes no message of that size ({_words(error)}): raise its max.message.bytes.")
        hint = "" if settings.kafka_user else "; if it asks for a password, set SEOGA_KAFKA_USER"
        late = isinstance(error, TimeoutError)
        reason = f"no answer within {self.timeout_seconds:.3g} s" if late else _words(error)
        return Unavailable(
            f"SEOGA_EVENTS_URL: {where} cannot {doing}: {reason}. Start it or correct the address{hint}.",
            code="timeout" if late else None,
        )

    def _servers(self) -> list[str]:
        parts = urlsplit(self._settings.events_url)
        wrong = f"SEOGA_EVENTS_URL was {self.shown!r}: "
        if "@" in parts.netloc:
            raise WrongSettings(f"{wrong}user and password belong into SEOGA_KAFKA_USER and SEOGA_KAFKA_PASSWORD.")
        if parts.path.strip("/") or parts.query or parts.fragment:
            raise WrongSettings(f"{wrong}write only host and port, as in kafka://kafka-1:9092,kafka-2:9092.")
        servers = []
        for server in parts.netloc.split(","):
            found = re.fullmatch(r"(\[[0-9a-fA-F:.]+\]|[^\s:\[\]]+)(?::(\d{1,5}))?", server)
            if found is None or not 0 < int(found[2] or _DEFAULT_PORT) < 65536:
                raise WrongSettings(f"{wrong}{server!r} is no host and port, as in kafka://127.0.0.1:9092.")
            servers.append(f"{found[1]}:{found[2] or _DEFAULT_PORT}")
        return servers

    def _tls(self) -> ssl.SSLContext:
        file = self._settings.tls_ca_file
        try:
            return ssl.create_default_context(cafile=None if file is None else str(file))
        except OSError as error:  # an ssl.SSLError is one
            raise WrongSettings(f"SEOGA_TLS_CA_FILE was {str(file)!r}: no certificates ({error}).") from error


async def _close(client: Any, starting: asyncio.Task[None] | None, step_seconds: float) -> None:
    """Also what the driver's own ways leave open: a consumer's gives up midway when it cancels a fetch that pauses."""
    if starting is not None:
        await asyncio.wait({starting}, timeout=step_seconds)
        starting.cancel()
        await asyncio.gather(starting, return_exceptions=True)
    connections = client._client if hasattr(client, "_client") else client.client
    stopping = asyncio.ensure_future(_stop(client))
    await asyncio.wait({stopping}, timeout=step_seconds)
    if not stopping.done():
        # Without connections, requests that wait for an answer fail, and their tasks end.
        await _disconnect(connections)
        await asyncio.wait({stopping}, timeout=step_seconds)
    stopping.cancel()
    await asyncio.wait({stopping})
    # Also after an orderly stop: what was being connected meanwhile came after its look at the connections.
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(step_seconds), connections._get_conn_lock:
            pass
    await _disconnect(connections)


async def _disconnect(connections: Any) -> None:
    """The driver's way gives up, and leaves the connections open, when its watch over the brokers has fallen."""
    watching, connections._sync_task = connections._sync_task, None
    if watching is not None:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
    with contextlib.suppress(Exception):
        await connections.close()


async def _stop(client: Any) -> None:
    if hasattr(client, "_sender"):
        # A producer's own stop waits for ever for what cannot be delivered. Nobody waits here: callers have left.
        client._closed = True
        await client._sender.close()
        await client.client.close()
    elif hasattr(client, "stop"):
        await client.stop()
    else:
        await client.close()


def _words(error: BaseException) -> str:
    """Without brackets and numbers that say nothing to a reader."""
    text = str(error).strip() or type(error).__name__
    return re.sub(r"^\[Error \d+\] ", "", text)
