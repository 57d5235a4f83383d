"""Serving: uvicorn on a socket that is bound first, so that port 0 and a taken port are known at once."""

import asyncio
import contextlib
import errno
import gc
import logging
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from shared.kernel import DomainError
from shared.runtime.beats import until_beat
from shared.settings import WrongSettings
from shared.web.address import quoted
from shared.web.problems import MEDIA_TYPE, Problem


class _Protocol(HttpToolsProtocol):
    """As uvicorn's; a request line may have UTF-8 in it as it is, and what is no HTTP is answered with a problem."""

    _is_within_a_request = False

    def data_received(self, data: bytes) -> None:
        """Some clients (and people with curl) write Korean into the request line; the parser takes ASCII alone."""
        if not self._is_within_a_request:
            line, end, rest = data.partition(b"\n")
            data = data if line.isascii() else quoted(line) + end + rest
        super().data_received(data)

    def on_message_begin(self) -> None:
        """From its first byte on."""
        self._is_within_a_request = True
        super().on_message_begin()

    def on_message_complete(self) -> None:
        """What comes next is another request."""
        self._is_within_a_request = False
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Before there is a request, so that no route, log line or request id is behind it."""
        problem = Problem(
            title="Bad Request",
            status=400,
            detail=f"{msg} Send HTTP/1.1; in its first line write all but printable ASCII, and spaces, as %XX.",
            code="bad_request",
        )
        content = problem.model_dump_json().encode()
        head = (
            "HTTP/1.1 400 Bad Request\r\n"
            f"content-type: {MEDIA_TYPE}\r\ncontent-length: {len(content)}\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + content)
        self.transport.close()


class _Server(uvicorn.Server):
    """Tells when it listens, and sleeps until it is told to end."""

    def __init__(self, config: uvicorn.Config, on_listening: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_listening = on_listening
        self._wake: Callable[[], object] = lambda: None

    async def main_loop(self) -> None:
        """As uvicorn's, which looks ten times a second whether it is to end; answers get a new date each second."""
        told, loop = asyncio.Event(), asyncio.get_running_loop()
        self._wake = lambda: loop.call_soon_threadsafe(told.set)
        try:
            while not await self.on_tick(0):
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(until_beat(1)):
                        await told.wait()
        finally:
            self._wake = lambda: None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """On a signal."""
        super().handle_exit(sig, frame)
        self._wake()

    def end(self) -> None:
        """From any thread."""
        self.should_exit = True
        self._wake()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        if self.started:
            self._on_listening()


def bind(host: str, port: int) -> socket.socket:
    """A bound socket. Raises WrongSettings naming the variable when it cannot be had."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        bound = socket.socket(family, kind, protocol)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
    except socket.gaierror as error:
        raise WrongSettings(f"SEOGA_HOST was {host!r}: {error.strerror}.") from error
    except OSError as error:
        remedy = " Another program listens there; choose another port, or 0 for a free one."
        reason = remedy if error.errno == errno.EADDRINUSE else f" {error.strerror}."
        raise WrongSettings(f"SEOGA_PORT was {port}: it cannot be used on {host}.{reason}") from error
    return bound


def url_of(bound: socket.socket) -> str:
    """Where a client of this machine reaches it."""
    host, port = bound.getsockname()[:2]
    if host in ("0.0.0.0", "::"):
        host = "127.0.0.1"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class _Quiet:
    """The application, whose reason for not starting goes to the caller instead of, as a traceback, to the log."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self.failure: DomainError | None = None

    def lets_through(self, _: logging.LogRecord) -> bool:
        """For the server's log: what it says of a start that failed is said better by the failure."""
        return self.failure is None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "lifespan":
            await self._app(scope, receive, send)
            return

        async def send_shortly(message: dict[str, Any]) -> None:
            reason = sys.exc_info()[1]
            if isinstance(reason, DomainError):
                self.failure = reason
                message = {"type": message["type"]}
            await send(message)

        await self._app(scope, receive, send_shortly)


def _server(app: Any, on_listening: Callable[[], None], *, idle_seconds: int = 75, grace_seconds: int = 10) -> _Server:
    """`grace_seconds` is what requests get to end when the server stops.

    An idle connection is kept for `idle_seconds`, longer than clients (httpx: 5 s) and proxies (nginx: 60 s) keep it.
    Who closes first must be the one who sends: a request that meets the server's close is lost.
    """
    config = uvicorn.Config(
        app,
        loop="uvloop",
        http=_Protocol,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=idle_seconds,
        timeout_graceful_shutdown=grace_seconds,
    )
    return _Server(config, on_listening)


def serve(
    app: Any, bound: socket.socket, on_listening: Callable[[], None], runner: asyncio.Runner | None = None
) -> bool:
    """Serves until SIGINT or SIGTERM ends it, after a drain; False when it could not start.

    In the runner's loop, where one is given. Raises the DomainError that kept the application from starting.
    """

    def begin() -> None:
        # What a start leaves stays for ever: looking through it again and again stopped the loop for 50 ms, and
        # looking for cycles every 700 objects took a twentieth of the work on a document.
        gc.enable()
        gc.freeze()
        gc.set_threshold(10_000, 20, 50)
        on_listening()

    quiet = _Quiet(app)
    logging.getLogger("uvicorn.error").addFilter(quiet.lets_through)
    server = _server(quiet, begin)
    # uvicorn raises the signal that ended it once more: the caller's `with` blocks must still be left.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        if runner is None:
            server.run(sockets=[bound])
        else:
            runner.run(server.serve(sockets=[bound]))
    except KeyboardInterrupt:
        pass
    except SystemExit:
        # So uvicorn ends what could not start.
        if quiet.failure is None:
            raise
    if quiet.failure is not None:
        raise quiet.failure
    return server.started


@contextlib.contextmanager
def serving_in_thread(app: Any, bound: socket.socket) -> Iterator[str]:
    """Serves in a thread of this process for the length of the block; gives the URL."""
    listening = threading.Event()
    quiet = _Quiet(app)
    server = _server(quiet, listening.set)
    logging.getLogger("uvicorn.error").addFilter(quiet.lets_through)
    failure: list[BaseException] = []

    def run() -> None:
        try:
            asyncio.run(server.serve(sockets=[bound]))
        except BaseException as error:
            failure.append(error)
        finally:
            listening.set()

    thread = threading.Thread(target=run, name="server")
    thread.start()
    listening.wait()
    try:
        if not server.started:
            if quiet.failure is not None:
                raise quiet.failure
            raise failure[0] if failure else DomainError("The server could not start; its log says why.")
        yield url_of(bound)
    finally:
        server.end()
        thread.join()
        logging.getLogger("uvicorn.error").removeFilter(quiet.lets_through)
