"""For every test: only what matters is logged, and no engines are compared in the background."""

import os
from collections.abc import Iterator

import pytest

from shared.telemetry import configure_logs


@pytest.fixture(autouse=True, scope="session")
def quiet_logs() -> None:
    """Errors only, to standard error."""
    configure_logs(level="error", format="text")


@pytest.fixture(autouse=True, scope="session")
def one_engine() -> Iterator[None]:
    """`auto` would compare engines at every first load; the tests of that ask for it."""
    os.environ["SEOGA_MODEL_ENGINE"] = "onnx"
    yield
    del os.environ["SEOGA_MODEL_ENGINE"]
