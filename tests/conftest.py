"""For every test: only what matters is logged, no engines are compared, and the reference is as good as absent."""

import importlib.util
import json
import os
import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest
from dependency_injector import providers
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from one_analyzer import the_analyzer
from sqlite_planner import WATCHING, watch

from search.container import SearchContainer
from shared.model.engines.runnable import this_machine
from shared.settings import PREFIX, Settings
from shared.telemetry import configure_logs

_REFERENCE: Final = ("sentence_transformers", "transformers", "torch")
_REFERENCE_IS_INSTALLED: Final = all(importlib.util.find_spec(name) is not None for name in _REFERENCE)
# How fast a busy machine makes up examples, and tries them, says nothing of what is tested with them.
hypothesis_settings.register_profile("any-machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
hypothesis_settings.load_profile("any-machine")
_WITHOUT_THE_REFERENCE: Final = Path(__file__).parent / "without_the_reference"


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


@pytest.fixture(autouse=True, scope="session")
def a_machine_of_its_own(no_settings_of_the_shell: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What was measured for whoever runs the tests decides nothing in them, and nothing is kept for them."""
    os.environ["SEOGA_MACHINE_CACHE_DIR"] = str(tmp_path_factory.mktemp("machine"))
    yield
    del os.environ["SEOGA_MACHINE_CACHE_DIR"]


@pytest.fixture(autouse=True, scope="session")
def one_analyzer() -> Iterator[None]:
    """Every search of this process has the same one: to load Kiwi takes 2 s."""
    with SearchContainer.analyzer.override(providers.Callable(the_analyzer)):
        yield


@pytest.fixture(autouse=True, scope="session")
def every_statement_is_explained() -> None:
    """Of every SQLite store that a test opens in this process."""
    watch()


def pytest_sessionfinish() -> None:
    """For the test that runs other tests to see which statements they meet."""
    if met := os.environ.get("SEOGA_TEST_STATEMENTS"):
        Path(met).write_text(json.dumps(sorted(WATCHING.places)), encoding="utf-8")


@pytest.fixture(autouse=True)
def every_statement_is_served_by_an_index(every_statement_is_explained: None) -> Iterator[None]:
    """The first test that meets a statement whose cost grows with its table fails."""
    yield
    wrong = "\n".join(f"{'; '.join(lines)}: {sql}" for sql, lines in WATCHING.wrong.items())
    WATCHING.wrong.clear()
    assert not wrong, f"SQLite reads or sorts a whole table:\n{wrong}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """What is tested must not depend on whether sentence-transformers and torch, the last resort, are installed.

    Around the whole test: what is built once for a file, and the processes that a test starts, are without them too.
    """
    this_machine.cache_clear()
    try:
        if item.get_closest_marker("reference") is not None:
            return (yield)
        with _without_the_reference():
            return (yield)
    finally:
        this_machine.cache_clear()


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Before any fixture of a test that needs the reference."""
    if item.get_closest_marker("reference") is not None and not _REFERENCE_IS_INSTALLED:
        pytest.skip("sentence-transformers is not installed (make test-reference)")


@contextmanager
def _without_the_reference() -> Iterator[None]:
    folder = str(_WITHOUT_THE_REFERENCE)
    with pytest.MonkeyPatch.context() as patch:
        for name in _REFERENCE:
            patch.setitem(sys.modules, name, None)
        # Children are given this process's path or its environment.
        patch.setattr(sys, "path", [folder, *sys.path])
        patch.setenv("PYTHONPATH", folder, prepend=os.pathsep)
        patch.setenv("WITHOUT_MODULES", ",".join(_REFERENCE))
        yield
