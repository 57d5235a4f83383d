"""A search of its own for each test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from httpx import AsyncClient
from search_builders import ASearch, a_search, over_http


@pytest.fixture
async def search(tmp_path: Path) -> AsyncIterator[ASearch]:
    async with a_search(tmp_path) as one:
        yield one


@pytest.fixture
async def client(search: ASearch) -> AsyncIterator[AsyncClient]:
    async with over_http(search) as one:
        yield one
