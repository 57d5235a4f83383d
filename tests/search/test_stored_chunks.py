"""The text of chunks in search.sqlite: short, read as it was written whichever Seoga wrote it, never wrong."""

import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest
from search_builders import ASearch, a_search

from search.infrastructure.sqlite.chunk_bytes import to_json
from shared.kernel import StoreDamaged

TEXT: Final = "Tea is grown on the hills. 차는 언덕에서 자랍니다. " * 20
WORDS: Final = "tea hills"


@pytest.fixture
async def search(tmp_path: Path) -> AsyncIterator[ASearch]:
    async with a_search(tmp_path) as opened:
        await opened.add(TEXT)
        yield opened


def stored(search: ASearch) -> list[bytes]:
    with closing(sqlite3.connect(search.folder / "search.sqlite")) as connection:
        return [row[0] for row in connection.execute("SELECT chunk FROM chunk_places ORDER BY place")]


def store(search: ASearch, change: Callable[[bytes], bytes | str]) -> None:
    with closing(sqlite3.connect(search.folder / "search.sqlite")) as connection:
        connection.create_function("changed", 1, change)
        connection.execute("UPDATE chunk_places SET chunk = changed(chunk)")
        connection.commit()


async def test_takes_less_room_than_the_text(search: ASearch) -> None:
    assert 0 < sum(map(len, stored(search))) < len(TEXT.encode()) / 2


async def test_what_an_earlier_seoga_wrote_is_found_and_shown_alike(search: ASearch) -> None:
    before = await search.texts(WORDS, mode="keyword")
    store(search, lambda chunk: to_json(chunk).decode())
    assert all(isinstance(chunk, str) for chunk in stored(search))
    # Asked otherwise, so that it is not the answer from before.
    assert await search.texts(f"{WORDS} ", mode="keyword", context=1) == before != []
    assert await search.texts(f'{WORDS} "차는 언덕에서" -"차는 언덕"', mode="keyword", context=1) == []
    assert await search.texts(f'{WORDS} "차는 언덕에서" -coffee', mode="keyword", context=1) == before


@pytest.mark.parametrize(
    "damage",
    [
        lambda chunk: chunk[: len(chunk) // 2],
        lambda chunk: chunk[:-1],
        lambda chunk: chunk[:-20] + bytes([chunk[-20] ^ 1]) + chunk[-19:],
        lambda chunk: b"",
        lambda chunk: b"{" + chunk,
    ],
    ids=["half", "cut off", "a bit", "nothing", "looks like JSON"],
)
async def test_bytes_that_have_changed_are_told_and_not_shown(
    search: ASearch, damage: Callable[[bytes], bytes | str]
) -> None:
    store(search, damage)
    for query in (WORDS, f'"{WORDS}"'):
        with pytest.raises(StoreDamaged, match=r"search\.sqlite"):
            await search.texts(query, mode="keyword")


def as_an_earlier_seoga_had_it(path: Path, change: Callable[[bytes], bytes | str]) -> None:
    """With a row for each chunk under its document's name."""
    with closing(sqlite3.connect(path)) as connection:
        connection.create_function("changed", 1, change)
        connection.executescript("""
            CREATE TABLE chunks (
                document_id TEXT NOT NULL, version INTEGER NOT NULL, ordinal INTEGER NOT NULL, chunk BLOB NOT NULL,
                PRIMARY KEY (document_id, version, ordinal)
            );
            INSERT INTO chunks SELECT document_id, version, place - first_place, changed(chunk)
            FROM versions JOIN chunk_places ON place BETWEEN first_place AND last_place ORDER BY random();
            DROP TABLE chunk_places;
            ALTER TABLE versions DROP COLUMN first_place;
            ALTER TABLE versions DROP COLUMN last_place;
            DELETE FROM schema_steps WHERE name = 'chunks_placed';
        """)


@pytest.mark.parametrize("change", [bytes, lambda chunk: to_json(chunk).decode()], ids=["compressed", "as JSON"])
async def test_a_file_of_an_earlier_seoga_is_brought_up(tmp_path: Path, change: Callable[[bytes], bytes | str]) -> None:
    texts = {number: [f"tea {number} {part}" for part in range(1 + number % 4)] for number in range(9)}
    async with a_search(tmp_path) as search:
        first, *others = [await search.add(*parts) for parts in texts.values()]
        await search.add("tea again", "and brewed", document_id=first.document_id, version=2)
        before = {
            query: await search.texts(query, mode="keyword", context=1) for query in ("tea", '"tea 7" -3', "brewed")
        }
    as_an_earlier_seoga_had_it(tmp_path / "search.sqlite", change)
    async with a_search(tmp_path) as search:
        after = {query: await search.texts(f"{query} ", mode="keyword", context=1) for query in before}
        assert after == before
        assert all(after.values())
        # What comes and what goes leaves the others' alone.
        await search.add("tea of today", "tea of tomorrow")
        for event in others[::2]:
            await search.store.withdraw(event.document_id, 2)
            await search.store.forget([(event.document_id, event.document_version)])
        kept = [text for number in (2, 4, 6, 8) for text in texts[number]]
        assert set(kept) < set(await search.texts("tea", mode="keyword", limit=100))
    with closing(sqlite3.connect(tmp_path / "search.sqlite")) as connection:
        places = [row[0] for row in connection.execute("SELECT place FROM chunk_places ORDER BY place")]
        wanted = connection.execute("SELECT first_place, last_place FROM versions ORDER BY first_place").fetchall()
        assert places == [place for first, last in wanted for place in range(first, last + 1)]
        assert not connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'chunks'").fetchone()
