"""How commands reach the HTTP API: the server of this data directory, else one inside the command's process."""

import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final, Literal, Protocol

import httpx
import typer

from shared.kernel import Conflict, DomainError, Unavailable
from shared.runtime.data_directory import DataDirectory, RunningServer

Absent = Literal["refuse", "make", "pretend"]
"""What becomes of a command whose data directory is not there: a temporary one may stand for it."""


class Connect(Protocol):
    """What every module's `build_commands` takes."""

    def __call__(self, absent: Absent = "refuse", /) -> AbstractContextManager[httpx.Client]:
        """A client of the API. Raises NotFound where there is nothing to read, which says where it looked."""
        ...


EXIT_FAILED: Final = 1
EXIT_USAGE: Final = 2
EXIT_NOT_CONNECTED: Final = 3
EXIT_REFUSED: Final = 4
"""Nothing went wrong, but some files are of types that are not read."""

_PATIENCE: Final = "seoga_patience_seconds"


class ApiProblem(Exception):
    """The API answered with problem details. `str(problem)` is `title: detail`."""

    def __init__(self, status: int, title: str, detail: str, code: str, retry_after_seconds: float = 1) -> None:
        super().__init__(f"{title}: {detail}" if detail else title)
        self.status = status
        self.title = title
        self.detail = detail
        self.code = code
        self.retry_after_seconds = retry_after_seconds


@contextmanager
def connect(
    data_dir: Path,
    start_in_process: Callable[[], AbstractContextManager[str]],
    api_key: str | None = None,
    *,
    wait_seconds: float = 30,
    pause_seconds: float = 0.1,
) -> Iterator[httpx.Client]:
    """A client of the running server, which it follows over a restart, else of one started for this block.

    `start_in_process` gives the base URL of a server in this process and raises Conflict (code
    `data_directory_in_use`) when another one was faster. A server that holds the data directory but does
    not listen yet is waited for: `wait_seconds` at most, a look every `pause_seconds`. Without `api_key` the
    variable SEOGA_API_KEY counts. Raises Unavailable when a holder never listens, and what starting raises.
    """
    directory = DataDirectory(data_dir)
    api_key = api_key or os.environ.get("SEOGA_API_KEY")
    headers = {"authorization": f"Bearer {api_key}"} if api_key else {}
    deadline = time.monotonic() + wait_seconds
    with ExitStack() as stack:
        server = directory.server()
        url = server.url if server else None
        while url is None:
            if not directory.is_held():
                try:
                    url = stack.enter_context(start_in_process())
                    break
                except Conflict as error:
                    if error.specific_code != "data_directory_in_use":
                        raise
            elif (server := directory.server()) is not None:
                url = server.url
                break
            if time.monotonic() > deadline:
                holder = directory.holder()
                raise Unavailable(
                    f"Process {holder.pid if holder else 'unknown'} holds the data directory {data_dir} but serves "
                    f"nothing after {wait_seconds:g} s. Wait until it ends, or end it."
                )
            time.sleep(pause_seconds)
        # Certificates cost 30 ms to load and this speaks plain HTTP within the machine; proxies are for elsewhere.
        transport: httpx.BaseTransport = httpx.HTTPTransport(
            verify=False, limits=httpx.Limits(max_connections=32, max_keepalive_connections=16)
        )
        if server is not None:
            transport = _Following(transport, directory, server, start=lambda: stack.enter_context(start_in_process()))
        timeout = httpx.Timeout(60, connect=5, read=120)
        client = httpx.Client(base_url=url, headers=headers, timeout=timeout, transport=transport, trust_env=False)
        yield stack.enter_context(client)


def patient(seconds: float) -> dict[str, Any]:
    """`client.get(…, extensions=patient(60))`: how long a server that went away is waited for (else 5 s)."""
    return {_PATIENCE: seconds}


def json_of(response: httpx.Response) -> Any:
    """The answer's JSON. Raises ApiProblem for every status from 400 on."""
    if response.status_code >= 400:
        raise _problem_of(response)
    return response.json() if response.content else None


def print_json(document: Any) -> None:
    """The one JSON document that `--json` prints to standard output."""
    text = json.dumps(document, ensure_ascii=False, indent=2)
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        text = json.dumps(document, indent=2)
    sys.stdout.write(text + "\n")


