"""Seoga: the only file that knows every module. Wires them, serves them, and is the command line's entry.

What only a server or only its clients need is imported where it is used: both start faster for it.
"""

import os
import socket
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from shared.kernel import DomainError
from shared.lossy_stream import let_output_fail
from shared.runtime.data_directory import DataDirectory
from shared.settings import PREFIX, Settings, WrongSettings, load_settings
from shared.silence import fetch_nothing
from shared.telemetry import configure_logs, get_log
from shared.vocabulary import INGEST, MONITOR, PROCESS, SEARCH

if TYPE_CHECKING:
    import httpx

    from shared.container import SharedContainer
    from shared.runtime.module import Module

_log = get_log("main")


class Application:
    """One server: the plugs of its modules, and the web application whose lifespan runs them."""

    def __init__(
        self, settings: Settings, directory: DataDirectory, find_model: Callable[[], str | None] | None = None
    ) -> None:
        """Reads nothing and opens nothing; `directory` is held by the caller where it holds any state.

        `find_model` says where the server is whose model this process borrows.
        """
        from shared.container import SharedContainer
        from shared.web.asgi import build_web

        self.settings = settings
        self.shared = SharedContainer(settings=settings, find_model=find_model)
        self.shared.check_dependencies()
        self.plugs = _build_plugs(settings, self.shared)
        self._owner = directory.boot_id
        self.web = build_web(self.plugs, self.shared.metrics(), self.running, origins=settings.cors_origins)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Everything at work; on leaving all drain, then close in reverse."""
        from shared.runtime.claiming import DatabaseClaim
        from shared.runtime.running import running

        bus, database = self.shared.bus(), self.shared.mongo()
        claim = DatabaseClaim(database, bus, installation=self.settings.installation) if database is not None else None
        metrics, waiting = self.shared.metrics(), self.shared.waiting()
        async with running(
            self.plugs,
            bus=bus,
            metrics=metrics,
            owner=self._owner,
            claim=claim,
            waiting=waiting,
            belonging=self.shared.belonging(),
        ):
            modules = ",".join(self.settings.modules)
            _log.info("started", action="main.started", data_dir=str(self.settings.data_dir), modules=modules)
            yield
        _log.info("stopped", action="main.stopped")


def _build_plugs(settings: Settings, shared: "SharedContainer") -> "list[Module]":
    """What this process runs, each with what it needs plugged in; modules in the order in which a document passes."""
    from ingest.container import IngestContainer
    from monitor.container import MonitorContainer
    from process.container import ProcessContainer
    from search.container import SearchContainer

    given = {"settings": settings, "metrics": shared.metrics, "mongo": shared.mongo}
    on_bus = {**given, "bus": shared.bus, "access": shared.access}
    keeping = {"blobs": shared.blobs, "belonging": shared.belonging}
    process = ProcessContainer(**given, blobs=shared.blobs, model=shared.model_of_process)
    search = SearchContainer(
        **on_bus, **keeping, model=shared.model_of_search, cache=shared.cache, remotes=shared.remotes
    )
    # What other modules know is in the same files, or in the database that all share, wherever these modules run.
    jobs = {PROCESS: process.jobs(), SEARCH: search.jobs()}
    ingest = IngestContainer(**on_bus, **keeping, served=search.served, job_stores=jobs)
    containers = {INGEST: ingest, PROCESS: process, SEARCH: search}
    for container in containers.values():
        container.check_dependencies()
    plugs: list[Module] = [shared.adapters(), shared.model()]
    plugs += [container.module() for name, container in containers.items() if name in settings.modules]
    watches = MONITOR in settings.modules
    stores = jobs if watches else {}
    monitor = MonitorContainer(**on_bus, remotes=shared.remotes, plugs=tuple(plugs), job_stores=stores)
    monitor.check_dependencies()
    return [*plugs, *([monitor.module()] if watches else []), monitor.process()]


@contextmanager
def _server_of_this_process(settings: Settings) -> Iterator[str]:
    """A server inside this process on a free port, for a command that finds none running; gives its URL."""
    from shared.web.server import bind, serving_in_thread

    directory = DataDirectory(settings.data_dir)
    with directory.hold(), bind("127.0.0.1", 0) as bound:
        application = Application(settings, directory)
        with serving_in_thread(application.web, bound) as url:
            # A second command that comes meanwhile shares this server.
            directory.publish_server(url)
            yield url


@contextmanager
def _connect() -> "Iterator[httpx.Client]":
    """A client of this data directory's server, which is started for the command if none runs."""
    from shared.runtime.client import connect

    settings = load_settings()
    configure_logs(level="error", format=settings.log_format)
    with connect(settings.data_dir, lambda: _server_of_this_process(settings)) as client:
        yield client


