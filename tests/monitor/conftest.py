"""A monitor of its own for each test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from monitor_builders import Monitor, a_monitor


@pytest.fixture
async def monitor(tmp_path: Path) -> AsyncIterator[Monitor]:
    async with a_monitor(tmp_path) as monitor:
        yield monitor