def printable(text: str) -> str:
    """The text with every control character shown as U+FFFD, length kept: a document must not steer a terminal."""
    return "".join(_shown(character) for character in text)


@contextmanager
def problems_to_stderr() -> Iterator[None]:
    """Around a command: errors become one line on standard error and the exit code that says which kind."""
    try:
        yield
    except (ApiProblem, DomainError) as error:
        line = str(error) if isinstance(error, ApiProblem) else f"{error.title}: {error.detail}"
        if isinstance(error, ApiProblem) and error.status == 401:
            line += " Commands take the key from --api-key or SEOGA_API_KEY."
        typer.echo(printable(line), err=True)
        raise typer.Exit(EXIT_FAILED) from error
    except httpx.TransportError as error:
        try:
            where = str(error.request.url.copy_with(path="/", query=None))
        except RuntimeError:
            where = "the server"
        typer.echo(f"Cannot connect to {where}: {str(error) or type(error).__name__}", err=True)
        raise typer.Exit(EXIT_NOT_CONNECTED) from error
    except KeyboardInterrupt as error:
        typer.echo("Interrupted. What was uploaded is kept and processed further.", err=True)
        raise typer.Exit(130) from error


class _Following(httpx.BaseTransport):
    """Sends each request to where the data directory's server listens now.

    A connection that was refused is tried again for any request (nothing was sent); one that broke later
    only for requests that change nothing. When nobody holds the data directory for longer than a restart
    takes, `start` gives a server in this process.
    """

    def __init__(
        self,
        transport: httpx.BaseTransport,
        directory: DataDirectory,
        server: RunningServer,
        *,
        start: Callable[[], str],
        restart_seconds: float = 15.0,
        pause_seconds: float = 0.1,
    ) -> None:
        """A server that is restarted takes the data directory's lock again within `restart_seconds`."""
        self._transport = transport
        self._directory = directory
        self._url = httpx.URL(server.url)
        self._start = start
        self._restart_seconds = restart_seconds
        self._pause_seconds = pause_seconds
        self._looking = threading.Lock()
        self._free_since: float | None = None

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Raises httpx.TransportError when patience ran out."""
        deadline = time.monotonic() + float(request.extensions.get(_PATIENCE, 5))
        while True:
            request.url = request.url.copy_with(scheme=self._url.scheme, host=self._url.host, port=self._url.port)
            request.headers["host"] = request.url.netloc.decode("ascii")
            try:
                response = self._transport.handle_request(request)
            except httpx.TransportError as error:
                refused = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
                if not (refused or request.method in ("GET", "HEAD")) or isinstance(error, httpx.ReadTimeout):
                    raise
                if time.monotonic() > deadline:
                    raise
            else:
                self._free_since = None
                return response
            time.sleep(self._pause_seconds)
            with self._looking:
                self._look()

    def _look(self) -> None:
        """Where the server listens now, as far as can be known."""
        server = self._directory.server()
        if server is not None:
            self._url = httpx.URL(server.url)
        if self._directory.is_held():
            self._free_since = None
        elif self._free_since is None:
            self._free_since = time.monotonic()
        elif time.monotonic() - self._free_since > self._restart_seconds:
            try:
                self._url = httpx.URL(self._start())
            except Conflict:
                self._free_since = None  # somebody was faster

    def close(self) -> None:
        """Closes the connections."""
        self._transport.close()


def _problem_of(response: httpx.Response) -> ApiProblem:
    try:
        content = response.json()
    except ValueError:
        content = None
    problem = content if isinstance(content, dict) else {}
    try:
        retry_after = float(response.headers.get("retry-after", 1))
    except ValueError:
        retry_after = 1
    return ApiProblem(
        response.status_code,
        str(problem.get("title") or f"HTTP {response.status_code}"),
        str(problem.get("detail") or ""),
        str(problem.get("code") or "unknown"),
        retry_after,
    )


def _shown(character: str) -> str:
    if character in "\n\t":
        return character
    code = ord(character)
    # C0, DEL, C1, bidirectional overrides and lone surrogates.
    if code < 32 or 127 <= code < 160 or 0x202A <= code <= 0x202E or 0x2066 <= code <= 0x2069:
        return "\ufffd"
    return "\ufffd" if 0xD800 <= code <= 0xDFFF else character