def _prepare_process(settings: Settings) -> None:
    let_output_fail()
    configure_logs(level=settings.log_level, format=settings.log_format)
    # A child process that asks for the shared model looks for the server of this data directory.
    os.environ[f"{PREFIX}DATA_DIR"] = str(settings.data_dir.absolute())


def _worker(settings: Settings, directory: DataDirectory) -> Application:
    """One model for all processes of a machine: a worker takes that of the server that runs on its data directory."""

    def find_model() -> str | None:
        return server.url if (server := directory.server()) else None

    url = find_model()
    if url is None or settings.model_url is not None or settings.shared_model == "off":
        return Application(settings, directory)
    return Application(settings.read_again(model_url=url, model_engine="remote"), directory, find_model)


def _serve(application: Application, bound: socket.socket, on_url: Callable[[str], None] = lambda _: None) -> None:
    from shared.web.server import serve, url_of

    def on_listening() -> None:
        on_url(url_of(bound))
        typer.echo(f"Seoga listens on {url_of(bound)}")

    if not serve(application.web, bound, on_listening):
        raise typer.Exit(1)


def _build_cli() -> typer.Typer:
    commands = typer.Typer(name="seoga", no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False)

    # With a callback `serve` stays a command of its own also when it is the only one built.
    @commands.callback()
    def several_commands() -> None:
        """Seoga (서가): a shelf for documents that can be searched, in Korean and English."""

    @commands.command()
    def serve(
        host: Annotated[str | None, typer.Option(help="Address to listen on (SEOGA_HOST).")] = None,
        port: Annotated[int | None, typer.Option(help="Port; 0 takes a free one (SEOGA_PORT).")] = None,
        data_dir: Annotated[Path | None, typer.Option(help="Where everything is kept (SEOGA_DATA_DIR).")] = None,
        modules: Annotated[
            str | None,
            typer.Option(help="Some of ingest, process, search, monitor; or model: only to lend it (SEOGA_MODULES)."),
        ] = None,
    ) -> None:
        """Serve the HTTP API until Ctrl-C or SIGTERM."""
        from shared.web.server import bind

        settings = load_settings(host=host, port=port, data_dir=data_dir, modules=modules)
        _prepare_process(settings)
        directory = DataDirectory(settings.data_dir)
        with directory.hold(), bind(settings.host, settings.port) as bound:
            _serve(Application(settings, directory), bound, on_url=directory.publish_server)

    @commands.command()
    def worker(
        modules: Annotated[str, typer.Option(help="Which modules it works for.")] = "process",
        host: Annotated[str | None, typer.Option(help="Address of its health and metrics (SEOGA_HOST).")] = None,
        port: Annotated[int, typer.Option(help="Port of its health and metrics; 0 takes a free one.")] = 0,
        data_dir: Annotated[
            Path | None, typer.Option(help="Where models and copies are kept (SEOGA_DATA_DIR).")
        ] = None,
    ) -> None:
        """Work beside a server until Ctrl-C or SIGTERM. Any number may, on any machine; all meet on the servers."""
        from shared.web.server import bind

        settings = load_settings(host=host, port=port, data_dir=data_dir, modules=modules)
        if settings.has_embedded_state:
            raise WrongSettings(
                "A worker meets the others on servers: SEOGA_EVENTS_URL must name a Kafka, SEOGA_STORE_URL a MongoDB "
                "and, for search, SEOGA_INDEX_URL a Qdrant. Without them `seoga serve` does all the work."
            )
        _prepare_process(settings)
        directory = DataDirectory(settings.data_dir)
        directory.join()
        with bind(settings.host, settings.port) as bound:
            _serve(_worker(settings, directory), bound)

    if sys.argv[1:2] not in (["serve"], ["worker"]):
        from ingest.interface.cli import build_commands as ingest_commands
        from monitor.interface.cli import build_commands as monitor_commands
        from search.interface.cli import build_commands as search_commands
        from shared.model.cli import build_commands as model_commands
        from shared.upkeep.cli import build_commands as upkeep_commands
        from shared.upkeep.looking import look_deep

        for build in (ingest_commands, search_commands, model_commands, upkeep_commands):
            commands.add_typer(build(_connect))
        commands.add_typer(monitor_commands(_connect, look_deep))
    return commands


def cli() -> None:
    """Entry of the `seoga` command. What went wrong is one line on standard error and exit code 1."""
    fetch_nothing()
    try:
        _build_cli()()
    except DomainError as error:
        typer.echo(f"{error.title}: {error.detail}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    cli()
