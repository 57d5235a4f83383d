"""`seoga serve` and `seoga worker`: the two commands whose process is a server."""

import asyncio
import socket
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, Final, Protocol

import typer

from shared.runtime.data_directory import DataDirectory
from shared.settings import Settings, WrongSettings, load_settings

SERVING: Final = (["serve"], ["worker"])
"""Their words on the command line, each by itself."""


class Served(Protocol):
    """What a process serves."""

    settings: Settings
    web: Any
    """The ASGI application."""


class MakeApplication(Protocol):
    """Makes what is served, of these settings, in a directory that is held by the caller where it holds any state."""

    def __call__(
        self, settings: Settings, directory: DataDirectory, find_model: Callable[[], str | None] | None = None, /
    ) -> Served:
        """`find_model` says where the server is whose model this process borrows."""
        ...


def add_serving_commands(
    commands: typer.Typer, make: MakeApplication, children_of: Callable[[Settings], Sequence[str]] = lambda _: ()
) -> None:
    """Adds both to `commands`.

    `children_of` names the modules of the children without which nothing is ready: they start before `make` imports.
    """

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
        from shared.web.loop import loop_with_children
        from shared.web.preparing import prepare_process

        settings = load_settings(host=host, port=port, data_dir=data_dir, modules=modules)
        prepare_process(settings)
        directory = DataDirectory(settings.data_dir)
        with directory.hold(), loop_with_children(children_of(settings)) as runner, _bound(settings) as bound:
            _serve(make(settings, directory), bound, runner, on_url=directory.publish_server)

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
        from shared.web.loop import loop_with_children
        from shared.web.preparing import prepare_process

        settings = load_settings(host=host, port=port, data_dir=data_dir, modules=modules)
        if settings.has_embedded_state:
            raise WrongSettings(
                "A worker meets the others on servers: SEOGA_EVENTS_URL must name a Kafka, SEOGA_STORE_URL a MongoDB "
                "and, for search, SEOGA_INDEX_URL a Qdrant. Without them `seoga serve` does all the work."
            )
        prepare_process(settings)
        directory = DataDirectory(settings.data_dir)
        directory.join()
        with loop_with_children(children_of(settings)) as runner, _bound(settings) as bound:
            _serve(_worker(make, settings, directory), bound, runner)


def _bound(settings: Settings) -> socket.socket:
    from shared.web.framework import import_framework

    import_framework()
    from shared.web.server import bind

    return bind(settings.host, settings.port)


def _worker(make: MakeApplication, settings: Settings, directory: DataDirectory) -> Served:
    """One model for all processes of a machine: a worker takes that of the server that runs on its data directory."""

    def find_model() -> str | None:
        return server.url if (server := directory.server()) else None

    url = find_model()
    if url is None or settings.model_url is not None or settings.shared_model == "off":
        return make(settings, directory)
    return make(settings.read_again(model_url=url, model_engine="remote"), directory, find_model)


def _serve(
    application: Served,
    bound: socket.socket,
    runner: asyncio.Runner,
    on_url: Callable[[str], None] = lambda _: None,
) -> None:
    from shared.web.server import serve, url_of
    from shared.web.welcome import welcome

    def on_listening() -> None:
        on_url(url_of(bound))
        typer.echo(f"Seoga listens on {url_of(bound)}")
        if application.settings.log_format == "text":
            typer.echo(welcome(url_of(bound), application.settings))

    if not serve(application.web, bound, on_listening, runner):
        raise typer.Exit(1)
