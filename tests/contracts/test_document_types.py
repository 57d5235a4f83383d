"""What every DocumentStore promises of lists of one type; one suite for each adapter."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from document_store_builders import NOW, Stored, a_document, content, on_mongo, on_sqlite, saved

from ingest.application.ports import DocumentFilter


@pytest.fixture(
    params=[pytest.param(on_sqlite, id="sqlite"), pytest.param(on_mongo, id="mongo", marks=pytest.mark.servers)]
)
async def stored(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Stored]:
    """The adapter under test, empty."""
    opened: Callable[[Path], AbstractAsyncContextManager[Stored]] = request.param
    async with opened(tmp_path) as stored:
        yield stored


async def test_a_type_is_that_of_the_newest_revision(stored: Stored) -> None:
    for number in range(3):
        await saved(stored, a_document(f"text {number}", f"{number}.txt"))
    for number, collection in enumerate(("default", "default", "other")):
        document = await saved(stored, a_document(f"sheet {number}", f"sheet-{number}.csv", collection))
        document.revise(document.name, replace(content(f"rows {number}"), media_type="text/csv"), None, NOW)
        await saved(stored, document)

    async def names(**which: Any) -> list[str]:
        page = await stored.store.find(DocumentFilter(**which))
        assert page.total == len(page.documents)
        return [document.name for document in page.documents]

    assert await names(media_type="text/csv") == ["sheet-2.csv", "sheet-1.csv", "sheet-0.csv"]
    assert await names(media_type="text/plain") == ["2.txt", "1.txt", "0.txt"]
    assert await names(media_type="text/csv", collections=("default",), name_contains="-1") == ["sheet-1.csv"]
    assert await names(media_type="text/csv", status="searchable") == []
    assert await names(media_type="text/%") == []
    first = await stored.store.find(DocumentFilter(media_type="text/csv"), limit=2)
    second = await stored.store.find(DocumentFilter(media_type="text/csv"), after=first.next_after, limit=2)
    assert [document.name for document in second.documents] == ["sheet-0.csv"]
    assert (first.total, second.next_after) == (3, None)
