"""What every DocumentStore promises of its lists: their order, their pages and their filters."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest
from document_store_builders import NOW, Stored, a_document, a_part, on_mongo, on_sqlite, saved

from ingest.application.listing_order import DocumentSort
from ingest.application.ports import DocumentFilter
from ingest.domain.standing import Failure


@pytest.fixture(
    params=[pytest.param(on_sqlite, id="sqlite"), pytest.param(on_mongo, id="mongo", marks=pytest.mark.servers)]
)
async def stored(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Stored]:
    """The adapter under test, empty."""
    opened: Callable[[Path], AbstractAsyncContextManager[Stored]] = request.param
    async with opened(tmp_path) as stored:
        yield stored


async def test_pages_neither_repeat_nor_skip(stored: Stored) -> None:
    documents = [await saved(stored, a_document(str(n), f"{n}.txt")) for n in range(5)]
    everything = DocumentFilter()
    first = await stored.store.find(everything, limit=2)
    documents[3].withdraw()
    await saved(stored, documents[3])
    await saved(stored, a_document("late", "late.txt"))
    second = await stored.store.find(everything, after=first.next_after, limit=2)
    third = await stored.store.find(everything, after=second.next_after, limit=2)
    names = [document.name for page in (first, second, third) for document in page.documents]
    assert names == ["4.txt", "3.txt", "2.txt", "1.txt", "0.txt"]
    assert third.next_after is None
    assert third.total == 5


async def _pages(stored: Stored, which: DocumentFilter, sort: DocumentSort) -> list[str]:
    """The names of all pages of two."""
    names: list[str] = []
    after = None
    while True:
        page = await stored.store.find(which, sort=sort, after=after, limit=2)
        names += [document.name for document in page.documents]
        after = page.next_after
        if after is None:
            assert page.total == len(names)
            return names


async def test_a_list_is_sorted_by_time_name_size_or_status_and_its_pages_neither_repeat_nor_skip(
    stored: Stored,
) -> None:
    given = [
        ("나.txt", "four", "b"),
        ("B.txt", "four2", "a"),
        ("a.txt", "1", "b"),
        ("가.txt", "four3", "a"),
        ("A.txt", "12", "b"),
    ]
    documents = {name: await saved(stored, a_document(text, name, collection)) for name, text, collection in given}
    for name in ("B.txt", "나.txt"):
        await stored.store.advance(
            documents[name].id, lambda it: it.failed(1, Failure("parse", "bug", "A bug.", False))
        )
    orders = {
        DocumentSort.NEWEST: ["A.txt", "가.txt", "a.txt", "B.txt", "나.txt"],
        DocumentSort.OLDEST: ["나.txt", "B.txt", "a.txt", "가.txt", "A.txt"],
        DocumentSort.NAME: ["a.txt", "A.txt", "B.txt", "가.txt", "나.txt"],
        DocumentSort.SIZE: ["가.txt", "B.txt", "나.txt", "A.txt", "a.txt"],
        DocumentSort.STATUS: ["B.txt", "나.txt", "A.txt", "가.txt", "a.txt"],
    }
    upload = await saved(stored, a_document("a whole archive", "z.zip", "c"))
    for number in (3, 1, 2):
        await saved(stored, a_part(upload, f"{number}.txt", "x" * number))
    parts = [f"z.zip/{number}.txt" for number in (1, 2, 3)]
    for sort, order in orders.items():
        of = {"": order, "a": [name for name in order if name in ("B.txt", "가.txt")]}
        assert await _pages(stored, DocumentFilter({"a", "b"}), sort) == of[""]
        assert await _pages(stored, DocumentFilter({"a"}), sort) == of["a"]
        everything = await _pages(stored, DocumentFilter(), sort)
        assert [name for name in everything if name in order] == order and len(everything) == 9
        failed = [name for name in order if name in ("B.txt", "나.txt")]
        assert await _pages(stored, DocumentFilter(status="failed"), sort) == failed
        assert await _pages(stored, DocumentFilter(name_contains="A"), sort) == [
            name for name in order if name in ("a.txt", "A.txt")
        ]
        found = await _pages(stored, DocumentFilter(parent=upload.id), sort)
        assert sorted(found) == parts
    assert await _pages(stored, DocumentFilter(parent=upload.id), DocumentSort.NAME) == parts
    assert await _pages(stored, DocumentFilter(parent=upload.id), DocumentSort.SIZE) == parts[::-1]


async def test_filters_limit_together(stored: Stored) -> None:
    await saved(stored, a_document("one", "Tariff_A.txt"))
    two = await saved(stored, a_document("two", "tariff-b.txt"))
    await saved(stored, a_document("three", "tariff.txt", "other"))
    await stored.store.advance(two.id, lambda it: it.indexed(1, revision=1, at=NOW))

    async def names(**which: Any) -> list[str]:
        page = await stored.store.find(DocumentFilter(**which))
        assert page.total == len(page.documents)
        return [document.name for document in page.documents]

    assert await names(name_contains="TARIFF") == ["tariff.txt", "tariff-b.txt", "Tariff_A.txt"]
    assert await names(name_contains="_") == ["Tariff_A.txt"]
    assert await names(name_contains="f.T") == ["tariff.txt"]
    assert await names(name_contains="tariff", collections=("default",)) == ["tariff-b.txt", "Tariff_A.txt"]
    assert await names(name_contains="(") == []
    await saved(stored, a_document("four", "Étude [1].txt"))
    assert await names(name_contains="ÉTUDE [") == ["Étude [1].txt"]
    assert await names(name_contains="étude") == []
    assert await names(collections=("default",), status="searchable") == ["tariff-b.txt"]
    assert await names(collections=()) == []
    assert await names(status="withdrawn") == []
