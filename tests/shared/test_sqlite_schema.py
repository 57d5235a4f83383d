"""A file gets what it lacks, once and whole; kept counts are what a count would give."""

import sqlite3
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.infrastructure.sqlite.database import SqliteDatabase
from shared.infrastructure.sqlite.kept_counts import kept_counts
from shared.infrastructure.sqlite.schema import Schema, Step

THINGS = Schema(
    "CREATE TABLE IF NOT EXISTS things (id INTEGER PRIMARY KEY, kind TEXT, size INTEGER NOT NULL, hidden INTEGER);"
)
COUNTED = Step(
    "things_counted",
    kept_counts(
        "thing_counts", of="things", by={"kind": "coalesce(row.kind, '')"}, where="row.hidden IS NULL", size="size"
    ),
)


def counts(connection: sqlite3.Connection) -> dict[str, tuple[int, int]]:
    return {kind: (number, size) for kind, number, size in connection.execute("SELECT * FROM thing_counts")}


async def test_a_step_is_done_once_in_an_old_file_and_in_a_new_one(tmp_path: Path) -> None:
    step = Step("one_more", "INSERT INTO things (kind, size) VALUES ('step', 1);")
    path = tmp_path / "things.sqlite"
    async with SqliteDatabase(path, THINGS) as database:
        await database.write(lambda it: it.execute("INSERT INTO things (kind, size) VALUES ('a', 5)"))
    for _ in range(2):
        async with SqliteDatabase(path, Schema(THINGS.tables, (step, COUNTED))) as database:
            assert await database.read(counts) == {"a": (1, 5), "step": (1, 1)}


async def test_a_step_that_fails_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "things.sqlite"
    wrong = Step("wrong", "DROP TABLE things; SELECT nothing FROM nowhere;")
    async with SqliteDatabase(path, THINGS):
        pass
    with pytest.raises(sqlite3.OperationalError):
        await SqliteDatabase(path, Schema(THINGS.tables, (COUNTED, wrong))).__aenter__()
    async with SqliteDatabase(path, Schema(THINGS.tables, (COUNTED,))) as database:
        assert await database.read(counts) == {}


_ROW = st.tuples(st.sampled_from(["a", "b", "", None]), st.integers(0, 9), st.sampled_from([None, 1]))
_CHANGES = st.lists(st.tuples(st.sampled_from(["put", "change", "remove"]), st.integers(0, 5), _ROW), max_size=30)


@given(before=st.lists(_ROW, max_size=5), changes=_CHANGES)
def test_kept_counts_are_what_counting_gives(
    before: list[tuple[str | None, int, int | None]], changes: list[tuple[str, int, tuple[str | None, int, int | None]]]
) -> None:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    THINGS.bring_up(connection)
    connection.executemany("INSERT INTO things (kind, size, hidden) VALUES (?, ?, ?)", before)
    Schema(THINGS.tables, (COUNTED,)).bring_up(connection)
    for change, number, row in changes:
        if change == "put":
            connection.execute(
                "INSERT INTO things VALUES (?, ?, ?, ?) ON CONFLICT (id) DO UPDATE"
                " SET kind = excluded.kind, size = excluded.size, hidden = excluded.hidden",
                (number, *row),
            )
        elif change == "change":
            connection.execute("UPDATE things SET kind = ?, size = ? WHERE id = ?", (*row[:2], number))
        else:
            connection.execute("DELETE FROM things WHERE id = ?", (number,))
    rows = connection.execute("SELECT coalesce(kind, ''), size FROM things WHERE hidden IS NULL").fetchall()
    numbers, sizes = Counter(kind for kind, _ in rows), Counter[str]()
    for kind, size in rows:
        sizes[kind] += size
    assert counts(connection) == {kind: (numbers[kind], sizes[kind]) for kind in numbers}
    connection.close()
