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
        return [row[0] for row in connection.execute("SELECT chunk FROM chunks ORDER BY ordinal")]


def store(search: ASearch, change: Callable[[bytes], bytes | str]) -> None:
    with closing(sqlite3.connect(search.folder / "search.sqlite")) as connection:
        connection.create_function("changed", 1, change)
        connection.execute("UPDATE chunks SET chunk = changed(chunk)")
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
