"""Every question that a store asks of MongoDB has an index, by rule; a real server says the same by explain."""

import ast
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mongo_declared import Declared, declared, mongo_files, mongo_modules
from mongo_planner import served_by

from shared.infrastructure.mongo.queries import Given, Index, Query

DECLARED = declared(mongo_modules())


def without_an_index(queries: list[Declared]) -> list[str]:
    return [one.name for one in queries if not one.query.scans and served_by(one.query, one.indexes) is None]


def a_module(**values: Any) -> ModuleType:
    module = ModuleType("a.infrastructure.mongo_store")
    vars(module).update(values)
    return module


@pytest.mark.parametrize("one", DECLARED, ids=lambda one: one.name)
def test_a_declared_index_serves_the_query(one: Declared) -> None:
    own = [index for index in one.indexes if index.collection == one.query.collection]
    assert without_an_index([one]) == [], f"{one.query} has no index among {own}; add one or say why it scans"


def test_every_module_is_looked_into() -> None:
    found = {one.name.rpartition(".")[0].split(".")[0] for one in DECLARED}
    assert found >= {"ingest", "search", "monitor", "shared"}
    assert len(DECLARED) > 40


def test_a_query_without_an_index_is_found() -> None:
    module = a_module(
        INDEXES=(Index("things", (("kind", 1), ("at", 1))),),
        BY_KIND=Query("things", {"kind": Given("kind")}),
        BY_AGE=Query("things", {"at": {"$lt": Given("at")}}),
        OF_ANOTHER=Query("others", {"kind": Given("kind")}),
        ALLOWED=Query("things", {}, scans="there are ten of them"),
        SEVERAL=[Query("things", {"at": 1})],
    )
    found = [name.rpartition(".")[2] for name in without_an_index(declared([module]))]
    assert found == ["BY_AGE", "OF_ANOTHER", "SEVERAL"]


def declared_inside_functions(source: str) -> list[int]:
    """Lines where a query is made while the program runs: nobody could compare it with the indexes."""
    functions = [
        node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    return [
        call.lineno
        for function in functions
        for call in ast.walk(function)
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "Query"
    ]


def test_queries_are_declared_and_not_made_up() -> None:
    assert {file.name: lines for file in mongo_files() if (lines := declared_inside_functions(file.read_text()))} == {}
    assert declared_inside_functions("async def find():\n    return Query('things', {})") == [2]


def test_values_take_the_place_of_what_is_given() -> None:
    query = Query("things", {"_id": {"$in": Given("ids")}, "at": {"$lt": Given("at")}, "kind": "a"})
    assert query.given == {"ids", "at"}
    assert query.filled({"ids": [1, 2], "at": 3}) == {"_id": {"$in": [1, 2]}, "at": {"$lt": 3}, "kind": "a"}
    assert query.filled({"ids": [], "at": 3}, {"x": 1})["$and"][1] == {"x": 1}
    with pytest.raises(KeyError):
        query.filled({"ids": []})


@pytest.mark.parametrize(
    ("filter", "sort", "is_served"),
    [
        ({"a": 1}, (), True),
        ({"a": 1, "b": {"$gt": 1}}, (("b", -1),), True),
        ({"a": 1}, (("b", 1), ("c", 1)), True),
        ({"a": 1}, (("b", -1), ("c", -1)), True),
        ({"a": 1}, (("b", 1), ("c", -1)), False),
        ({"a": 1}, (("c", 1),), False),
        ({"b": 1}, (), False),
        ({"a": {"$gt": 1}}, (), True),
        ({"a": {"$ne": 1}}, (), False),
        ({"a": {"$exists": True}}, (), False),
        ({}, (("a", 1), ("b", 1)), True),
        ({"_id": 1, "z": 1}, (), True),
    ],
)
def test_an_index_serves_by_a_prefix_of_its_keys(filter: dict[str, Any], sort: Any, is_served: bool) -> None:
    index = Index("things", (("a", 1), ("b", 1), ("c", 1)))
    assert (served_by(Query("things", filter, sort), [index]) is not None) is is_served


@pytest.mark.parametrize(
    ("filter", "where", "is_served"),
    [
        ({"a": 1}, {"state": "new"}, False),
        ({"a": 1, "state": "new"}, {"state": "new"}, True),
        ({"a": 1, "state": "old"}, {"state": "new"}, False),
        # A value or a range of values is there; nothing and `null` are not.
        ({"a": 1}, {"a": {"$exists": True}}, True),
        ({"a": {"$lte": 1}}, {"a": {"$exists": True}}, True),
        ({"a": None}, {"a": {"$exists": True}}, False),
        ({"a": 1}, {"b": {"$exists": True}}, False),
    ],
)
def test_a_partial_index_serves_only_what_says_its_condition(
    filter: dict[str, Any], where: dict[str, Any], is_served: bool
) -> None:
    assert (served_by(Query("things", filter), [Index("things", (("a", 1),), where=where)]) is not None) is is_served


fields = st.sampled_from("abc")
directions = st.sampled_from((1, -1))
keys = st.lists(st.tuples(fields, directions), min_size=1, max_size=3, unique_by=lambda key: key[0]).map(tuple)
small = st.integers(0, 2)
documents = st.lists(st.fixed_dictionaries({"a": small, "b": small, "c": small}), max_size=30)


@given(keys=keys, fixed=st.dictionaries(fields, small), sort=st.one_of(st.just(()), keys), documents=documents)
def test_what_an_index_serves_lies_together_in_it_and_in_order(
    keys: Any, fixed: dict[str, int], sort: Any, documents: list[dict[str, int]]
) -> None:
    """The law behind the rule: walking the index one way gives the order asked for, without sorting anything."""
    index = Index("things", keys)
    if served_by(Query("things", fixed, sort), [index]) is None:
        return
    walked = sorted(documents, key=lambda it: [it[name] * direction for name, direction in keys])
    matching = [it for it in walked if all(it[name] == value for name, value in fixed.items())]
    wanted = [[it[name] * direction for name, direction in sort] for it in matching]
    assert wanted == sorted(wanted) or wanted == sorted(wanted, reverse=True)
    prefix = 0
    while prefix < len(keys) and keys[prefix][0] in fixed:
        prefix += 1
    places = [place for place, it in enumerate(walked) if all(it[name] == fixed[name] for name, _ in keys[:prefix])]
    assert places == list(range(places[0], places[0] + len(places))) if places else True
    assert prefix > 0 or sort


@given(keys=keys, fixed=st.integers(0, 3), backwards=st.booleans())
def test_an_index_serves_every_prefix_of_itself(keys: Any, fixed: int, backwards: bool) -> None:
    filter = {name: 1 for name, _ in keys[:fixed]}
    sort = tuple((name, -direction if backwards else direction) for name, direction in keys[fixed:])
    assert served_by(Query("things", filter, sort), [Index("things", keys)]) is not None


@given(keys=keys, more=keys, fixed=st.dictionaries(fields, small), sort=st.one_of(st.just(()), keys))
def test_one_more_index_never_takes_another_ones_service(
    keys: Any, more: Any, fixed: dict[str, int], sort: Any
) -> None:
    query, index = Query("things", fixed, sort), Index("things", keys)
    if served_by(query, [index]) is not None:
        assert served_by(query, [Index("things", more), index]) is not None
