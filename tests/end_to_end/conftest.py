"""A whole server for end-to-end tests: in a thread for journeys, in a process of its own for crashes."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from main import Application
from shared.runtime.data_directory import DataDirectory
from shared.settings import load_settings
from shared.web.server import bind, serving_in_thread

ServerFactory = Callable[..., httpx.Client]
Serving = Callable[..., AbstractContextManager[httpx.Client]]


@contextmanager
def a_whole_server(data_dir: Path, **settings: Any) -> Iterator[httpx.Client]:
    """A client of a server that runs in a thread of this process until the block ends."""
    directory = DataDirectory(data_dir)
    with directory.hold(), bind("127.0.0.1", 0) as bound:
        application = Application(load_settings(data_dir=data_dir, **settings), directory)
        with serving_in_thread(application.web, bound) as url, httpx.Client(base_url=url, timeout=60) as client:
            yield client


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """One server for all tests of a file: each uses a collection of its own."""
    with a_whole_server(tmp_path_factory.mktemp("data")) as client:
        yield client


@pytest.fixture
def start_server(tmp_path: Path) -> Iterator[ServerFactory]:
    """Starts servers with settings of the test's own; `data_dir` is the test's folder unless given."""
    with ExitStack() as stack:

        def start(data_dir: Path = tmp_path / "data", **settings: Any) -> httpx.Client:
            return stack.enter_context(a_whole_server(data_dir, **settings))

        yield start


@pytest.fixture(scope="module")
def module_serving() -> Serving:
    """`serving` for fixtures of a module."""
    return a_whole_server


@pytest.fixture
def serving() -> Serving:
    """Servers that a test starts and stops itself: `with serving(data_dir, **settings) as client`."""
    return a_whole_server
