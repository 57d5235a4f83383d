"""The embedded adapters, opened, and numbers that are counted nowhere."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from shared.infrastructure.prometheus_metrics import PrometheusMetrics
from shared.infrastructure.sqlite.database import SqliteDatabase, SqliteFacts
from shared.infrastructure.sqlite.event_log import SqliteEventLog
from shared.infrastructure.sqlite.jobs import SqliteJobs


@pytest.fixture
def metrics() -> PrometheusMetrics:
    return PrometheusMetrics()


@pytest.fixture
async def log(tmp_path: Path) -> AsyncIterator[SqliteEventLog]:
    async with SqliteEventLog(tmp_path / "events.sqlite") as opened:
        yield opened


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[SqliteDatabase]:
    async with SqliteDatabase(tmp_path / "module.sqlite", SqliteJobs.SCHEMA + SqliteFacts.SCHEMA) as opened:
        yield opened


@pytest.fixture
def facts(database: SqliteDatabase) -> SqliteFacts:
    return SqliteFacts(database, "process")


@pytest.fixture
def jobs(database: SqliteDatabase, facts: SqliteFacts) -> SqliteJobs:
    return SqliteJobs(database, facts)
