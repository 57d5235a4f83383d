"""For every test: only what matters is logged, no engines are compared, and the reference is as good as absent."""

import os
import sys
from collections.abc import Iterator

import pytest

from shared.model.engines.runnable import this_machine
from shared.settings import PREFIX, Settings
from shared.telemetry import configure_logs


@pytest.fixture(autouse=True, scope="session")
def quiet_logs() -> None:
    """Errors only, to standard error."""
    configure_logs(level="error", format="text")


@pytest.fixture(autouse=True, scope="session")
def no_settings_of_the_shell() -> None:
    """A shell that runs Seoga on servers may run the tests; where those are, tests/servers tells."""
    for name in Settings.model_fields:
        os.environ.pop(PREFIX + name.upper(), None)


@pytest.fixture(autouse=True, scope="session")
def one_engine(no_settings_of_the_shell: None) -> Iterator[None]:
    """`auto` would compare engines at every first load; the tests of that ask for it."""
    os.environ["SEOGA_MODEL_ENGINE"] = "onnx"
    yield
    del os.environ["SEOGA_MODEL_ENGINE"]


@pytest.fixture(autouse=True)
def without_the_reference(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What is tested must not depend on whether sentence-transformers and torch, the last resort, are installed."""
    if request.node.get_closest_marker("reference") is not None:
        yield
        return
    for name in ("sentence_transformers", "transformers", "torch"):
        monkeypatch.setitem(sys.modules, name, None)
    this_machine.cache_clear()
    yield
    this_machine.cache_clear()
