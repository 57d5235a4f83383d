"""A whole server for end-to-end tests: in a thread for journeys, in a process of its own for crashes."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
from whole_server import a_whole_server

ServerFactory = Callable[..., httpx.Client]
Serving = Callable[..., AbstractContextManager[httpx.Client]]


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
