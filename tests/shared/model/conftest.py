"""The packaged model, built once for all tests of a process, and managers of it and of a tiny one."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from model_builders import tiny_settings

from shared.infrastructure.prometheus_metrics import PrometheusMetrics
from shared.model.manager import ModelManager
from shared.settings import Settings


@pytest.fixture(scope="session")
def packaged_settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """One data directory for the whole run: the artefact is built by the first test that needs it."""
    return Settings(data_dir=tmp_path_factory.mktemp("packaged"))


@pytest.fixture
async def packaged(packaged_settings: Settings, metrics: PrometheusMetrics) -> AsyncIterator[ModelManager]:
    async with ModelManager(packaged_settings, metrics) as manager:
        yield manager


@pytest.fixture
async def tiny(tmp_path: Path, metrics: PrometheusMetrics) -> AsyncIterator[ModelManager]:
    async with ModelManager(tiny_settings(tmp_path), metrics) as manager:
        yield manager
