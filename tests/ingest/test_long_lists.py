"""What no index answers, a part of a name or a type, is walked on a long list and sorted on a short one: the same."""

import itertools
from pathlib import Path
from typing import Final

from document_store_builders import a_document, on_sqlite, saved

from ingest.application.listing_order import DocumentSort, Place
from ingest.application.ports import DocumentFilter
from ingest.infrastructure.sqlite_documents import SqliteDocuments
from ingest.infrastructure.sqlite_listing import page_of
from ingest.infrastructure.sqlite_removals import SqliteRemovals
from shared.infrastructure.sqlite.database import SqliteDatabase

_NAMES: Final = (
    '자료 "1", [2].txt',
    "a\\b, c.txt",
    "A, 나.txt",
    "100%_.txt",
    "[].txt",
    ", .txt",
    "plain.txt",
    "마지막.txt",
)
_PARTS: Final = (None, ".txt", '"', ",", ", ", "[", "]", "\\", "%", "_", "a", "나.t", '", "', "none of them")


async def test_a_long_list_is_walked_to_the_same_pages_that_a_short_one_is_sorted_into(tmp_path: Path) -> None:
    async with on_sqlite(tmp_path) as stored:
        for number in range(24):
            name = f"{number // 8} {_NAMES[number % 8]}"
            document = a_document(f"{number:02}" + "x" * (number % 5), name, f"c{number % 3}")
            if number % 4 == 1:
                document.withdraw()
            await saved(stored, document)
    database = SqliteDatabase(tmp_path / "ingest.sqlite", SqliteDocuments.SCHEMA + SqliteRemovals.SCHEMA)
    async with database:
        for part, sort, collections in itertools.product(_PARTS, DocumentSort, (None, frozenset(("c1", "c2")))):
            which = DocumentFilter(name_contains=part, media_type="text/plain", collections=collections)
            assert await pages(database, which, sort, few=0) == await pages(database, which, sort, few=1_000)


async def pages(database: SqliteDatabase, which: DocumentFilter, sort: DocumentSort, *, few: int) -> list[object]:
    """All pages of five: the names, and how many there are."""
    found: list[object] = []
    after: Place | None = None
    while True:
        page = await database.read(
            lambda connection, after=after: page_of(connection, which, sort, after, 5, few=few)  # type: ignore[misc]  # a lambda with a default
        )
        found += [[one.name for one in page.documents], page.total]
        after = page.next_after
        if after is None:
            return found
