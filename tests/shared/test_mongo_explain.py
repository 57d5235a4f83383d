"""A real MongoDB plans every declared query by an index; the pure rule of test_mongo_queries says so beforehand."""

from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from mongo_builders import a_mongo, settings_for_mongo
from mongo_declared import Declared, declared, mongo_modules
from servers import server_kind

from shared.infrastructure.mongo.database import MongoDatabase
from shared.infrastructure.mongo.queries import ANY_COLLECTION, Given, Index, Query
from shared.kernel import Unavailable

DECLARED = declared(mongo_modules())


def stages_in(plan: object) -> Iterator[str]:
    """The names of all stages of a winning plan, in whatever form the version gives it."""
    if isinstance(plan, Mapping):
        if isinstance(plan.get("stage"), str):
            yield plan["stage"]
        for value in plan.values():
            yield from stages_in(value)
    elif isinstance(plan, list):
        for value in plan:
            yield from stages_in(value)


def what_is_wrong(query: Query, stages: set[str]) -> list[str]:
    wrong = []
    if "COLLSCAN" in stages and not query.scans:
        wrong.append("it reads the whole collection")
    if "SORT" in stages and not (query.scans or query.sorts_in_memory):
        wrong.append("it sorts in memory")
    return wrong


def some_value(query: Query, name: str) -> object:
    """Any value: which index is taken does not depend on it, but `$in` and its like want a list."""
    in_list = any(
        value == Given(name)
        for condition in query.filter.values()
        if isinstance(condition, Mapping)
        for operator, value in condition.items()
        if operator in ("$in", "$nin", "$all")
    )
    return query.sample.get(name, ["x", "y"] if in_list else "x")


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[MongoDatabase]:
    async with a_mongo(settings_for_mongo(tmp_path)) as door:
        yield door()


async def plan_of(database: MongoDatabase, query: Query) -> set[str]:
    asked: dict[str, Any] = {
        "find": query.collection,
        "filter": query.filled({name: some_value(query, name) for name in query.given}),
        "sort": dict(query.sort),
    }
    try:
        answer = await database.call(lambda it: it.command("explain", asked, verbosity="queryPlanner"), idempotent=True)
    except Unavailable as error:
        if "no such command" in error.detail:
            pytest.skip(f"needs a real mongod: {server_kind('mongo')} has no explain")
        raise
    return set(stages_in(answer["queryPlanner"]["winningPlan"]))


@pytest.mark.servers
async def test_every_query_is_planned_by_an_index(database: MongoDatabase) -> None:
    asked: list[Declared] = []
    for place, one in enumerate(DECLARED):
        # Each template in a collection of its own, with the indexes that stand beside it.
        own = f"any_{place}" if one.query.collection == ANY_COLLECTION else one.query.collection
        indexes = tuple(index.of(own) for index in one.indexes if index.collection == one.query.collection)
        database.declare(*indexes)
        asked.append(Declared(one.name, one.query.of(own), indexes))
    wrong: dict[str, list[str]] = {}
    async with database:
        for one in asked:
            if found := what_is_wrong(one.query, await plan_of(database, one.query)):
                wrong[one.name] = found
    assert asked and wrong == {}


def test_a_scan_and_a_sort_are_found_in_a_plan() -> None:
    """The forms of MongoDB 4.4, of 7 with its other engine, and of 8's shortcut."""
    classic = {"stage": "SORT", "inputStage": {"stage": "FETCH", "inputStage": {"stage": "IXSCAN"}}}
    other_engine = {"queryPlan": {"stage": "FETCH", "inputStages": [{"stage": "COLLSCAN"}]}, "slotBasedPlan": {}}
    shortcut = {"isCached": False, "stage": "EXPRESS_IXSCAN"}
    query = Query("things", {"a": 1}, sort=(("b", 1),))
    assert what_is_wrong(query, set(stages_in(classic))) == ["it sorts in memory"]
    assert what_is_wrong(query, set(stages_in(other_engine))) == ["it reads the whole collection"]
    assert what_is_wrong(query, set(stages_in(shortcut))) == []
    assert what_is_wrong(Query("things", {}, scans="few"), {"COLLSCAN", "SORT"}) == []


@pytest.mark.servers
async def test_an_index_that_is_missing_is_found(database: MongoDatabase) -> None:
    database.declare(Index("things", (("a", 1),)))
    async with database:
        query = Query("things", {"b": Given("b")})
        assert what_is_wrong(query, await plan_of(database, query)) == ["it reads the whole collection"]
