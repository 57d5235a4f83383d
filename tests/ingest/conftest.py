"""Ingest in the test's folder."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from ingest_builders import AnIngest, an_ingest


@pytest.fixture
async def ingest(tmp_path: Path) -> AsyncIterator[AnIngest]:
    async with an_ingest(tmp_path) as one:
        yield one
