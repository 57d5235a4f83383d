"""Seoga: the only file that knows every module. Wires them, serves them, and is the command line's entry.

What only the server needs is imported when a server is built, and what only its clients need when a command
is one: both start faster for it.
"""

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from shared.kernel import DomainError, Unavailable
from shared.runtime.data_directory import DataDirectory
from shared.settings import PREFIX, Settings, WrongSettings, load_settings
from shared.telemetry import configure_logs, get_log

if TYPE_CHECKING:
    import httpx
    from fastapi import FastAPI

    from shared.container import SharedContainer
    from shared.runtime.module import Module

VERSION: Final = "0.1.0"
_LARGEST_JSON_BODY: Final = 1 << 20
_LARGEST_PICTURE: Final = 32 << 20
_log = get_log("main")


class Application:
    """One server: the shared adapters, the modules, and the web application whose lifespan runs them."""

    def __init__(
        self,
        settings: Settings,
        directory: DataDirectory,
        find_model: Callable[[], str | None] | None = None,
        *,
        ask_again_seconds: float = 2.0,
    ) -> None:
        """Reads nothing and opens nothing; `directory` is held by the caller where it holds any state.

        `find_model` says where the server is whose model this process borrows. Every `ask_again_seconds` a log that
        is away is asked which one it is.
        """
        from shared.container import SharedContainer

        self.settings = settings
        self.shared = SharedContainer(settings=settings, find_model=find_model)
        self.shared.check_dependencies()
        self.modules = _build_modules(settings, self.shared)
        self._directory = directory
        self._ask_again_seconds = ask_again_seconds
        self.web = self._build_web()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Resources open, relays, consumers and workers at work; on leaving all drain, then close in reverse."""
        from shared.model.handle import register, unregister
        from shared.runtime.consumer import Consumer
        from shared.runtime.outbox_relay import OutboxRelay
        from shared.runtime.supervisor import Supervisor
        from shared.runtime.worker import Worker

        bus, metrics, boot_id = self.shared.bus(), self.shared.metrics(), self._directory.boot_id
        async with AsyncExitStack() as stack:
            models = (self.shared.models(), self.shared.sharing(), self.shared.remote_model())
            for adapter in (self.shared.mongo(), bus, self.shared.blobs(), self.shared.cache(), *models):
                if isinstance(adapter, AbstractAsyncContextManager):
                    await stack.enter_async_context(adapter)
            register(self.shared.model_of_api())
            stack.callback(unregister, self.shared.model_of_api())
            for module in self.modules:
                for resource in module.resources:
                    await stack.enter_async_context(resource)
            supervisor = Supervisor(metrics)
            stack.push_async_callback(supervisor.stop)
            if not await self._claim_database():
                supervisor.start("installation", self._keep_claiming_database)
            for module in self.modules:
                if module.outbox is not None:
                    supervisor.start(f"{module.name}.relay", OutboxRelay(module.outbox, bus, metrics=metrics).run)
                if module.subscriptions:
                    consumer = Consumer(bus, module.name, module.subscriptions, metrics=metrics)
                    supervisor.start(f"{module.name}.consumer", consumer.run)
                if module.job_store is None:
                    continue
                if self.shared.mongo() is None:
                    # The lock on the data directory is ours: whoever claimed jobs before is gone.
                    await module.job_store.void_leases(except_owner=boot_id)
                for handler in module.jobs:
                    worker = Worker(module.job_store, handler, group=module.name, owner=boot_id, metrics=metrics)
                    supervisor.start(f"{module.name}.{handler.kind}", worker.run)
            _log.info(
                "started",
                action="main.started",
                data_dir=str(self.settings.data_dir),
                modules=",".join(self.settings.modules),
            )
            yield
        _log.info("stopped", action="main.stopped")

    async def _claim_database(self) -> bool:
        """Two installations must not share a database: it is kept there which log it goes with.

        False while the log cannot be asked. Raises WrongSettings when the database goes with another log.
        """
        mongo = self.shared.mongo()
        if mongo is None:
            return True
        try:
            events = await self.shared.bus().identity()
        except Unavailable:
            return False
        await mongo.claim({"installation": self.settings.installation, **({"events": events} if events else {})})
        return True

    async def _keep_claiming_database(self) -> None:
        try:
            while True:
                await asyncio.sleep(self._ask_again_seconds)
                if await self._claim_database():
                    return
        except WrongSettings as error:
            # From now on every call to the database says so, and health does.
            _log.error("another installation's database", action="main.claim", reason=error.detail)

    def _build_web(self) -> "FastAPI":
        from fastapi import FastAPI

        from shared.model.http.embeddings import build_embeddings_router
        from shared.model.http.images import build_images_router
        from shared.model.http.operations import build_operations_router
        from shared.web.http_door import HttpDoor
        from shared.web.problems import install_problem_handlers

        @asynccontextmanager
        async def lifespan(_: FastAPI) -> AsyncIterator[None]:
            async with self.running():
                yield

        web = FastAPI(
            title="Seoga",
            version=VERSION,
            lifespan=lifespan,
            openapi_url="/api/v1/openapi.json",
            # Their pages load scripts from elsewhere, which a machine without internet cannot.
            docs_url=None,
            redoc_url=None,
        )
        install_problem_handlers(web)
        web.add_middleware(HttpDoor, metrics=self.shared.metrics())
        for module in self.modules:
            if module.router is not None:
                web.include_router(module.router, max_body_size=_LARGEST_JSON_BODY)
        access = self.shared.access()
        operations = build_operations_router(self.shared.model_operations(), access)
        embeddings = build_embeddings_router(self.shared.model_of_api(), access)
        for router in (operations, embeddings):
            web.include_router(router, max_body_size=_LARGEST_JSON_BODY)
        web.include_router(build_images_router(self.shared.models(), access), max_body_size=_LARGEST_PICTURE)
        return web


def _build_modules(settings: Settings, shared: "SharedContainer") -> "list[Module]":
    """The modules this process runs, with what they need plugged in, in the order in which a document passes them."""
    from ingest.container import IngestContainer
    from monitor.container import MonitorContainer
    from process.container import ProcessContainer
    from search.container import SearchContainer
    from shared.ports.health import Checked, Probe
    from shared.ports.jobs import JobStore
    from shared.runtime.module import Module

    # Monitor is shown what the others have; it looks when it is asked.
    components: dict[str, Probe] = {}
    job_stores: dict[str, JobStore] = {}
    bus, blobs, mongo = shared.bus, shared.blobs, shared.mongo
    access, metrics, remotes = shared.access, shared.metrics, shared.remotes
    process = ProcessContainer(
        settings=settings, blobs=blobs, model=shared.model_of_process, metrics=metrics, mongo=mongo
    )
    search = SearchContainer(
        settings=settings,
        bus=bus,
        blobs=blobs,
        model=shared.model_of_search,
        cache=shared.cache,
        access=access,
        metrics=metrics,
        remotes=remotes,
        mongo=mongo,
    )
    monitor = MonitorContainer(
        settings=settings,
        bus=bus,
        access=access,
        metrics=metrics,
        remotes=remotes,
        mongo=mongo,
        components=components,
        job_stores=job_stores,
    )
    containers = {
        "ingest": IngestContainer(settings=settings, bus=bus, blobs=blobs, access=access, metrics=metrics, mongo=mongo),
        "process": process,
        "search": search,
        "monitor": monitor,
    }
    # In the order of the mapping, whatever the setting's: a document passes the modules in it.
    running = [name for name in containers if name in settings.modules]
    for container in containers.values():
        container.check_dependencies()
    modules: list[Module] = [containers[name].module() for name in running]
    for module in modules:
        components.update(module.probes)
    if "monitor" in running:
        # Jobs of modules that run elsewhere are in the database that all share.
        job_stores.update(process=process.jobs(), search=search.jobs())
    if running:
        adapters = {"shared.events": bus(), "shared.blobs": blobs(), "shared.cache": shared.cache()}
        components.update({name: it.check for name, it in adapters.items() if isinstance(it, Checked)})
    return [*modules, monitor.process()]


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
    configure_logs(level=settings.log_level, format=settings.log_format)
    # A child process that asks for the shared model looks for the server of this data directory.
    os.environ[f"{PREFIX}DATA_DIR"] = str(settings.data_dir.absolute())


def _worker(settings: Settings, directory: DataDirectory) -> Application:
    """One model for all processes of a machine: a worker takes that of the server that runs on its data directory."""

    def find_model() -> str | None:
        server = directory.server()
        return None if server is None else server.url

    url = find_model()
    if url is None or settings.model_url is not None or settings.shared_model == "off":
        return Application(settings, directory)
    return Application(settings.read_again(model_url=url, model_engine="remote"), directory, find_model)


def _serve(application: Application, bound: socket.socket, on_url: Callable[[str], None] | None = None) -> None:
    from shared.web.server import serve, url_of

    def on_listening() -> None:
        if on_url is not None:
            on_url(url_of(bound))
        typer.echo(f"Seoga listens on {url_of(bound)}")

    if not serve(application.web, bound, on_listening):
        raise typer.Exit(1)


def _build_cli() -> typer.Typer:
    commands = typer.Typer(
        name="seoga",
        no_args_is_help=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
    )

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
        _add_client_commands(commands)
    return commands


def _add_client_commands(commands: typer.Typer) -> None:
    from ingest.interface.cli import build_commands as ingest_commands
    from monitor.interface.cli import build_commands as monitor_commands
    from search.interface.cli import build_commands as search_commands
    from shared.model.cli import build_commands as model_commands

    for build in (ingest_commands, search_commands, monitor_commands, model_commands):
        commands.add_typer(build(_connect))


def cli() -> None:
    """Entry of the `seoga` command. What went wrong is one line on standard error and exit code 1."""
    try:
        _build_cli()()
    except DomainError as error:
        typer.echo(f"{error.title}: {error.detail}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    cli()
