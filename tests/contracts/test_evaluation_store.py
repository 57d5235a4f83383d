"""The promises of EvaluationStore, on every adapter."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from live_store_builders import OpenSearchStore, SearchStore

from search.application.ports.evaluations import Evaluation, EvaluationPlace
from shared.kernel import new_id

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


@pytest.fixture
async def store(open_search_store: OpenSearchStore) -> AsyncIterator[SearchStore]:
    async with open_search_store() as opened:
        yield opened


def an_evaluation(minute: int, **changes: Any) -> Evaluation:
    given: dict[str, Any] = {
        "id": new_id(),
        "name": f"number {minute}",
        "collection": "default",
        "mode": "hybrid",
        "created_at": NOON + timedelta(minutes=minute, microseconds=7),
        "outcome": {"questions": 1, "metrics": {"ndcg_10": 0.5}, "degraded": {}},
        "per_question": [{"id": "1.$a", "text": "관세 \u2028?", "language": None, "ndcg_10": 0.5}],
    }
    return Evaluation(**{**given, **changes})


async def names(store: SearchStore, *collections: str, after: EvaluationPlace | None = None, limit: int = 10) -> str:
    page = await store.evaluations.page(collections or None, after=after, limit=limit)
    assert all(one.per_question == [] for one in page)
    return "".join(one.name[-1] for one in page)


async def test_what_was_added_is_there_as_it_was_after_a_restart(open_search_store: OpenSearchStore) -> None:
    one = an_evaluation(1)
    async with open_search_store() as store:
        assert await store.evaluations.get(one.id) is None
        await store.evaluations.add(one, kept=10)
        assert await store.evaluations.get(one.id) == one
    async with open_search_store() as store:
        assert await store.evaluations.get(one.id) == one


async def test_a_list_begins_with_the_newest_and_goes_on_behind_a_place(store: SearchStore) -> None:
    for minute in (3, 1, 2):
        await store.evaluations.add(an_evaluation(minute), kept=10)
    twin = an_evaluation(3, name="twin 4")
    await store.evaluations.add(twin, kept=10)
    whole = await names(store)
    assert whole in ("4321", "3421")
    page = await store.evaluations.page(None, after=None, limit=1)
    place = EvaluationPlace(page[0].created_at, page[0].id)
    assert await names(store, after=place) == whole[1:]
    assert await names(store, after=place, limit=1) == whole[1]
    assert await names(store, after=EvaluationPlace(NOON, "")) == ""


async def test_a_list_has_the_collections_that_are_asked_for(store: SearchStore) -> None:
    for minute, collection in ((1, "a"), (2, "b"), (3, "a"), (4, "c")):
        await store.evaluations.add(an_evaluation(minute, collection=collection), kept=10)
    assert (await names(store, "a"), await names(store, "a", "b"), await names(store, "none")) == ("31", "321", "")
    assert await store.evaluations.page([], after=None, limit=10) == []
    counted = [await store.evaluations.count(some) for some in (None, ["a"], ["b", "c"], [], ["none"])]
    assert counted == [4, 2, 2, 0, 0]


async def test_the_oldest_go_when_there_are_too_many(store: SearchStore) -> None:
    for minute in (2, 1, 3, 5, 4):
        await store.evaluations.add(an_evaluation(minute), kept=3)
    assert await names(store) == "543"
    assert await store.evaluations.count(None) == 3
