"""A whole server in a thread of the test's process."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from main import Application
from shared.runtime.data_directory import DataDirectory
from shared.settings import load_settings
from shared.web.server import bind, serving_in_thread


@contextmanager
def a_whole_server(data_dir: Path, *, port: int = 0, **settings: Any) -> Iterator[httpx.Client]:
    """A client of a server that runs in a thread of this process until the block ends."""
    directory = DataDirectory(data_dir)
    with directory.hold(), bind("127.0.0.1", port) as bound:
        application = Application(load_settings(data_dir=data_dir, **settings), directory)
        with serving_in_thread(application.web, bound) as url, httpx.Client(base_url=url, timeout=60) as client:
            yield client
