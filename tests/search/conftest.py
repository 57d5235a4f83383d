"""A search of its own for each test, and one by words that the tests of a file share."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from httpx import AsyncClient
from search_builders import ASearch, SmallModel, a_search, over_http


@pytest.fixture
async def search(tmp_path: Path) -> AsyncIterator[ASearch]:
    async with a_search(tmp_path) as one:
        yield one


@pytest.fixture
async def client(search: ASearch) -> AsyncIterator[AsyncClient]:
    async with over_http(search) as one:
        yield one


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def word_search(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ASearch]:
    """Its model reads no language, so that words alone decide."""
    async with a_search(tmp_path_factory.mktemp("words"), model=SmallModel(languages=frozenset())) as one:
        yield one


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def word_client(word_search: ASearch) -> AsyncIterator[AsyncClient]:
    async with over_http(word_search) as one:
        yield one
