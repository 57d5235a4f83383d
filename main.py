"""Seoga: the only file that knows every module. Wires them, serves them, and is the command line's entry.

What only a server or only its clients need is imported where it is used: both start faster for it.
"""

import gc
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from search.infrastructure.edge import PROCESS as INDEX_CHILD
from shared.kernel import DomainError
from shared.lossy_stream import let_output_be_encoded
from shared.runtime.command_options import ApiKeyOption, DataDirOption, UrlOption, add_options, apply_options
from shared.runtime.data_directory import DataDirectory
from shared.settings import Settings, load_settings, scheme_of
from shared.silence import fetch_nothing
from shared.telemetry import configure_logs, get_log
from shared.version import VERSION
from shared.vocabulary import INGEST, MONITOR, PROCESS, SEARCH
from shared.web.serving_cli import SERVING, add_serving_commands

if TYPE_CHECKING:
    import httpx

    from shared.container import SharedContainer
    from shared.runtime.client import Absent
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
        from shared.web.framework import building_routes

        self.settings = settings
        self.shared = SharedContainer(settings=settings, find_model=find_model)
        self.shared.check_dependencies()
        self._owner, self._left_by = directory.boot_id, directory.left_by
        access_log = settings.access_log == "on"
        with building_routes():
            self.plugs = _build_plugs(settings, self.shared)
            self.web = build_web(
                self.plugs, self.shared.metrics(), self.running, origins=settings.cors_origins, access_log=access_log
            )

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
            left_by=self._left_by,
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
    from shared.infrastructure.memory_passwords import MemoryPasswords

    given = {"settings": settings, "metrics": shared.metrics, "mongo": shared.mongo}
    on_bus = {**given, "bus": shared.bus, "access": shared.access}
    audited = {**on_bus, "audit": shared.audit}
    keeping = {"blobs": shared.blobs, "belonging": shared.belonging}
    passwords = MemoryPasswords()
    pictures = {"pages": shared.pages, "images": shared.models}
    process = ProcessContainer(
        **given, **pictures, blobs=shared.blobs, model=shared.model_of_process, passwords=passwords
    )
    search = SearchContainer(
        **on_bus,
        **keeping,
        model=shared.model_of_search,
        cache=shared.cache,
        remotes=shared.remotes,
        reranker=shared.reranker,
    )
    # What other modules know is in the same files, or in the database that all share, wherever these modules run.
    jobs = {PROCESS: process.jobs(), SEARCH: search.jobs()}
    opens_files = INGEST in settings.modules and PROCESS not in settings.modules
    reading = {"pages": shared.pages, "passwords": passwords, **({"opener": process.opening} if opens_files else {})}
    ingest = IngestContainer(**audited, **keeping, **reading, served=search.served, job_stores=jobs)
    containers = {INGEST: ingest, PROCESS: process, SEARCH: search}
    for container in containers.values():
        container.check_dependencies()
    plugs: list[Module] = [shared.adapters(), shared.model()]
    plugs += [container.module() for name, container in containers.items() if name in settings.modules]
    plugs += [process.opening_alone()] if opens_files else []
    watches = MONITOR in settings.modules
    stores = jobs if watches else {}
    monitor = MonitorContainer(
        **audited, remotes=shared.remotes, cache=shared.cache, plugs=tuple(plugs), job_stores=stores
    )
    monitor.check_dependencies()
    return [*plugs, *([monitor.module()] if watches else []), monitor.process()]


def _children_of(settings: Settings) -> list[str]:
    """Whom a server waits for before it is ready."""
    has_index = SEARCH in settings.modules and scheme_of(settings.index_url) == "edge"
    return [INDEX_CHILD] if has_index else []


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


def _connect(absent: "Absent" = "refuse", /) -> "AbstractContextManager[httpx.Client]":
    """A client of the server that the settings mean, which is started for the command if none runs."""
    from shared.runtime.reaching import reach

    settings = load_settings()
    configure_logs(level="error", format=settings.log_format)
    return reach(settings, absent, start=_server_of_this_process)


def _say_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"seoga {VERSION}")
        raise typer.Exit


def _build_cli() -> typer.Typer:
    commands = typer.Typer(name="seoga", no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False)

    # With a callback `serve` stays a command of its own also when it is the only one built.
    @commands.callback()
    def several_commands(
        data_dir: DataDirOption = None,
        url: UrlOption = None,
        api_key: ApiKeyOption = None,
        version: Annotated[
            bool, typer.Option("--version", is_eager=True, callback=_say_version, help="Print the version and end.")
        ] = False,
    ) -> None:
        """Seoga (서가): a shelf for documents that can be searched, in Korean and English."""
        apply_options({"data_dir": data_dir, "url": url, "api_key": api_key})

    add_serving_commands(commands, Application, _children_of)
    if sys.argv[1:2] not in SERVING:
        from ingest.interface.cli import build_commands as ingest_commands
        from monitor.interface.cli import build_commands as monitor_commands
        from search.chat.interface.cli import build_commands as chat_commands
        from search.interface.cli import build_commands as search_commands
        from shared.model.cli import build_commands as model_commands
        from shared.upkeep.cli import build_commands as upkeep_commands
        from shared.upkeep.looking import look
        from shared.web.keys_cli import build_commands as key_commands

        builders = (ingest_commands, search_commands, chat_commands, model_commands, key_commands, upkeep_commands)
        for build in builders:
            commands.add_typer(build(_connect))
        commands.add_typer(monitor_commands(_connect, look))
        add_options(commands, only_here=("serve", "worker", "backup", "restore", "repair"))
    return commands


def cli() -> None:
    """Entry of the `seoga` command. What went wrong is one line on standard error and exit code 1."""
    if sys.argv[1:2] in SERVING:
        # What a start makes stays: to look through it for what may go took a third of it. Who listens turns it on.
        gc.disable()
    fetch_nothing()
    let_output_be_encoded()
    try:
        _build_cli()()
    except DomainError as error:
        from shared.web.preparing import tell_failure

        tell_failure(error, of_server=sys.argv[1:2] in SERVING)
        sys.exit(1)


if __name__ == "__main__":
    cli()
