"""What every RemovalStore promises, beside its DocumentStore; one suite for each adapter."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from document_store_builders import NOW, Stored, a_document, on_mongo, on_sqlite, saved

from ingest.application.ports import Removal
from ingest.domain.standing import Standing

LATER = NOW + timedelta(seconds=1)


@pytest.fixture(
    params=[pytest.param(on_sqlite, id="sqlite"), pytest.param(on_mongo, id="mongo", marks=pytest.mark.servers)]
)
async def stored(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Stored]:
    """The adapter under test, empty."""
    opened: Callable[[Path], AbstractAsyncContextManager[Stored]] = request.param
    async with opened(tmp_path) as stored:
        yield stored


async def test_one_that_is_withdrawing_stays_and_is_told_of_until_it_is_finished(stored: Stored) -> None:
    removals, removal = stored.removals, Removal("gone", 5, 5, NOW)
    assert await removals.last("gone") is None
    assert await removals.unfinished() == []
    assert await removals.begin(removal) == removal
    assert await removals.begin(Removal("gone", 7, 7, LATER)) == removal
    assert [await removals.is_withdrawing(name) for name in ("gone", "other")] == [True, False]
    removal = replace(removal, remaining=3)
    assert await removals.save(removal)
    assert await removals.last("gone") == removal
    removal = replace(removal, withdrawn_at=LATER)
    assert await removals.save(removal)
    assert not await removals.is_withdrawing("gone")
    assert await removals.unfinished() == [removal]
    removal = replace(removal, remaining=0, finished_at=LATER)
    assert await removals.save(removal)
    assert await removals.unfinished() == []
    assert await removals.last("gone") == removal


async def test_one_begun_anew_is_not_overwritten_by_who_worked_on_the_former(stored: Stored) -> None:
    former, new = Removal("gone", 5, 5, NOW, withdrawn_at=NOW), Removal("gone", 2, 2, LATER)
    await stored.removals.begin(former)
    assert await stored.removals.begin(new) == new
    assert not await stored.removals.save(replace(former, finished_at=LATER))
    assert await stored.removals.last("gone") == new
    assert await stored.removals.is_withdrawing("gone")


async def test_counts_what_is_withdrawn_and_not_gone_from_search(stored: Stored) -> None:
    documents = [await saved(stored, a_document(str(number), f"{number}.txt")) for number in range(3)]
    await saved(stored, a_document("other", "a.txt", "other"))
    for document in documents[:2]:
        document.withdraw()
    withdrawn = [await saved(stored, document) for document in documents[:2]]
    assert await stored.removals.count_leaving("default") == 2
    await stored.store.advance(withdrawn[0].id, partial(Standing.gone, version=withdrawn[0].version))
    assert await stored.removals.count_leaving("default") == 1
    assert await stored.removals.count_leaving("other") == 0
