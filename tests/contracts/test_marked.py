"""The promises of Marked, on every adapter; and what Belonging makes of several."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from shared.infrastructure.files.mark import FolderMark
from shared.infrastructure.prometheus_metrics import PrometheusMetrics
from shared.infrastructure.sqlite.database import SqliteDatabase
from shared.infrastructure.sqlite.mark import SqliteMark
from shared.infrastructure.sqlite.schema import Schema
from shared.kernel import Unavailable
from shared.ports.belonging import Mark, Marked
from shared.runtime.belonging import Belonging, Part


@dataclass
class APart:
    marked: Marked
    fill: Callable[[], Awaitable[object]]
    """Something is kept there from now on."""
    opened_again: Callable[[], Any]
    """As after a restart."""


@asynccontextmanager
async def in_sqlite(folder: Path) -> AsyncIterator[APart]:
    schema = SqliteMark.SCHEMA + Schema("CREATE TABLE IF NOT EXISTS things (name TEXT);")
    async with SqliteDatabase(folder / "module.sqlite", schema) as database:

        @asynccontextmanager
        async def again() -> AsyncIterator[Marked]:
            yield SqliteMark(database, ("things",))

        yield APart(
            SqliteMark(database, ("things",)),
            lambda: database.write(lambda connection: connection.execute("INSERT INTO things VALUES ('one')")),
            again,
        )


@asynccontextmanager
async def in_a_folder(folder: Path) -> AsyncIterator[APart]:
    async def fill() -> None:
        (folder / "part" / "things").mkdir(parents=True)
        (folder / "part" / "things" / "one").touch()

    def again() -> FolderMark:
        return FolderMark(folder / "part", ("things/*",))

    async with again() as mark:
        yield APart(mark, fill, again)


@asynccontextmanager
async def in_mongo(folder: Path) -> AsyncIterator[APart]:
    from mongo_builders import a_mongo, settings_for_mongo

    from shared.infrastructure.mongo.mark import MongoMark

    async with a_mongo(settings_for_mongo(folder)) as door:
        database = door()
        async with database:

            @asynccontextmanager
            async def again() -> AsyncIterator[Marked]:
                yield MongoMark(database, "things")

            yield APart(
                MongoMark(database, "things"), lambda: database.collection("things").insert({"_id": "one"}), again
            )


@pytest.fixture(
    params=[
        pytest.param(in_sqlite, id="sqlite"),
        pytest.param(in_a_folder, id="folder"),
        pytest.param(in_mongo, id="mongo", marks=pytest.mark.servers),
    ]
)
async def part(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[APart]:
    async with request.param(tmp_path) as opened:
        yield opened


async def test_a_new_part_is_empty_and_has_no_mark(part: APart) -> None:
    assert await part.marked.read() is None
    assert await part.marked.is_empty()


async def test_a_mark_is_kept_and_replaced_and_the_first_claim_stays(part: APart) -> None:
    first, second = Mark("one", is_settled=False), Mark("two", 7)
    assert await part.marked.claim(first) == first
    assert await part.marked.claim(second) == first
    await part.marked.write(second)
    async with part.opened_again() as again:
        assert await again.read() == second
        assert await again.is_empty()


async def test_a_part_that_holds_something_is_not_empty(part: APart) -> None:
    await part.fill()
    async with part.opened_again() as again:
        assert not await again.is_empty()


@dataclass
class Kept(Marked):
    """A part whose mark and content the test sets."""

    mark: Mark | None = None
    has_content: bool = False
    writes_until_a_crash: int = 1 << 30

    async def read(self) -> Mark | None:
        return self.mark

    async def write(self, mark: Mark) -> None:
        if not self.writes_until_a_crash:
            raise Unavailable("The process is gone.")
        self.writes_until_a_crash -= 1
        self.mark = mark

    async def claim(self, mark: Mark) -> Mark:
        if self.mark is None:
            await self.write(mark)
        return self.mark or mark

    async def is_empty(self) -> bool:
        return not self.has_content


async def objection(records: Kept, content: Kept, *others: Kept) -> str | None:
    """After a start with these."""
    belonging = Belonging(PrometheusMetrics())
    parts = [Part("records", records, accounts_for=("content",)), Part("content", content)]
    await belonging.settle([*parts, *(Part("other", other) for other in others)])
    return await belonging.objection("content")


async def test_what_is_new_and_what_comes_from_an_earlier_version_is_marked() -> None:
    for has_content in (False, True):
        records, content = Kept(has_content=has_content), Kept(has_content=has_content)
        assert await objection(records, content) is None
        assert records.mark is not None and records.mark == content.mark
        assert await objection(records, content) is None


async def test_a_new_part_beside_known_ones_is_marked_where_that_can_destroy_nothing() -> None:
    mark = Mark("one")
    other = Kept()
    assert await objection(Kept(mark, has_content=True), Kept(mark, has_content=True), other) is None
    assert other.mark == mark
    # New content: there is nothing in it that could go.
    assert await objection(Kept(mark, has_content=True), Kept()) is None


@pytest.mark.parametrize(
    ("records", "content"),
    [
        (Kept(), Kept(has_content=True)),
        (Kept(), Kept(Mark("one"), has_content=True)),
        (Kept(has_content=True), Kept(Mark("one"), has_content=True)),
        (Kept(Mark("one")), Kept(has_content=True)),
        (Kept(Mark("two"), has_content=True), Kept(Mark("one"), has_content=True)),
        (Kept(Mark("one", 3), has_content=True), Kept(Mark("one", 4), has_content=True)),
    ],
    ids=[
        "empty beside an earlier version's",
        "empty",
        "of unknown origin",
        "content of unknown origin",
        "other",
        "old",
    ],
)
async def test_what_does_not_prove_to_belong_is_objected_to_until_it_is_adopted(records: Kept, content: Kept) -> None:
    belonging = Belonging(PrometheusMetrics())
    parts = [Part("records", records, accounts_for=("content",)), Part("content", content)]
    with pytest.raises(Unavailable):
        await belonging.objection("content")
    for _ in range(2):
        await belonging.settle(parts)
        assert "records" in (await belonging.objection("content") or "")
        assert not (await belonging.check()).ready
    await belonging.adopt()
    assert await belonging.objection("content") is None
    assert (await belonging.check()).ready
    assert records.mark is not None and records.mark == content.mark


async def test_a_first_marking_that_broke_off_anywhere_goes_on() -> None:
    for writes in range(4):
        records, content = Kept(has_content=True), Kept(has_content=True)
        records.writes_until_a_crash, content.writes_until_a_crash = (writes + 1) // 2, writes // 2
        belonging = Belonging(PrometheusMetrics())
        with pytest.raises(Unavailable):
            await belonging.settle([Part("records", records, accounts_for=("content",)), Part("content", content)])
        records.writes_until_a_crash = content.writes_until_a_crash = 1 << 30
        assert await objection(records, content) is None


async def test_a_store_that_was_put_back_is_known_by_the_collections_since() -> None:
    records, content = Kept(has_content=True), Kept(has_content=True)
    belonging = Belonging(PrometheusMetrics())
    await belonging.settle([Part("records", records, accounts_for=("content",)), Part("content", content)])
    copy = records.mark
    await belonging.count_collection("content")
    assert await belonging.objection("content") is None
    records.mark = copy
    assert "older" in (await belonging.objection("content") or "")
